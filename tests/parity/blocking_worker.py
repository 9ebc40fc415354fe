"""A worker process for the tests: `python -m tests.parity.blocking_worker <queue> <settings as JSON>`.

Its handler notes each start in a Redis list. For a job named "block" it never returns; for others it does.
"""

from __future__ import annotations

import json
import os
import sys
import threading

import redis

from bthwani_jobs import Job, Processor, Queue, Worker


def starts_key(queue_name: str) -> str:
    """The list of ids of jobs whose handlers were called in any of these processes."""
    return f"test:starts:{queue_name}"


def main(queue_name: str, settings: str) -> None:
    client = redis.Redis.from_url(os.environ["RQ_REDIS_URL"])
    processor = Processor(queue_name)

    @processor.process("*", concurrency=2)
    def handle(job: Job) -> str:
        client.rpush(starts_key(queue_name), job.id)
        if job.name == "block":
            threading.Event().wait()
        return str(os.getpid())

    queue = Queue(queue_name, client, settings=json.loads(settings))
    Worker([queue], client, processors=[processor]).work(logging_level="WARNING")


if __name__ == "__main__":
    main(*sys.argv[1:])
