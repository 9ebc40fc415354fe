"""A queue with a job in every state."""

from __future__ import annotations

import redis

from bthwani_jobs import Job, Processor, Queue
from bthwani_jobs.store.claiming import StepClient
from bthwani_jobs.store.keys import QueueKeys
from tests.conftest import RunWorker
from tests.support.waiting import wait_until

HOUR_MS = 3_600_000


def fill(queue: Queue, connection: redis.Redis, run_worker: RunWorker) -> None:
    """A job in every state (two delayed, three waiting), some with logs; their ids say which."""
    processor = Processor(queue.name)

    @processor.process("*")
    def handle(job: Job) -> str:
        job.log("ran")
        if job.name == "fail":
            raise RuntimeError("boom")
        return "done"

    queue.add("ok", {}, job_id="completed")
    queue.add("fail", {}, job_id="failed")
    queue.add("fail", {}, job_id="retried", attempts=2, backoff=HOUR_MS)
    worker = run_worker(processor, queues=[queue])
    wait_until(
        lambda: queue.get_completed_count() + queue.get_failed_count() + queue.get_delayed_count() == 3
    )
    worker.close()
    queue.add("a", {}, job_id="active")
    claim(queue, connection)
    queue.add("a", {}, job_id="delayed", delay=HOUR_MS)
    queue.add("a", {}, job_id="waiting")
    queue.add("a", {}, job_id="prioritised", priority=3)
    queue.add("a", {}, job_id="urgent", priority=1)
    for job_id in ("waiting", "delayed"):
        queue.get_job(job_id).log("hello")


def claim(queue: Queue, connection: redis.Redis) -> None:
    """Make the next job active, as a worker would that then thinks about it for an hour."""
    steps = StepClient(connection, QueueKeys(queue.name), "someone", "token", HOUR_MS)
    assert len(steps.step([], 1, False).jobs) == 1
    steps.connection.drop()
