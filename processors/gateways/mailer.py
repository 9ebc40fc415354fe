"""Handing mail over: to a maildir that any mail program opens, or to an SMTP server."""

from __future__ import annotations

import email.policy
import os
import re
import smtplib
import ssl
from email.message import EmailMessage
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from processors.files import digest, write_whole
from processors.settings import Settings

SMTP_SECONDS = 30
BUSY_RECIPIENT = re.compile(r"busy-([1-9])@")


class MailRefused(Exception):
    """The gateway did not take the mail now; it may later."""


class Mailer(Protocol):
    def deliver(self, message: EmailMessage) -> Path | None:
        """Hand over one finished message. Returns the file that keeps it, if one does.

        May be called again with the same Message-ID. Raises `MailRefused` or an `OSError` if not taken.
        """


class MaildirMailer:
    """A maildir: `new/` holds what nobody has read, one RFC 822 message a file, named after its Message-ID.

    For development: a mail to `busy-2@…` is answered "450 mailbox busy" on its first two deliveries and taken
    on the third (any digit from 1 to 9), so that retries can be watched without a broken server. The count is
    kept on disk beside the maildir, for each message by itself.
    """

    def __init__(self, folder: Path, refusals: Path) -> None:
        self.folder = folder
        self.refusals = refusals

    def deliver(self, message: EmailMessage) -> Path:
        name = _file_name(message["Message-ID"])
        self._pretend_busy(message["To"].addresses[0].addr_spec, name)
        kept = self._find(name)
        if kept is not None:
            return kept
        (self.folder / "cur").mkdir(parents=True, exist_ok=True)
        path = self.folder / "new" / name
        content = message.as_bytes(policy=email.policy.default)
        write_whole(path, content, scratch=self.folder / "tmp")
        return path

    def _find(self, name: str) -> Path | None:
        """A mail program moves what was read to `cur/` and appends flags to its name."""
        unread = self.folder / "new" / name
        if unread.exists():
            return unread
        return next((self.folder / "cur").glob(f"{name}*"), None)

    def _pretend_busy(self, recipient: str, name: str) -> None:
        wanted = BUSY_RECIPIENT.match(recipient)
        if wanted is None:
            return
        self.refusals.mkdir(parents=True, exist_ok=True)
        counter = os.open(self.refusals / name, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(counter, b"x")
            delivery, refused = os.fstat(counter).st_size, int(wanted[1])
        finally:
            os.close(counter)
        if delivery <= refused:
            raise MailRefused(f"450 4.2.1 {recipient}: mailbox busy (refusal {delivery} of {refused})")


class SmtpMailer:
    """One connection a mail, encrypted when the server offers it; `smtps://` insists on it from the start."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.encrypted = parts.scheme == "smtps"
        self.host = parts.hostname or "localhost"
        self.port = parts.port or (465 if self.encrypted else 25)
        self.user = unquote(parts.username or "")
        self.password = unquote(parts.password or "")

    def deliver(self, message: EmailMessage) -> None:
        try:
            with self._connect() as server:
                if self.user:
                    server.login(self.user, self.password)
                server.send_message(message)
        except smtplib.SMTPException as error:
            raise MailRefused(f"{self.host}:{self.port} did not take the mail: {error}") from error

    def _connect(self) -> smtplib.SMTP:
        context = ssl.create_default_context()
        if self.encrypted:
            return smtplib.SMTP_SSL(self.host, self.port, timeout=SMTP_SECONDS, context=context)
        server = smtplib.SMTP(self.host, self.port, timeout=SMTP_SECONDS)
        server.ehlo()
        if server.has_extn("starttls"):
            server.starttls(context=context)
        return server


def mailer_for(settings: Settings) -> Mailer:
    """By SMTP if `SMTP_URL` is set, else into the data folder."""
    if settings.smtp_url is not None:
        return SmtpMailer(settings.smtp_url)
    return MaildirMailer(settings.data_dir / "mail", settings.data_dir / "mail-refusals")


def _file_name(message_id: str) -> str:
    local_part = message_id.strip("<> ").partition("@")[0]
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]*", local_part):
        local_part = digest(message_id)
    return f"{local_part}.eml"
