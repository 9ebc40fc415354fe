"""The one shape in which both sides report what they saw; the twin of ``node/canonical.js``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import bthwani_jobs

_STAMPS = {"processedOn", "finishedOn", "retriedOn"}


def error_text(error: BaseException) -> dict[str, str]:
    return {"error": str(error)}


def event_row(event: str, args: Iterable[Any]) -> list[Any]:
    """An event with its arguments, jobs named by their ids, without nulls at the end."""
    row = [event, *(_argument(each) for each in args)]
    while len(row) > 1 and row[-1] is None:
        row.pop()
    return row


def _argument(value: Any) -> Any:
    if isinstance(value, BaseException):
        return error_text(value)
    if isinstance(value, bthwani_jobs.Job):
        return {"job": value.id}
    return value


def job_fields(job: bthwani_jobs.Job | None, fields: Iterable[str]) -> dict[str, Any] | None:
    return None if job is None else {field: _read(job, field) for field in fields}


def _read(job: bthwani_jobs.Job, field: str) -> Any:
    if field.startswith("opts."):
        value = getattr(job.opts, snake(field.removeprefix("opts.")))
        return dict(value) if isinstance(value, Mapping) else value
    if field in _STAMPS:
        return "set" if getattr(job, snake(field)) else None
    if field == "state":
        return job.get_state()
    if field == "progress":
        return job.progress()
    if field == "traces":
        return len(job.stacktrace)
    return getattr(job, snake(field))


def ids(jobs: Iterable[bthwani_jobs.Job]) -> list[str]:
    return [job.id for job in jobs]


def snake(name: str) -> str:
    return re.sub("[A-Z]", lambda letter: "_" + letter[0].lower(), name)
