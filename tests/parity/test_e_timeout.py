"""Contract section 14.E: timeouts."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from bthwani_jobs import Job, Queue
from tests.conftest import RunWorker
from tests.parity.handlers import Flavour, Gate, Heard, Runs, noted, processor
from tests.support.timing import EARLY_MS, now_ms
from tests.support.waiting import wait_until

contract = pytest.mark.contract
AtMost = Callable[[float], float]


@contract("S-085", "Q-62")
def test_a_timeout_fails_the_attempt(
    queue: Queue, run_worker: RunWorker, runs: Runs, gate: Gate, flavour: Flavour, at_most: AtMost
) -> None:
    failures: list[tuple[int, BaseException]] = []
    queue.on("failed", lambda job, error: failures.append((now_ms(), error)))

    async def body(job: Job) -> None:
        runs.note(job)
        await flavour.through(gate)

    run_worker(processor(queue, flavour.handler(body)))
    job = queue.add("n", {}, timeout=100)
    wait_until(lambda: len(failures) == 1)
    moment, error = failures[0]
    assert 100 - EARLY_MS <= moment - runs.starts[0] <= 100 + at_most(150)
    assert isinstance(error, TimeoutError)
    assert str(error) == "Promise timed out after 100 milliseconds"
    stored = queue.get_job(job.id)
    assert stored is not None
    assert (job.get_state(), stored.failed_reason) == ("failed", "Promise timed out after 100 milliseconds")


@contract("S-085")
def test_the_slot_of_a_timed_out_job_is_free_again(
    queue: Queue, run_worker: RunWorker, runs: Runs, gate: Gate, flavour: Flavour
) -> None:
    async def body(job: Job) -> None:
        runs.note(job)
        if job.name == "hangs":
            await flavour.through(gate)

    run_worker(processor(queue, flavour.handler(body), concurrency=2))
    queue.add("hangs", {}, timeout=100)
    queue.add("hangs", {}, timeout=60_000)
    after = queue.add("after", {})
    wait_until(lambda: after.get_state() == "completed")


@contract("S-086")
def test_a_timeout_is_an_ordinary_failed_attempt(
    queue: Queue, run_worker: RunWorker, runs: Runs, gate: Gate, flavour: Flavour
) -> None:
    heard = Heard(queue, "failed")

    async def body(job: Job) -> None:
        runs.note(job)
        await flavour.through(gate)

    run_worker(processor(queue, flavour.handler(body), concurrency=3))
    job = queue.add("n", {}, timeout=100, attempts=2)
    wait_until(lambda: job.get_state() == "failed")
    wait_until(lambda: heard.count("failed") == 2)
    stored = queue.get_job(job.id)
    assert stored is not None
    assert (stored.attempts_made, len(runs)) == (2, 2)


@contract("S-087")
def test_what_a_timed_out_handler_returns_is_ignored(
    queue: Queue, run_worker: RunWorker, runs: Runs, gate: Gate, flavour: Flavour
) -> None:
    heard = Heard(queue, "completed", "failed")
    ends: list[str] = []

    async def body(job: Job) -> str:
        if job.name == "after":
            return "in time"
        try:
            await flavour.through(gate)
        finally:
            ends.append(job.id)
        return "late"

    run_worker(processor(queue, flavour.handler(body), concurrency=2))
    job = queue.add("n", {}, timeout=100)
    wait_until(lambda: job.get_state() == "failed")
    gate.open()
    wait_until(lambda: ends == [job.id])
    queue.add("after", {})
    wait_until(lambda: heard.count("completed") == 1)
    stored = queue.get_job(job.id)
    assert stored is not None
    assert (stored.get_state(), stored.returnvalue) == ("failed", None)
    assert heard.of("completed")[0][1] == "in time"
    assert heard.count("failed") == 1


@contract("S-088", "Q-61")
def test_abandoned_runs_overlap_but_none_of_them_finishes_the_job(
    queue: Queue, run_worker: RunWorker, runs: Runs
) -> None:
    def handle(job: Job) -> str:
        with runs.during(job):
            wait_until(lambda: len(runs) == 3)
            return f"late {job.attempts_made}"

    run_worker(processor(queue, handle, concurrency=4))
    job = queue.add("n", {}, timeout=50, attempts=3)
    wait_until(lambda: len(runs) == 3)
    wait_until(lambda: len(runs.ended) == 3)
    assert runs.peak >= 2
    wait_until(lambda: job.get_state() in ("completed", "failed"))
    stored = queue.get_job(job.id)
    assert stored is not None
    assert (stored.attempts_made, stored.returnvalue) in [(3, None), (2, "late 2")]


@contract("S-089")
def test_without_a_timeout_there_is_no_limit(queue: Queue, run_worker: RunWorker, runs: Runs) -> None:
    run_worker(processor(queue, noted(runs)))
    job = queue.add("n", {}, timeout=None)
    wait_until(lambda: job.get_state() == "completed")
    assert job.opts.timeout is None


@contract("S-085")
def test_a_handler_that_ends_in_time_is_not_touched(
    queue: Queue, run_worker: RunWorker, flavour: Flavour
) -> None:
    async def body(job: Job) -> str:
        await flavour.pause(20)
        return "in time"

    run_worker(processor(queue, flavour.handler(body)))
    job = queue.add("n", {}, timeout=5000)
    wait_until(lambda: job.get_state() == "completed")
    stored = queue.get_job(job.id)
    assert stored is not None
    assert (stored.returnvalue, stored.attempts_made) == ("in time", 0)


@contract("S-085")
def test_the_clock_starts_when_the_handler_is_called(queue: Queue, run_worker: RunWorker, runs: Runs) -> None:
    async def body(job: Job) -> str:
        runs.note(job)
        if job.name == "hogs the loop":
            wait_until(lambda: queue.get_active_count() == 2)
            time.sleep(0.3)
        return "done"

    run_worker(processor(queue, body, concurrency=2))
    queue.add("hogs the loop", {})
    wait_until(lambda: len(runs) == 1)
    job = queue.add("n", {}, timeout=100)
    wait_until(lambda: job.get_state() in ("completed", "failed"))
    stored = queue.get_job(job.id)
    assert stored is not None
    assert (stored.get_state(), stored.failed_reason) == ("completed", None)
