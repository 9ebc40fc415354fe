"""Every environment variable the application reads, validated once, with all faults named at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, quote, urlsplit

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

BUSINESS_TIMEZONE = "Asia/Aden"
DATABASE_FILE = "bthwani.sqlite3"
LONGEST_SECONDS = 24 * 60 * 60
ESCAPING = "In a password, write @ as %40, / as %2F, # as %23, ? as %3F and % as %25."


class InvalidSettings(ValueError):
    """The environment cannot be used; the message has one line for each variable at fault."""

    def __init__(self, faults: Mapping[str, list[str]]) -> None:
        self.faults = dict(faults)
        lines = [f"  {name}: {' '.join(texts)}" for name, texts in sorted(self.faults.items())]
        super().__init__("These environment variables cannot be used:\n" + "\n".join(lines))


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the environment says. `repr` keeps the secrets out of logs and tracebacks."""

    redis_url: str
    queue_attempts: int
    #: milliseconds before the second attempt; grows exponentially
    queue_backoff_delay: int
    database_url: str
    #: None: mail is written to a maildir below `data_dir`
    smtp_url: str | None
    mail_from: str
    data_dir: Path
    #: the address of this machine that the web process listens on
    host: str
    port: int
    #: None: the process that needs one must refuse to start
    secret_key: str | None
    admin_email: str | None
    admin_password: str | None
    #: seconds
    shutdown_grace: int

    def __repr__(self) -> str:
        return f"Settings(port={self.port}, data_dir={str(self.data_dir)!r})"

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Settings:
        """Read `environ`; an empty value counts as not given. Raises `InvalidSettings`."""
        given = {name: value.strip() for name, value in environ.items() if value.strip()}
        try:
            values = _Environment().load(given)
        except ValidationError as error:
            raise InvalidSettings(_faults_by_variable(error)) from None
        return cls(**_combined(values))


def _redis_url(text: str) -> None:
    parts = _split(text)
    if parts.scheme not in {"redis", "rediss", "unix"}:
        raise ValidationError(f"Expected a redis://, rediss:// or unix:// address, found {_shown(text)}.")
    is_whole = re.fullmatch(r"/?[0-9]*", parts.path) and not parts.fragment and "@" not in parts.query
    if parts.scheme != "unix" and not is_whole:
        raise ValidationError(
            f"Expected {parts.scheme}://[:password@]host[:port][/number of a database], "
            f"found {_shown(text)}. {ESCAPING}"
        )


def _split(text: str) -> SplitResult:
    """The address in parts, its port a number if there is one."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise ValidationError(
            f"Expected an address whose port is a number up to 65535, found {_shown(text)}. {ESCAPING}"
        ) from None
    return parts


def _smtp_url(text: str) -> None:
    parts = _split(text)
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
        raise ValidationError(
            f"Expected smtp://[user:password@]host[:port] or smtps://…, found {_shown(text)}."
        )


def _database_url(text: str) -> None:
    try:
        make_url(text)
    except ArgumentError:
        raise ValidationError(
            f"Expected an address like sqlite:///file or postgresql+psycopg://…; found {_shown(text)}."
        ) from None


def _shown(address: str) -> str:
    """The address without what may be a password."""
    scheme, separator, rest = address.partition("://")
    return repr(f"{scheme}{separator}{rest.rpartition('@')[2]}")


def _whole_number(low: int, high: int) -> dict[str, Any]:
    text = f"Expected a whole number from {low} to {high}."
    return {"error_messages": {"invalid": text}, "validate": validate.Range(low, high, error=text)}


class _Environment(Schema):
    class Meta:
        unknown = EXCLUDE

    rq_redis_url = fields.String(data_key="RQ_REDIS_URL", validate=_redis_url)
    redis_url = fields.String(data_key="REDIS_URL", validate=_redis_url)
    redis_host = fields.String(data_key="REDIS_HOST", load_default="localhost")
    redis_port = fields.Integer(data_key="REDIS_PORT", load_default=6379, **_whole_number(1, 65535))
    redis_password = fields.String(data_key="REDIS_PASSWORD", load_default="")
    redis_db = fields.Integer(data_key="REDIS_DB", load_default=0, **_whole_number(0, 65535))
    queue_attempts = fields.Integer(data_key="QUEUE_ATTEMPTS", load_default=3, **_whole_number(1, 1000))
    queue_backoff_delay = fields.Integer(
        data_key="QUEUE_BACKOFF_DELAY", load_default=1000, **_whole_number(0, LONGEST_SECONDS * 1000)
    )
    database_url = fields.String(data_key="DATABASE_URL", validate=_database_url)
    smtp_url = fields.String(data_key="SMTP_URL", load_default=None, validate=_smtp_url)
    mail_from = fields.Email(data_key="MAIL_FROM", load_default="no-reply@bthwani.example")
    data_dir = fields.String(data_key="DATA_DIR", load_default=".data")
    host = fields.String(data_key="HOST", load_default="127.0.0.1")
    port = fields.Integer(data_key="PORT", load_default=3000, **_whole_number(1, 65535))
    secret_key = fields.String(
        data_key="SECRET_KEY",
        load_default=None,
        validate=validate.Length(min=16, error="Expected at least {min} characters."),
    )
    admin_email = fields.Email(data_key="ADMIN_EMAIL", load_default=None)
    admin_password = fields.String(
        data_key="ADMIN_PASSWORD",
        load_default=None,
        validate=validate.Length(min=8, error="Expected at least {min} characters."),
    )
    shutdown_grace = fields.Integer(
        data_key="SHUTDOWN_GRACE", load_default=30, **_whole_number(1, LONGEST_SECONDS)
    )


def _combined(values: dict[str, Any]) -> dict[str, Any]:
    """One Redis address in the order in which `rq` looks, and a database below the data folder."""
    host, port = values.pop("redis_host"), values.pop("redis_port")
    password, db = values.pop("redis_password"), values.pop("redis_db")
    credentials = f":{quote(password, safe='')}@" if password else ""
    parts_url = f"redis://{credentials}{host}:{port}/{db}"
    values["redis_url"] = values.pop("rq_redis_url", None) or values.pop("redis_url", None) or parts_url
    values["data_dir"] = Path(values["data_dir"]).expanduser().absolute()
    values.setdefault("database_url", f"sqlite:///{values['data_dir'] / DATABASE_FILE}")
    return values


def _faults_by_variable(error: ValidationError) -> dict[str, list[str]]:
    messages = error.normalized_messages()
    return {name: [str(text) for text in texts] for name, texts in messages.items()}
