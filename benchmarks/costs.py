"""What one job costs Redis, by the kind of job: `python -m benchmarks.costs`.

Counts, not times, so noise does not matter. The worker's start and its housekeeping are in them.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bthwani_jobs import Job, Processor, Queue, Worker

from . import report
from .server import Cost, Server, server
from .systems.common import QUEUE

JOBS = 500
RESULT = Path(__file__).resolve().parent / "results/costs.md"
ENDS_WITHIN_S = 60.0
DELAY_MS = 500

ADDS: dict[str, dict[str, Any]] = {
    "add": {},
    "add with attempts and backoff": {"attempts": 3, "backoff": 1000},
    "add with a job_id": {"job_id": "x"},
    "add with lifo": {"lifo": True},
    "add with a priority": {"priority": 1},
    "add with a delay": {"delay": 60_000},
}


def succeed(job: Job) -> None:
    pass


def fail(job: Job) -> None:
    raise RuntimeError("no")


def fail_once(job: Job) -> None:
    if job.attempts_made == 0:
        raise RuntimeError("not yet")


#: Title → options, handler, and how many ends (completed or failed attempts) a job comes to.
RUNS: dict[str, tuple[dict[str, Any], Callable[[Job], None], int]] = {
    "completed": ({}, succeed, 1),
    "completed, with a priority": ({"priority": 1}, succeed, 1),
    "completed and removed": ({"remove_on_complete": True}, succeed, 1),
    "completed, newest 100 kept": ({"remove_on_complete": 100}, succeed, 1),
    "failed": ({}, fail, 1),
    "failed, run again at once, completed": ({"attempts": 2}, fail_once, 2),
    "failed, run again after 1 ms, completed": ({"attempts": 2, "backoff": 1}, fail_once, 2),
    "delayed, then completed": ({"delay": DELAY_MS}, succeed, 1),
}


def main() -> None:
    logging.disable(logging.CRITICAL)
    with server() as own:
        rows = [["", "slots", "round trips", "commands", "calls a job"], *_rows(own)]
    print(report.as_text([row[:-1] for row in rows]))
    RESULT.write_text(report.as_markdown(rows))


def _rows(own: Server) -> Iterator[list[str]]:
    for title, options in ADDS.items():
        yield _row(title, "", _added(own, options))
    for slots in (1, 10):
        for title, (options, handler, ends) in RUNS.items():
            yield _row(title, str(slots), _run(own, slots, options, handler, ends))


def _row(title: str, slots: str, cost: Cost) -> list[str]:
    calls = {name: count / JOBS for name, count in cost.calls.items()}
    return [title, slots, f"{cost.reads / JOBS:.2f}", f"{cost.commands / JOBS:.1f}", report.calls_text(calls)]


def _added(own: Server, options: dict[str, Any]) -> Cost:
    own.client.flushall()
    queue = Queue(QUEUE, own.url)
    queue.add("job", {})  # opens the connection, loads the script
    own.reset()
    for number in range(JOBS):
        queue.add("job", {"n": number}, **(options if "job_id" not in options else {"job_id": f"x{number}"}))
    cost = own.cost()
    queue.close()
    return cost


def _run(own: Server, slots: int, options: dict[str, Any], handler: Callable[[Job], None], ends: int) -> Cost:
    own.client.flushall()
    queue = Queue(QUEUE, own.url)
    queue.add_bulk({"name": "job", "data": {"n": number}, "opts": options} for number in range(JOBS))
    all_ended, left = threading.Event(), JOBS * ends

    def ended(*_: Any) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            all_ended.set()

    queue.on("completed", ended).on("failed", ended)
    processor = Processor(QUEUE, slots)
    processor.process("job")(handler)
    worker = Worker([queue], processors=[processor])
    if "delay" in options:
        threading.Event().wait(DELAY_MS / 1000)  # all of them are due before the worker looks
    own.reset()
    worker.start()
    if not all_ended.wait(ENDS_WITHIN_S):
        raise RuntimeError(f"{left} of {JOBS * ends} ends are missing after {ENDS_WITHIN_S:.0f} s.")
    cost = own.cost()
    worker.close()
    queue.close()
    return cost


if __name__ == "__main__":
    main()
