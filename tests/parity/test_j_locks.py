"""Contract section 14.J: locks."""

from __future__ import annotations

import pytest

from bthwani_jobs import Job, Queue
from bthwani_jobs.errors import JobLocked, LockNotHeld, NotRetriable
from tests.conftest import MakeQueue, RunWorker
from tests.parity.handlers import Flavour, Gate, Heard, Runs, noted, processor, stored
from tests.parity.stalling import QUICK_STALLS
from tests.support.timing import now_ms
from tests.support.waiting import wait_until

contract = pytest.mark.contract

REASON = "job stalled more than allowable limit"
PROCESS_STALLS = {"lock_duration": 1000, "stalled_interval": 1000}


NOT_RENEWED = {"lock_duration": 300, "lock_renew_time": 60_000, "retry_process_delay": 50}


@contract("S-152")
def test_the_default_settings_are_bulls(queue: Queue) -> None:
    settings = queue.settings
    assert settings.lock_duration == 30_000
    assert settings.lock_renew_time == 15_000
    assert settings.stalled_interval == 30_000
    assert settings.max_stalled_count == 1


@contract("S-152")
def test_the_renewal_is_half_the_duration_unless_given(make_queue: MakeQueue) -> None:
    assert make_queue(settings={"lock_duration": 1000}).settings.lock_renew_time == 500
    assert make_queue(settings={"lockDuration": 1000, "lockRenewTime": 100}).settings.lock_renew_time == 100


@contract("S-160")
def test_a_renewed_lock_never_stalls(
    make_queue: MakeQueue, run_worker: RunWorker, runs: Runs, flavour: Flavour
) -> None:
    settings = {"lock_duration": 400, "lock_renew_time": 200, "stalled_interval": 200}
    queue, other = make_queue(settings=settings), make_queue(settings=settings)
    heard = Heard(queue, "stalled", "global:stalled", "error")

    async def body(job: Job) -> None:
        runs.note(job)
        await flavour.pause(1500)

    for worker_queue in (queue, other):
        run_worker(processor(worker_queue, flavour.handler(body)), queues=[worker_queue])
    job = queue.add("n", {})
    wait_until(lambda: job.get_state() == "completed")
    assert len(runs) == 1
    assert heard.calls == []


@contract("S-161", "Q-15", "Q-16")
def test_a_result_that_comes_after_the_lock_is_dropped(
    make_queue: MakeQueue, run_worker: RunWorker, runs: Runs, gate: Gate, flavour: Flavour
) -> None:
    queue = make_queue(settings={**NOT_RENEWED, "stalled_interval": 0})
    heard = Heard(queue, "completed", "failed", "error")

    async def body(job: Job) -> str:
        runs.note(job)
        await flavour.through(gate)
        return "too late"

    worker = run_worker(processor(queue, flavour.handler(body)))
    job = queue.add("n", {})
    wait_until(lambda: len(runs) == 1)
    wait_until(lambda: now_ms() > runs.starts[0] + 400)
    gate.open()
    wait_until(lambda: heard.count("error") == 1)
    assert "Missing lock for job 1 finished" in str(heard.of("error")[0][0])
    worker.close()
    assert (heard.count("completed"), heard.count("failed"), heard.count("error")) == (0, 0, 1)
    found = stored(queue, job)
    assert (found.get_state(), found.returnvalue, found.attempts_made) == ("active", None, 0)
    recovering = make_queue(settings=QUICK_STALLS)
    run_worker(processor(recovering, noted(runs)), queues=[recovering])
    wait_until(lambda: job.get_state() == "completed")


@contract("S-161", "Q-15")
def test_a_failure_that_comes_after_the_lock_is_not_written(
    make_queue: MakeQueue, run_worker: RunWorker, runs: Runs, gate: Gate
) -> None:
    queue = make_queue(settings={**NOT_RENEWED, "stalled_interval": 0})
    heard = Heard(queue, "failed", "error")

    def handle(job: Job) -> None:
        runs.note(job)
        gate.pass_through()
        raise RuntimeError("too late")

    run_worker(processor(queue, handle))
    job = queue.add("n", {}, attempts=3, backoff=100)
    wait_until(lambda: len(runs) == 1)
    wait_until(lambda: now_ms() > runs.starts[0] + 400)
    gate.open()
    wait_until(lambda: heard.count("error") == 1)
    assert "Missing lock for job 1" in str(heard.of("error")[0][0])
    found = stored(queue, job)
    assert (found.attempts_made, found.failed_reason, found.stacktrace) == (0, None, [])


@contract("S-162", "Q-17")
def test_who_lost_the_lock_to_another_worker_cannot_finish_the_job(
    make_queue: MakeQueue, run_worker: RunWorker, runs: Runs, gate: Gate
) -> None:
    queue = make_queue(settings={**NOT_RENEWED, "stalled_interval": 0})
    other = make_queue(settings={"lock_duration": 20_000, "stalled_interval": 100})
    heard, heard_other = Heard(queue, "completed", "error"), Heard(other, "completed", "global:completed")
    second_gate = Gate()

    def slow(job: Job) -> str:
        runs.note(job)
        gate.pass_through()
        return "of the first"

    def taking_over(job: Job) -> str:
        runs.note(job)
        second_gate.pass_through()
        return "of the second"

    run_worker(processor(queue, slow), queues=[queue])
    job = queue.add("n", {})
    wait_until(lambda: len(runs) == 1)
    run_worker(processor(other, taking_over), queues=[other])
    wait_until(lambda: len(runs) == 2)
    gate.open()
    wait_until(lambda: heard.count("error") == 1)
    assert "Lock mismatch for job 1. Cmd finished from active" in str(heard.of("error")[0][0])
    second_gate.open()
    wait_until(lambda: heard_other.count("global:completed") == 1)
    assert stored(queue, job).returnvalue == "of the second"
    assert (heard.count("completed"), heard_other.count("completed")) == (0, 1)


@contract("S-163")
def test_a_second_worker_leaves_a_locked_job_alone(
    make_queue: MakeQueue, run_worker: RunWorker, runs: Runs, gate: Gate
) -> None:
    queue, other = make_queue(settings=QUICK_STALLS), make_queue(settings=QUICK_STALLS)

    def handle(job: Job) -> None:
        runs.note(job)
        gate.pass_through()

    run_worker(processor(queue, handle), queues=[queue])
    job = queue.add("n", {})
    wait_until(lambda: len(runs) == 1)
    run_worker(processor(other, handle), queues=[other])
    wait_until(lambda: now_ms() > runs.starts[0] + 700)
    assert (len(runs), job.get_state()) == (1, "active")
    gate.open()
    wait_until(lambda: job.get_state() == "completed")
    assert len(runs) == 1


@contract("S-165")
def test_taking_the_lock_of_a_job_by_hand(make_queue: MakeQueue) -> None:
    queue, other = make_queue(), make_queue()
    job = queue.add("n", {})
    assert job.take_lock() == 1
    assert job.take_lock() is False
    with pytest.raises(LockNotHeld, match=f"Could not release lock for job {job.id}"):
        stored(other, job).release_lock()
    with pytest.raises(JobLocked, match=f"Could not remove job {job.id}"):
        stored(other, job).remove()
    job.release_lock()
    assert stored(other, job).take_lock() == 1
    assert job.extend_lock(1000) == 0
    assert not job.take_lock()


@contract("S-165")
def test_a_failed_job_locked_by_hand_is_not_retried(make_queue: MakeQueue, run_worker: RunWorker) -> None:
    queue = make_queue()

    def fail(job: Job) -> None:
        raise RuntimeError("boom")

    run_worker(processor(queue, fail))
    job = queue.add("n", {})
    wait_until(lambda: job.get_state() == "failed")
    assert job.take_lock() == 1
    with pytest.raises(NotRetriable, match="locked"):
        job.retry()
    job.release_lock()
    job.retry()


@contract("Q-18")
def test_a_lock_found_lost_at_its_renewal_is_reported(
    make_queue: MakeQueue, run_worker: RunWorker, runs: Runs, gate: Gate
) -> None:
    queue = make_queue(settings={"lock_duration": 200, "lock_renew_time": 350, "stalled_interval": 0})
    heard = Heard(queue, "lock-extension-failed")

    def handle(job: Job) -> None:
        runs.note(job)
        gate.pass_through()

    run_worker(processor(queue, handle))
    job = queue.add("n", {})
    wait_until(lambda: heard.count("lock-extension-failed") == 1)
    reported, error = heard.of("lock-extension-failed")[0]
    assert reported.id == job.id
    assert f"job {job.id}" in str(error)
