"""Adding one job, for the services."""

from __future__ import annotations

from typing import Any

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from bthwani_jobs import Job, OutcomeUnknown, Queue

#: What the queues raise while their Redis cannot be reached.
UNREACHABLE = (RedisConnectionError, RedisTimeoutError, OutcomeUnknown)


def add_job(queue: Queue, name: str, data: dict[str, Any], **options: Any) -> Job:
    """``queue.add`` for a job that does not repeat, which is always answered by a job."""
    job = queue.add(name, data, **options)
    assert job is not None
    return job
