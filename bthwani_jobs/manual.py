"""Jobs taken and finished by hand, without a worker. Mirrors Bull's ``getNextJob``."""

from __future__ import annotations

import logging
import secrets
import time

from .core.timestamps import iso_of
from .job import Job
from .repeatables import RepeatableJobs
from .store import claiming
from .store.claiming import ClaimedRow, NextJob

log = logging.getLogger(__name__)

#: A stock tool may push a job without waking anybody.
LOOK_EVERY_S = 1.0


class ManualJobs(RepeatableJobs):
    """For those who run jobs in a loop of their own."""

    def get_next_job(self) -> Job | None:
        """Take the next job: it is active now, and locked for ``lock_duration``.

        Whoever takes it extends its lock (`Job.extend_lock`) and finishes it (`Job.move_to_completed`,
        `Job.move_to_failed`); otherwise it is run again as stalled. Waits up to ``drain_delay`` s; None if
        nothing came, the queue is paused or this object closed. When the jobs have just run out: None at
        once, and ``drained``. Delayed jobs become due only where a worker or the scheduler runs.
        """
        deadline = time.monotonic() + self.settings.drain_delay
        while not self.closed:
            answer = self._take()
            if answer.job is not None:
                self._took_job = True
                return self._begun(answer.job, iso_of(answer.now_ms))
            if self._took_job:
                self._took_job = False
                self.emit("drained")
                return None
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            # 0 would be for ever
            self.store.client.bzpopmin(self.store.keys.marker, timeout=max(0.01, min(LOOK_EVERY_S, left)))
        return None

    def _take(self) -> NextJob:
        # The token begins with this object's: Job objects loaded through it may finish the job too.
        token = f"{self.token}.{secrets.token_hex(8)}"
        answer = claiming.next_job(self.store, token, self.settings.lock_duration, self._took_job)
        for rq_job_id, why in answer.aside:
            log.warning("Queue %s: entry %r set aside: %s.", self.name, rq_job_id, why)
        return answer

    def _begun(self, row: ClaimedRow, date: str) -> Job:
        job = Job(self, row.rq_id, {**row.raw, "started_at": date})
        job.token = row.token
        self.schedule_next(job, row.raw)
        return job
