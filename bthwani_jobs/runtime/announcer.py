"""What a runner says of its jobs once Redis has it: local events, log lines, counts."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from ..core.ids import shown_id
from ..errors import LockMismatch, LockMissing, MissingKey
from ..job import Job
from ..queue import Queue
from ..store.claiming import FinishedRun
from .processing import Run

log = logging.getLogger("rq.worker")

#: Bull's names of the commands in its error texts.
_COMMANDS = {
    "complete": "finished",
    "fail": "failed",
    "retry": "retry",
    "delay": "delayed",
    "give_back": "waiting",
}
_LOST = {"missing_key": MissingKey, "missing_lock": LockMissing, "mismatch": LockMismatch}


class Announcer:
    """Speaks for one queue. State has changed already when an event is emitted (contract 10.2)."""

    def __init__(self, queue: Queue) -> None:
        self.queue = queue
        self.completed = 0
        self.failed = 0
        self.working_time_s = 0.0

    def begins(self, run: Run) -> None:
        run.begin()
        if self.queue.hears("active"):
            self.queue.emit("active", run.job, None, "waiting")

    def ended(self, run: Run, outcome: FinishedRun, lost: str | None, date: str) -> None:
        """A run's outcome was written at ``date``, or dropped because its lease was ``lost``."""
        took_s = time.monotonic() - run.started
        self.working_time_s += took_s
        if lost is not None:
            self._dropped(run.job, outcome, lost)
        elif run.error is None:
            self._completed(run, date, took_s)
        else:
            self._failed(run, outcome, date)

    def _dropped(self, job: Job, outcome: FinishedRun, lost: str) -> None:
        error = _LOST[lost](job.id, _COMMANDS[outcome.kind])
        log.warning("Queue %s: %s; its outcome is dropped.", self.queue.name, error)
        self.queue.emit("error", error)

    def _completed(self, run: Run, date: str, took_s: float) -> None:
        self.completed += 1
        job = run.job
        if log.isEnabledFor(logging.DEBUG):
            log.debug(
                "Job %s (%s) of %s completed in %.0f ms", job.id, job.name, self.queue.name, took_s * 1000
            )
        if self.queue.hears("completed"):
            job.note_finish(date, run.result)
            self.queue.emit("completed", job, run.result, "active")

    def _failed(self, run: Run, outcome: FinishedRun, date: str) -> None:
        self.failed += 1
        job = run.job
        follows = {
            "fail": "failed for good",
            "retry": "runs again at once",
            "delay": f"runs again in {outcome.delay_ms} ms",
        }
        log.warning(
            "Job %s (%s) of queue %s: attempt %d: %s; %s",
            job.id,
            job.name,
            self.queue.name,
            outcome.attempts_made,
            outcome.text,
            follows[outcome.kind],
        )
        if outcome.kind == "fail":
            job.note_finish(date)
        self.queue.emit("failed", job, run.error, "active")

    def set_aside(self, entries: Sequence[tuple[str, str]]) -> None:
        """Entries of the list that could not be run, with why."""
        for rq_job_id, why in entries:
            log.warning("Queue %s: entry %.100r set aside: %s.", self.queue.name, rq_job_id, why)

    def moved(self, rq_ids: Sequence[str]) -> None:
        """Delayed jobs that this worker made waiting."""
        if rq_ids and self.queue.hears("waiting"):
            for rq_job_id in rq_ids:
                self.queue.emit("waiting", shown_id(rq_job_id), None)
