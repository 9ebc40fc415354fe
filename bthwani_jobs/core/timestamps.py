"""RQ's ISO texts and Bull's milliseconds, both ways. A worker converts several per job."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)


def iso_of(ms: int, micros: int = 0) -> str:
    """RQ's text for a time, such as ``2026-11-24T07:45:54.123456Z``; ``micros`` (0–999) are those within the
    millisecond."""
    seconds, rest = divmod(ms, 1000)
    return f"{_second_text(seconds)}.{rest:03d}{micros:03d}Z"


def ms_of(iso_text: str) -> int:
    """Milliseconds since the epoch, rounded down; RQ also writes texts without a fraction.

    Raises ``ValueError`` for a text that RQ could not have written.
    """
    fraction = iso_text[19:]
    if fraction == "Z":
        return _second_of(iso_text[:19])
    digits = fraction[1:-1]
    if fraction[:1] != "." or fraction[-1:] != "Z" or not (digits.isdigit() and digits.isascii()):
        raise ValueError(f'Expected a time such as "2026-11-24T07:45:54.123456Z", found "{iso_text}".')
    return _second_of(iso_text[:19]) + int(digits[:3].ljust(3, "0"))


@lru_cache(maxsize=4096)
def _second_text(seconds: int) -> str:
    moment = _EPOCH + timedelta(seconds=seconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%S") if moment.year >= 1000 else moment.isoformat()[:19]


@lru_cache(maxsize=4096)
def _second_of(text: str) -> int:
    if text[10:11] != "T":
        raise ValueError(f'Expected a time such as "2026-11-24T07:45:54Z", found "{text}".')
    return (datetime.fromisoformat(text).replace(tzinfo=UTC) - _EPOCH) // _SECOND * 1000
