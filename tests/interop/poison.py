"""What the tests of poisoned keys plant with, and listen with."""

from __future__ import annotations

import logging
from collections.abc import Callable

import redis

from bthwani_jobs.store.entry_call import ENTRY_CALL

Drink = Callable[[], None]


class Alarm(logging.Handler):
    """Lines of warning or worse."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())

    def about(self, text: str) -> list[str]:
        return [line for line in self.lines if text in line]


def plant_job(connection: redis.Redis, queue: str, job_id: str = "bad", **fields: str | bytes | None) -> str:
    """A job of ours as add would have written it, some fields changed, or (None) left out."""
    rq_id = f"{queue}__{job_id}"
    row: dict[str, str | bytes | None] = {
        "data": ENTRY_CALL,
        "status": "queued",
        "origin": queue,
        "created_at": "2026-11-24T08:00:00.000000Z",
        "description": "bad",
        "d": "{}",
        **fields,
    }
    connection.hset(f"rq:job:{rq_id}", mapping={k: v for k, v in row.items() if v is not None})
    return rq_id
