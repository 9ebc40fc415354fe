"""One worker's steps at a time of the test's choosing; the scripts take it as an argument."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import redis

from bthwani_jobs.store.claiming import FinishedRun, StepReply, _step_reply
from bthwani_jobs.store.keys import QueueKeys
from bthwani_jobs.store.scripts import script

LEASE_MS = 1000


@dataclass
class Stepper:
    """`call` is the number of the latest call; giving it again is what a client does that got no reply."""

    client: redis.Redis
    queue: str
    worker: str = "w"
    token: str = "t"
    call: int = 0

    def step(self, *finished: FinishedRun, want: int = 0, now_ms: int = 0, again: bool = False) -> StepReply:
        """One step; `again`: under the number of the one before."""
        self.call += not again
        keys = QueueKeys(self.queue)
        command: list[Any] = [keys.call(self.token), keys.prefix, self.queue, now_ms, self.call]
        command += [self.worker, self.token, LEASE_MS, want, "", "", len(finished)]
        for run in finished:
            command += run
        return _step_reply(script("step").run(self.client, *command))

    def claim(self, want: int = 1, now_ms: int = 0) -> list[tuple[str, str]]:
        """(rq id, token) of the jobs taken."""
        return [(job.rq_id, job.token) for job in self.step(want=want, now_ms=now_ms).jobs]


def completed(rq_id: str, token: str, keep: str = "") -> FinishedRun:
    return FinishedRun(rq_id, token, "complete", '"done"', keep=keep)


def given_back(rq_id: str, token: str) -> FinishedRun:
    return FinishedRun(rq_id, token, "give_back")
