"""This library: plain functions (BENCH_KIND=threads) or coroutines (BENCH_KIND=async)."""

from __future__ import annotations

import os

from bthwani_jobs import Job, Processor, Queue, Worker

from .common import QUEUE, main, prove, slots, url


def run() -> None:
    queue = Queue(QUEUE, url())
    main(
        lambda number: queue.add("job", {"n": number}),
        lambda numbers: queue.add_bulk([{"name": "job", "data": {"n": number}} for number in numbers]),
        work,
    )


def work() -> None:
    processor = Processor(QUEUE, slots())
    processor.process("job")(in_loop if os.environ["BENCH_KIND"] == "async" else in_thread)
    Worker([QUEUE], url(), processors=[processor]).work(logging_level="ERROR")


def in_thread(job: Job) -> None:
    prove(job.data["n"])


async def in_loop(job: Job) -> None:
    prove(job.data["n"])


if __name__ == "__main__":
    run()
