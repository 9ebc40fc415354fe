"""RQ as it is: the worker that forks for every job (BENCH_KIND=fork), or SimpleWorker (BENCH_KIND=simple)."""

from __future__ import annotations

import os

from redis import Redis
from rq import Queue, SimpleWorker, Worker

from .common import QUEUE, main, prove, url


def run() -> None:
    queue = Queue(QUEUE, connection=Redis.from_url(url()))
    main(
        lambda number: queue.enqueue(prove, number),
        lambda numbers: queue.enqueue_many([Queue.prepare_data(prove, (number,)) for number in numbers]),
        work,
    )


def work() -> None:
    kind = SimpleWorker if os.environ["BENCH_KIND"] == "simple" else Worker
    kind([QUEUE], connection=Redis.from_url(url())).work(logging_level="ERROR")


if __name__ == "__main__":
    run()
