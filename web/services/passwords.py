"""Password hashes: scrypt at the cost OWASP asks for, a few at a time."""

from __future__ import annotations

import threading

from werkzeug.security import check_password_hash, generate_password_hash

METHOD = "scrypt:131072:8:1"
#: Stored where no password can ever match.
NO_PASSWORD = "!"
#: What an unknown account is checked against, so that it takes as long to refuse as a wrong password.
_NOBODY = "scrypt:131072:8:1$bthwaninobodyhas$" + "0" * 128
#: Each hash takes 128 MiB and a core for about half a second.
_at_once = threading.BoundedSemaphore(2)


def hashed(password: str) -> str:
    with _at_once:
        return generate_password_hash(password, METHOD)


def matches(stored: str | None, password: str) -> bool:
    """Whether ``password`` is the stored one; an unknown account (None) costs the same time."""
    with _at_once:
        return check_password_hash(stored or _NOBODY, password) and stored is not None
