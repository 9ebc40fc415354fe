"""What the Python systems share: the order from the environment, the proof a job leaves, the clock.

BENCH_URL is the Redis server, BENCH_JOBS and BENCH_SLOTS the size, BENCH_PROOF the file that jobs write to.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from functools import cache

QUEUE = "bench"
#: Jobs a call of the bulk functions.
BATCH = 1000
#: Adds before the clock starts: connections are open, scripts loaded, code warm.
WARM_UP = 200


def url() -> str:
    return os.environ["BENCH_URL"]


def slots() -> int:
    return int(os.environ["BENCH_SLOTS"])


@cache
def _proof() -> int:
    return os.open(os.environ["BENCH_PROOF"], os.O_WRONLY | os.O_APPEND)


def prove(number: int) -> None:
    """The whole work of a job: one line that it ran, and when (ns of the machine's monotonic clock)."""
    os.write(_proof(), b"%d %d\n" % (number, time.monotonic_ns()))


def batches(jobs: int) -> Iterator[range]:
    return (range(start, min(start + BATCH, jobs)) for start in range(0, jobs, BATCH))


def main(
    add: Callable[[int], object], add_bulk: Callable[[range], object], work: Callable[[], object]
) -> None:
    """Do what the command line says; `fill` is `add_bulk` without warming up. Adding prints its time."""
    command, jobs = sys.argv[1], int(os.environ["BENCH_JOBS"])
    if command == "work":
        work()
        return
    for number in range(0 if command == "fill" else WARM_UP):
        add(number)
    started, used = time.monotonic(), time.process_time()
    if command == "add":
        for number in range(jobs):
            add(number)
    else:
        for numbers in batches(jobs):
            add_bulk(numbers)
    print(json.dumps({"seconds": time.monotonic() - started, "cpu": time.process_time() - used}))
