"""Password hashes: scrypt at the cost OWASP asks for, a few at a time.

Both functions raise ``unavailable`` when too many requests wait for theirs already: the rest of the web's
threads stay free for everybody else.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from werkzeug.security import check_password_hash, generate_password_hash

from web.problems import Problem

METHOD = "scrypt:131072:8:1"
#: Stored where no password can ever match.
NO_PASSWORD = "!"
#: What an unknown account is checked against, so that it takes as long to refuse as a wrong password.
_NOBODY = "scrypt:131072:8:1$bthwaninobodyhas$" + "0" * 128
#: Each hash takes 128 MiB and a core for about half a second.
_at_once = threading.BoundedSemaphore(2)
#: Those at work and those that wait; fewer than the threads of ``python -m web``.
_admitted = threading.BoundedSemaphore(6)
BUSY_SECONDS = 2


def hashed(password: str) -> str:
    with _turn():
        return generate_password_hash(password, METHOD)


def matches(stored: str | None, password: str) -> bool:
    """Whether ``password`` is the stored one; an unknown account (None) costs the same time."""
    with _turn():
        return check_password_hash(stored or _NOBODY, password) and stored is not None


@contextmanager
def _turn() -> Iterator[None]:
    if not _admitted.acquire(blocking=False):
        raise Problem("unavailable", retry_after=BUSY_SECONDS)
    try:
        with _at_once:
            yield
    finally:
        _admitted.release()
