"""What the dashboard shows of jobs: RQ's record, and Bull's fields where the job is one of ours.

RQ's own readers fail on one bad record for a whole list, and remove ids whose hash is missing from the list
that is being looked at. These read every job for itself and change nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

from flask import current_app
from redis import Redis
from rq.exceptions import NoSuchJobError
from rq.job import Job as RqJob
from rq.registry import (
    BaseRegistry,
    CanceledJobRegistry,
    DeferredJobRegistry,
    FailedJobRegistry,
    FinishedJobRegistry,
    ScheduledJobRegistry,
    StartedJobRegistry,
)

from bthwani_jobs import Job, Queue
from bthwani_jobs.core import ids
from bthwani_jobs.errors import InvalidInput
from web.problems import Problem

QUEUED = "queued"
REGISTRIES: Mapping[str, type[BaseRegistry]] = {
    "started": StartedJobRegistry,
    "scheduled": ScheduledJobRegistry,
    "finished": FinishedJobRegistry,
    "failed": FailedJobRegistry,
    "deferred": DeferredJobRegistry,
    "canceled": CanceledJobRegistry,
}
LONGEST_LOG = 500
#: The score of a job of ours is its instant in ms, times this, plus its place within the millisecond.
SCORES_PER_MS = 1024
#: RQ's own entries are scored in seconds, far below any of ours.
LOWEST_SCORE = 10**12 * SCORES_PER_MS


class Jobs:
    """The jobs in one Redis, looked up by RQ id."""

    def __init__(self, redis: Redis, queues: Mapping[str, Queue]) -> None:
        self.redis = redis
        self._queues = dict(queues)

    def bull(self, rq_id: str) -> Job | None:
        """Our job behind an RQ id; None for a job of plain RQ, or none at all."""
        try:
            queue_name, job_id = ids.queue_of(rq_id), ids.job_id_of(rq_id)
        except ValueError:
            return None
        return self.queue(queue_name).get_job(job_id)

    def queue(self, name: str) -> Queue:
        """Raises ``queue_not_found`` for a name that no queue can have."""
        if name not in self._queues:
            try:
                self._queues[name] = Queue(name, self.redis)
            except InvalidInput:
                raise Problem("queue_not_found", queue=name) from None
        return self._queues[name]

    def rq(self, rq_id: str) -> RqJob:
        """RQ's record. Raises ``job_not_found``, and ``job_unreadable`` for one that RQ cannot parse."""
        try:
            return RqJob.fetch(rq_id, connection=self.redis)
        except NoSuchJobError:
            raise Problem("job_not_found") from None
        except Exception as error:  # RQ parses whatever it finds there, with any exception
            raise Problem("job_unreadable", {"error": brief(error)}) from None

    def ids(
        self, queue_name: str, registry: str, start: int = 0, end: int = -1, *, newest_first: bool = False
    ) -> list[str]:
        """RQ ids from ``start`` to ``end``, both included, as Redis counts. Raises ``not_found``."""
        source = self._source(queue_name, registry)
        if newest_first:
            length = self.count(queue_name, registry)
            last = length - 1 if end < 0 else end
            start, end = max(0, length - 1 - last), length - 1 - start
            if end < start:
                return []
        if isinstance(source, BaseRegistry):
            found = source.get_job_ids(start, end, cleanup=False)
        else:
            found = [as_text(raw) for raw in self.redis.lrange(source, start, end)]
        return found[::-1] if newest_first else found

    def count(self, queue_name: str, registry: str) -> int:
        source = self._source(queue_name, registry)
        if isinstance(source, BaseRegistry):
            return source.get_job_count(cleanup=False)
        return int(self.redis.llen(source))

    def drop_missing(self, queue_name: str, rq_ids: list[str]) -> int:
        """Take those whose hash is gone off the waiting list; how many."""
        pipeline = self.redis.pipeline(transaction=False)
        for rq_id in rq_ids:
            pipeline.exists(RqJob.key_for(rq_id))
        missing = [rq_id for rq_id, exists in zip(rq_ids, pipeline.execute(), strict=True) if not exists]
        key = self._source(queue_name, QUEUED)
        return sum(int(self.redis.lrem(str(key), 0, rq_id)) for rq_id in missing)

    def rows(
        self, queue_name: str, registry: str, *, page: int, per_page: int, newest_first: bool
    ) -> list[dict[str, Any]]:
        """One page of a list."""
        start = (page - 1) * per_page
        found = self.ids(queue_name, registry, start, start + per_page - 1, newest_first=newest_first)
        return [self.row(rq_id) for rq_id in found]

    def row(self, rq_id: str) -> dict[str, Any]:
        """A job as the lists show it; what cannot be read is shown as such."""
        try:
            bull = self.bull(rq_id)
            return self.record(self.rq(rq_id)) | {"bull": self._bull_row(bull) if bull else None}
        except Problem as problem:
            return {"id": rq_id, "unreadable": (problem.details or {}).get("error", problem.code)}
        except Exception as error:  # a stored field that is not what it should be
            return {"id": rq_id, "unreadable": brief(error)}

    def details(self, rq_id: str) -> dict[str, Any]:
        """Everything the library knows about a job of ours. Raises ``job_not_found``."""
        job = self.bull(rq_id)
        if job is None:
            raise Problem("job_not_found")
        logs = self.queue(job.queue.name).get_job_logs(job.id, 0, LONGEST_LOG - 1)
        try:
            fields = job.to_json() | self._bull_row(job)
        except Exception as error:  # a stored field that is not what it should be
            raise Problem("job_unreadable", {"error": brief(error)}) from None
        return fields | {"state": job.get_state(), "logs": logs}

    def record(self, job: RqJob) -> dict[str, Any]:
        """RQ's fields, under rq-dashboard's names."""
        latest = job.latest_result()
        return {
            "id": job.id,
            "description": job.description,
            "origin": job.origin,
            "status": str(job.get_status(refresh=False).value),
            "created_at": _iso(job.created_at),
            "enqueued_at": _iso(job.enqueued_at),
            "started_at": _iso(job.started_at),
            "ended_at": _iso(job.ended_at),
            "exc_info": latest.exc_string if latest else None,
        }

    def _bull_row(self, job: Job) -> dict[str, Any]:
        return {
            "id": job.id,
            "queue": job.queue.name,
            "name": job.name,
            "attemptsMade": job.attempts_made,
            "attempts": job.opts.attempts,
            "progress": job.progress(),
            "priority": job.opts.priority,
            "timestamp": job.timestamp,
            "delay": job.delay,
            "processedOn": job.processed_on,
            "finishedOn": job.finished_on,
            "failedReason": job.failed_reason,
            "dueOn": self._due_ms(job),
        }

    def _due_ms(self, job: Job) -> int | None:
        """When a job that is delayed, or waits for its next attempt, will run."""
        score = self.redis.zscore(self.queue(job.queue.name).store.keys.delayed, job.rq_id)
        return int(score) // SCORES_PER_MS if score is not None and score >= LOWEST_SCORE else None

    def _source(self, queue_name: str, registry: str) -> str | BaseRegistry:
        """The registry, or the key of the list: while paused the paused one, which stock tools do not see."""
        if registry == QUEUED:
            queue = self.queue(queue_name)
            return queue.store.keys.paused if queue.is_paused() else queue.store.keys.wait
        if registry not in REGISTRIES:
            raise Problem("not_found")
        return REGISTRIES[registry](queue_name, connection=self.redis)


def shown() -> Jobs:
    """The jobs of the application that serves this request."""
    return cast("Jobs", current_app.extensions["bthwani.dashboard"])


def as_text(raw: bytes | str) -> str:
    return raw.decode(errors="replace") if isinstance(raw, bytes) else raw


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def brief(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:300]
