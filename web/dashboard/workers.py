"""The workers of a Redis, with what each is running."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from redis import Redis
from rq.job import Job
from rq.worker import BaseWorker, Worker

from bthwani_jobs.core import ids
from web.dashboard.data import as_text


def worker_rows(redis: Redis) -> list[dict[str, Any]]:
    """rq-dashboard's fields of every worker, in its order, and all its current jobs in place of the first."""
    rows = [_row(redis, worker) for worker in Worker.all(connection=redis)]
    return sorted(rows, key=lambda row: (row["state"], row["queues"], row["name"]))


def _row(redis: Redis, worker: BaseWorker) -> dict[str, Any]:
    current = [execution.job_id for execution in worker.get_current_executions()]
    return {
        "name": worker.name,
        "hostname": worker.hostname,
        "pid": worker.pid,
        "queues": worker.queue_names(),
        "state": str(worker.get_state()),
        "current_jobs": [_job(redis, rq_id) for rq_id in current],
        "last_heartbeat": _iso(worker.last_heartbeat),
        "birth_date": _iso(worker.birth_date),
        "successful_job_count": worker.successful_job_count,
        "failed_job_count": worker.failed_job_count,
        "total_working_time": worker.total_working_time,
        "version": worker.version,
        "python_version": worker.python_version,
    }


def _job(redis: Redis, rq_id: str) -> dict[str, Any]:
    """The name of a job without reading its payload, which may be anybody's."""
    description = redis.hget(Job.key_for(rq_id), "description")
    try:
        shown = f"{ids.queue_of(rq_id)} {ids.job_id_of(rq_id)}"
    except ValueError:
        shown = rq_id
    return {"job_id": rq_id, "shown": shown, "description": as_text(description) if description else None}


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
