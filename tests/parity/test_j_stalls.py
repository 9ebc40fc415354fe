"""Contract section 14.J: locks, and jobs whose worker is gone."""

from __future__ import annotations

import json
from collections import Counter

import pytest
import redis

from bthwani_jobs import Job, Queue
from bthwani_jobs.errors import JobLocked, LockNotHeld, NotRetriable
from tests.conftest import MakeQueue, RunWorker
from tests.parity.blocking_worker import starts_key
from tests.parity.handlers import Flavour, Gate, Heard, Runs, ids, noted, processor
from tests.parity.stalling import QUICK_STALLS, leave_stalled
from tests.support.processes import Processes, PythonProcess
from tests.support.timing import now_ms
from tests.support.waiting import wait_until

contract = pytest.mark.contract

REASON = "job stalled more than allowable limit"
PROCESS_STALLS = {"lock_duration": 1000, "stalled_interval": 1000}


def start_worker(processes: Processes, queue: Queue, settings: dict[str, int]) -> PythonProcess:
    return processes.python("-m", "tests.parity.blocking_worker", queue.name, json.dumps(settings))


def stored(queue: Queue, job: Job) -> Job:
    found = queue.get_job(job.id)
    assert found is not None
    return found


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


@contract("S-153")
def test_the_job_of_a_killed_process_is_run_again(
    make_queue: MakeQueue, run_worker: RunWorker, runs: Runs, processes: Processes, connection: redis.Redis
) -> None:
    queue = make_queue(settings=PROCESS_STALLS)
    heard = Heard(queue, "stalled", "global:stalled", "completed")
    doomed = start_worker(processes, queue, PROCESS_STALLS)
    job = queue.add("block", {})
    wait_until(lambda: connection.llen(starts_key(queue.name)) == 1, 15_000, f"a start; {doomed.output()}")
    run_worker(processor(queue, noted(runs)))
    doomed.kill()
    killed = now_ms()
    wait_until(lambda: job.get_state() == "completed")
    assert runs.all[0].attempts_made == 0
    # The lease was renewed at most half its length before the kill; then 3 × interval + lock at the latest.
    assert 500 - 50 <= runs.starts[0] - killed <= 4000 + 500
    assert [arguments[0].id for arguments in heard.of("stalled")] == [job.id]
    wait_until(lambda: heard.of("global:stalled") == [(job.id,)])
    assert stored(queue, job).attempts_made == 0


@contract("S-154")
def test_a_job_that_stalls_twice_fails(
    make_queue: MakeQueue, run_worker: RunWorker, runs: Runs, processes: Processes, connection: redis.Redis
) -> None:
    settings = {"lock_duration": 500, "stalled_interval": 300}
    queue = make_queue(settings=settings)
    heard = Heard(queue, "failed", "stalled")
    first, second = (start_worker(processes, queue, settings) for _ in range(2))
    by_pid = {process.pid: process for process in (first, second)}
    job = queue.add("block", {}, attempts=5)
    for times in (1, 2):
        wait_until(lambda times=times: connection.llen(starts_key(queue.name)) == times, 15_000)
        running = wait_until(lambda: [by_pid[pid] for pid in by_pid if runs_job(queue, pid)])
        running[0].kill()
        by_pid.pop(running[0].pid)
    run_worker(processor(queue, noted(runs)))
    wait_until(lambda: job.get_state() == "failed", 10_000)
    assert len(runs) == 0, "two runs, in the killed processes, and no third"
    found = stored(queue, job)
    assert (found.failed_reason, found.attempts_made, found.stacktrace) == (REASON, 0, [])
    reported, error, previous = heard.of("failed")[0]
    assert (reported.id, str(error), previous) == (job.id, REASON, "active")


def runs_job(queue: Queue, pid: int) -> bool:
    """Whether the worker of this process has a job in hand now."""
    return any(
        worker.get("pid") == str(pid) and worker.get("state") == "busy" for worker in queue.get_workers()
    )


@contract("S-153")
def test_a_job_left_behind_is_run_again_at_the_head(
    make_queue: MakeQueue, run_worker: RunWorker, runs: Runs, gate: Gate
) -> None:
    queue = make_queue(settings=QUICK_STALLS)
    heard = Heard(queue, "stalled", "waiting", "completed", "error")
    job = leave_stalled(queue, run_worker, gate)
    left = now_ms()
    run_worker(processor(queue, noted(runs)))
    wait_until(lambda: job.get_state() == "completed")
    assert runs.starts[0] - left >= QUICK_STALLS["lock_duration"] - QUICK_STALLS["lock_renew_time"] - 50
    assert heard.count("stalled") == 1
    assert heard.count("waiting") == 1, "only at its adding, not at its recovery"
    gate.open()
    assert stored(queue, job).returnvalue is None


@contract("S-155")
def test_without_any_recovery_allowed_the_first_stall_fails(
    make_queue: MakeQueue, run_worker: RunWorker, runs: Runs, gate: Gate
) -> None:
    queue = make_queue(settings={**QUICK_STALLS, "max_stalled_count": 0})
    job = leave_stalled(queue, run_worker, gate)
    run_worker(processor(queue, noted(runs)))
    wait_until(lambda: job.get_state() == "failed")
    found = stored(queue, job)
    assert (found.attempts_made, found.stacktrace, found.failed_reason) == (0, [], REASON)
    assert found.finished_on is not None
    assert len(runs) == 0


@contract("S-156")
def test_a_stall_failure_is_not_retried(
    make_queue: MakeQueue, run_worker: RunWorker, runs: Runs, gate: Gate
) -> None:
    queue = make_queue(settings={**QUICK_STALLS, "max_stalled_count": 0})
    job = leave_stalled(queue, run_worker, gate, attempts=5)
    run_worker(processor(queue, noted(runs)))
    wait_until(lambda: job.get_state() == "failed")
    after = queue.add("after", {})
    wait_until(lambda: after.get_state() == "completed")
    assert runs.names == ["after"]


@contract("S-157", "Q-23")
def test_a_stall_failure_has_one_text_everywhere(
    make_queue: MakeQueue, run_worker: RunWorker, runs: Runs, gate: Gate
) -> None:
    queue = make_queue(settings={**QUICK_STALLS, "max_stalled_count": 0})
    heard = Heard(queue, "failed", "global:failed")
    job = leave_stalled(queue, run_worker, gate)
    run_worker(processor(queue, noted(runs)))
    wait_until(lambda: heard.count("failed") == 1 and heard.count("global:failed") == 1)
    assert str(heard.of("failed")[0][1]) == REASON
    assert heard.of("global:failed") == [(job.id, REASON, "active")]
    assert stored(queue, job).failed_reason == REASON


@contract("S-158", "Q-22")
def test_a_stall_failure_obeys_remove_on_fail(
    make_queue: MakeQueue, run_worker: RunWorker, runs: Runs, gate: Gate
) -> None:
    queue = make_queue(settings={**QUICK_STALLS, "max_stalled_count": 0})
    heard = Heard(queue, "failed")
    job = leave_stalled(queue, run_worker, gate, remove_on_fail=True)
    run_worker(processor(queue, noted(runs)))
    wait_until(lambda: heard.count("failed") == 1)
    assert queue.get_job(job.id) is None
    reported, error, _ = heard.of("failed")[0]
    assert (reported, str(error)) == (None, REASON)


@contract("S-159")
def test_in_a_paused_queue_a_recovered_job_is_paused(
    make_queue: MakeQueue, run_worker: RunWorker, runs: Runs, gate: Gate
) -> None:
    queue = make_queue(settings=QUICK_STALLS)
    job = leave_stalled(queue, run_worker, gate)
    queue.pause()
    queue.add("later", {})
    run_worker(processor(queue, noted(runs)))
    wait_until(lambda: job.get_state() == "paused")
    assert ids(queue.get_paused()) == ["1", "2"]
    assert len(runs) == 0


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


NOT_RENEWED = {"lock_duration": 300, "lock_renew_time": 60_000, "retry_process_delay": 50}


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


@contract("S-164", "Q-14")
def test_a_manual_retry_forgets_earlier_stalls(
    make_queue: MakeQueue, run_worker: RunWorker, gate: Gate
) -> None:
    queue = make_queue(settings=QUICK_STALLS)
    job = leave_stalled(queue, run_worker, gate)

    def fail(job: Job) -> None:
        raise RuntimeError("boom")

    failing = run_worker(processor(queue, fail))
    wait_until(lambda: job.get_state() == "failed")
    assert stored(queue, job).failed_reason == "boom"
    failing.close()
    job.retry()
    starts: Counter[str] = Counter()

    def block(job: Job) -> None:
        starts[job.id] += 1
        gate.pass_through()

    blocked = run_worker(processor(queue, block))
    wait_until(lambda: starts[job.id] == 1)
    blocked.close(do_not_wait_jobs=True)
    run_worker(processor(queue, lambda job: "recovered"))
    wait_until(lambda: job.get_state() == "completed")


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


@contract("Q-25")
def test_a_stalled_interval_of_zero_only_switches_the_check_off(
    make_queue: MakeQueue, run_worker: RunWorker, runs: Runs
) -> None:
    queue = make_queue(settings={"stalled_interval": 0})
    heard = Heard(queue, "error")
    run_worker(processor(queue, noted(runs)))
    job = queue.add("n", {})
    wait_until(lambda: job.get_state() == "completed")
    assert heard.calls == []


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
