"""What a scenario consists of: one job's life, or that of a few."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import redis

from bthwani_jobs import Job, Processor, Queue

#: Under these a job left behind is recovered within about half a second; it may stall often.
SETTINGS = {
    "lock_duration": 300,
    "lock_renew_time": 150,
    "stalled_interval": 150,
    "guard_interval": 200,
    "retry_process_delay": 50,
    "max_stalled_count": 20,
}
#: Longer than an outage of these tests: what runs meanwhile is not taken for stalled.
PATIENT = {**SETTINGS, "lock_duration": 20_000, "lock_renew_time": 100}
EVERY_MS = 300


@dataclass
class Notes:
    """What handlers have noted in Redis, from whatever process: `<job id> <ms>` a start."""

    client: redis.Redis
    queue: str

    @property
    def key(self) -> str:
        return f"test:starts:{self.queue}"

    def start(self, job: Job) -> None:
        self.client.rpush(self.key, f"{job.id} {time.time_ns() // 1_000_000}")

    @property
    def starts(self) -> list[tuple[str, int]]:
        rows = [row.decode().rsplit(" ", 1) for row in self.client.lrange(self.key, 0, -1)]
        return [(job_id, int(ms)) for job_id, ms in rows]

    @property
    def ids(self) -> list[str]:
        return [job_id for job_id, _ in self.starts]


Handler = Callable[[Job], Any]


@dataclass(frozen=True)
class Scenario:
    """`goal`: how many jobs (for repeat: runs) are to end. `verify` gives what is wrong, as sentences."""

    add: Callable[[Queue], None]
    handler: Handler
    verify: Callable[[Queue, Notes], list[str]]
    goal: int = 1
    slots: int = 1
    is_async: bool = False
    #: so many more after a death
    further: int = 0
    #: in place of the goal
    over: Callable[[Queue], bool] | None = None

    def processor(self, notes: Notes, exempt: Callable[[], Any]) -> Processor:
        """The worker's side; noting a start does not count as a call."""
        made = Processor(notes.queue, concurrency=self.slots)
        handler = self.handler

        def note(job: Job) -> None:
            with exempt():
                notes.start(job)

        def handle(job: Job) -> Any:
            note(job)
            return handler(job)

        async def handle_async(job: Job) -> Any:
            note(job)
            return handler(job)

        made.process("*")(handle_async if self.is_async else handle)
        return made

    def is_over(self, queue: Queue, after_death: bool) -> bool:
        if self.over is not None:
            return self.over(queue)
        counts = queue.get_job_counts()
        ended = counts["completed"] + counts["failed"]
        return ended >= self.goal + (self.further if after_death else 0) and not counts["active"]


def wrong(**expected_and_found: tuple[Any, Any]) -> list[str]:
    return [
        f"{name}: expected {expected!r}, found {found!r}"
        for name, (expected, found) in expected_and_found.items()
        if expected != found
    ]
