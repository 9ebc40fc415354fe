"""Adding one job, for the services."""

from __future__ import annotations

from typing import Any

from bthwani_jobs import Job, Queue


def add_job(queue: Queue, name: str, data: dict[str, Any], **options: Any) -> Job:
    """``queue.add`` for a job that does not repeat, which is always answered by a job."""
    job = queue.add(name, data, **options)
    assert job is not None
    return job
