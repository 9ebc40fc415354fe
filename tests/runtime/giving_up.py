"""A worker process for the tests: `python -m tests.runtime.giving_up <queue>`; its handler never returns."""

from __future__ import annotations

import os
import sys
import threading

import redis

from bthwani_jobs import Job, Processor, Worker


def main(queue_name: str) -> None:
    processor = Processor(queue_name)

    @processor.process("*")
    def never_return(job: Job) -> None:
        threading.Event().wait()

    client = redis.Redis.from_url(os.environ["RQ_REDIS_URL"])
    Worker([queue_name], client, processors=[processor]).work()


if __name__ == "__main__":
    main(*sys.argv[1:])
