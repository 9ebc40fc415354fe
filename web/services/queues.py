"""The queues as the API shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bthwani_jobs import Job, Queue
from web.problems import Problem


@dataclass(frozen=True)
class QueueView:
    name: str
    counts: Mapping[str, int]
    is_paused: bool


class Queues:
    def __init__(self, queues: Mapping[str, Queue]) -> None:
        self._queues = queues

    def all(self) -> list[QueueView]:
        return [
            QueueView(name, queue.get_job_counts(), queue.is_paused()) for name, queue in self._queues.items()
        ]

    def job(self, queue_name: str, job_id: str) -> tuple[Job, str]:
        """A job and its state. Raises ``queue_not_found`` and ``job_not_found``."""
        job = self._queue(queue_name).get_job(job_id)
        if job is None:
            raise Problem("job_not_found")
        return job, job.get_state()

    def job_view(self, queue_name: str, job_id: str) -> dict[str, Any]:
        """Everything about a job, as Bull's ``toJSON`` has it, with its state and log."""
        job, state = self.job(queue_name, job_id)
        logs = self._queue(queue_name).get_job_logs(job_id)
        return {**job.to_json(), "queue": queue_name, "state": state, "logs": logs["logs"]}

    def _queue(self, name: str) -> Queue:
        if name not in self._queues:
            raise Problem("queue_not_found", queue=name)
        return self._queues[name]
