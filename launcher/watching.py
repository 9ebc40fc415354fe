"""Following jobs through the API until they end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from launcher.api import Api

POLL_S = 0.02
ENDED = ("completed", "failed")


class TooLate(Exception):
    """A job did not get there in its time."""


@dataclass(frozen=True)
class JobRef:
    queue: str
    id: str
    name: str

    def __str__(self) -> str:
        return f"{self.queue} / {self.name}"


@dataclass(frozen=True)
class JobSeen:
    """A job as the API showed it; times are Bull's, in milliseconds of the server's clock."""

    ref: JobRef
    state: str
    body: dict[str, Any]

    @property
    def has_ended(self) -> bool:
        """The API reads the job first and its state afterwards: only both together are the end."""
        return self.state in ENDED and self.body["finishedOn"] is not None

    @property
    def added_ms(self) -> int:
        return int(self.body["timestamp"])

    @property
    def started_ms(self) -> int | None:
        return self.body["processedOn"]

    @property
    def ended_ms(self) -> int:
        return int(self.body["finishedOn"])

    @property
    def run_ms(self) -> int:
        return self.ended_ms - int(self.body["processedOn"])

    @property
    def failed_attempts(self) -> int:
        return int(self.body["attemptsMade"])


def refs(bodies: list[dict[str, Any]]) -> list[JobRef]:
    return [JobRef(body["queue"], body["id"], body["name"]) for body in bodies]


class Watch:
    """`admin`: an administrator's client; only they may see jobs."""

    def __init__(self, admin: Api) -> None:
        self._admin = admin

    def look(self, ref: JobRef) -> JobSeen:
        body = self._admin.get(f"/queues/{quote(ref.queue)}/jobs/{quote(ref.id)}")["job"]
        return JobSeen(ref, body["state"], body)

    def until_ended(self, jobs: list[JobRef], within_s: float = 30.0) -> Iterator[JobSeen]:
        """Each job when it has ended, in that order. Raises `TooLate`."""
        pending, deadline = list(jobs), time.monotonic() + within_s
        while pending:
            seen = [self.look(ref) for ref in pending]
            ended = sorted((job for job in seen if job.has_ended), key=lambda job: job.ended_ms)
            yield from ended
            pending = [job.ref for job in seen if not job.has_ended]
            if pending and time.monotonic() > deadline:
                states = ", ".join(f"{job.ref} is {job.state}" for job in seen if job.ref in pending)
                raise TooLate(f"After {within_s:.0f} s: {states}.")
            time.sleep(POLL_S if pending else 0)

    def attempts(self, ref: JobRef, within_s: float = 30.0) -> Iterator[JobSeen]:
        """The job each time another attempt of it has failed, and at its end. Raises `TooLate`."""
        failed, deadline = 0, time.monotonic() + within_s
        while True:
            job = self.look(ref)
            if job.has_ended:
                yield job
                return
            if job.failed_attempts > failed:
                failed = job.failed_attempts
                yield job
            if time.monotonic() > deadline:
                raise TooLate(f"After {within_s:.0f} s {ref} is {job.state}.")
            time.sleep(POLL_S)
