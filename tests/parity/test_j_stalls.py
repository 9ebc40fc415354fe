"""Contract section 14.J: jobs whose worker is gone."""

from __future__ import annotations

import json
from collections import Counter

import pytest
import redis

from bthwani_jobs import Job, Queue
from tests.conftest import MakeQueue, RunWorker
from tests.parity.blocking_worker import starts_key
from tests.parity.handlers import Gate, Heard, Runs, ids, noted, processor, stored
from tests.parity.stalling import QUICK_STALLS, leave_stalled
from tests.support.processes import Processes, PythonProcess
from tests.support.timing import now_ms
from tests.support.waiting import wait_until

contract = pytest.mark.contract

REASON = "job stalled more than allowable limit"
PROCESS_STALLS = {"lock_duration": 1000, "stalled_interval": 1000}


def start_worker(processes: Processes, queue: Queue, settings: dict[str, int]) -> PythonProcess:
    return processes.python("-m", "tests.parity.blocking_worker", queue.name, json.dumps(settings))


@contract("S-153")
def test_the_job_of_a_killed_process_is_run_again(
    make_queue: MakeQueue, run_worker: RunWorker, runs: Runs, processes: Processes, connection: redis.Redis
) -> None:
    queue = make_queue(settings=PROCESS_STALLS)
    heard = Heard(queue, "stalled", "global:stalled", "completed")
    doomed = start_worker(processes, queue, PROCESS_STALLS)
    job = queue.add("block", {})
    wait_until(
        lambda: connection.llen(starts_key(queue.name)) == 1, 15_000, lambda: f"a start. {doomed.output()}"
    )
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
        wait_until(
            lambda times=times: connection.llen(starts_key(queue.name)) == times,
            15_000,
            lambda: "a start. " + "".join(process.output() for process in (first, second)),
        )
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
