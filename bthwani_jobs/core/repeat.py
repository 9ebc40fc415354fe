"""When a repeatable job comes again, and under which key and id (contract 6.3)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import md5

from .cron import next_match
from .option_types import Repeat
from .options import JobOptions

__all__ = ["Occurrence", "Repeat", "next_occurrence", "next_run", "occurrence_id", "repeat_key"]


@dataclass(frozen=True, slots=True)
class Occurrence:
    """The next job of a chain: to be added under ``job_id``, due at ``next_ms``, with ``options``."""

    key: str
    job_id: str
    next_ms: int
    options: JobOptions


def repeat_key(name: str, repeat: Repeat) -> str:
    """Bull's text for what makes two repeatables the same: name, id, end, zone and cron or every (S-112)."""
    end = "" if repeat.end_date is None else repeat.end_date
    schedule = f"{repeat.tz or ''}:{repeat.cron}" if repeat.cron is not None else repeat.every
    return f"{name}:{repeat.job_id or ''}:{end}:{schedule}"


def occurrence_id(name: str, repeat: Repeat, key: str, next_ms: int) -> str:
    """Bull's id of one occurrence (S-113): the same whoever computes it, so that it is added once."""
    digest = _md5(f"{name}{repeat.job_id or ''}:{_md5(key)}")
    return f"repeat:{digest}:{next_ms}"


def next_run(repeat: Repeat, prev_ms: int | None, now_ms: int) -> int | None:
    """The first time after both ``now_ms`` and ``prev_ms``, the slot that just began; None past the end.

    ``every`` runs on the grid since the epoch and not beyond the end either (Q-39); it ignores ``start_date``
    (S-121), which ``cron`` obeys.
    """
    if repeat.end_date is not None and now_ms > repeat.end_date:
        return None
    base = now_ms if prev_ms is None else max(now_ms, prev_ms)
    if repeat.every is not None:
        next_ms: int | None = (base // repeat.every + 1) * repeat.every
    elif repeat.cron is not None:
        next_ms = next_match(repeat.cron, repeat.tz, max(base, repeat.start_date or 0))
    else:
        raise ValueError("A repeat has neither cron nor every; Repeat.of() refuses such.")
    if next_ms is None or (repeat.end_date is not None and next_ms > repeat.end_date):
        return None
    return next_ms


def next_occurrence(name: str, options: JobOptions, prev_ms: int | None, now_ms: int) -> Occurrence | None:
    """One step of Bull's scheduler: the occurrence after ``prev_ms``, the first one if that is None.

    ``options`` are those of the add, or of the occurrence that just began. None: the chain ends here, by its
    limit or its end.
    """
    repeat = options.repeat
    if repeat is None:
        raise ValueError(f'Job "{name}" has no repeat option, so nothing follows it.')
    if prev_ms is None and options.job_id is not None:
        repeat = replace(repeat, job_id=options.job_id)
    count = (repeat.count or 0) + 1
    if repeat.limit is not None and count > repeat.limit:
        return None
    next_ms = next_run(repeat, prev_ms, now_ms)
    if next_ms is None:
        return None
    key = repeat_key(name, repeat)
    job_id = occurrence_id(name, repeat, key, next_ms)
    inherited = options.replace(
        job_id=job_id,
        delay=max(0, next_ms - now_ms),
        timestamp=None,
        prev_millis=next_ms,
        repeat=replace(repeat, count=count, key=key),
    )
    return Occurrence(key, job_id, next_ms, inherited)


def _md5(text: str) -> str:
    # Bull's ids; nothing secret hangs on it. Without the flag, FIPS builds of Python refuse.
    return md5(text.encode(), usedforsecurity=False).hexdigest()
