"""RQ's command line, and the commands it sends to workers, on our jobs and our worker."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import redis
from rq import Worker as RqWorker
from rq.command import (
    send_kill_horse_command,
    send_shutdown_command,
    send_stop_job_command,
)
from rq.exceptions import InvalidJobOperation

from bthwani_jobs import Job, Queue
from tests.chaos.invariants import assert_consistent
from tests.conftest import RunWorker
from tests.interop.project import OURS, Project
from tests.interop.states import fill
from tests.support.processes import PythonProcess
from tests.support.waiting import wait_until

#: What RQ keeps for itself and may touch whenever it looks.
BOOKKEEPING = re.compile(rb"rq:(workers.*|worker:.*|clean_groups|clean_registries:.*|.*maintenance.*)")


def _dump(connection: redis.Redis) -> dict[bytes, bytes | None]:
    """What stays: keys that expire by themselves come and go as they like."""
    keys = [key for key in connection.scan_iter(count=1000) if not BOOKKEEPING.fullmatch(key)]
    return {key: connection.dump(key) for key in keys if connection.ttl(key) == -1}


def _field(output: str, name: str) -> str:
    return next(line for line in output.splitlines() if name in line)


@pytest.mark.parametrize("arguments", [[], ["--by-queue"], ["-Q"], ["-W"], ["-R"]])
def test_info_shows_and_changes_nothing(
    project: Project, queue: Queue, connection: redis.Redis, run_worker: RunWorker, arguments: list[str]
) -> None:
    fill(queue, connection, run_worker)
    before = _dump(connection)
    output = project.run_rq("info", *arguments, queue.name)

    assert _dump(connection) == before
    if not arguments:
        # waiting, prioritised and urgent wait; one job each is active, completed and failed.
        assert re.search(rf"{queue.name}\s.*\b3\b.*1.*1.*1", _field(output, queue.name)), output
    assert_consistent(connection, queue.name)


@pytest.mark.parametrize("chosen", ["one", "all"])
def test_requeue_puts_a_failed_job_back(
    project: Project, queue: Queue, connection: redis.Redis, run_worker: RunWorker, chosen: str
) -> None:
    fill(queue, connection, run_worker)
    failed = queue.get_job("failed")
    which = ["--all"] if chosen == "all" else [failed.rq_id]
    project.run_rq("requeue", "--queue", queue.name, *which)

    assert failed.get_state() == "waiting"
    assert [job.id for job in queue.get_waiting()] == ["urgent", "prioritised", "waiting", "failed"]
    assert queue.get_job("failed").attempts_made == 1
    assert_consistent(connection, queue.name)


def test_a_requeued_job_runs_within_a_second_of_an_idle_worker(
    project: Project, queue: Queue, connection: redis.Redis
) -> None:
    """Nobody sets our wake-up marker for RQ's own push."""
    worker = project.rq("worker", queue.name, env=OURS)
    job = queue.add("fail", {}, job_id="f")
    wait_until(lambda: job.is_failed(), 20_000)
    project.run_rq("requeue", "--queue", queue.name, job.rq_id)
    wait_until(lambda: project.starts() == ["f", "f"], 2_000)
    wait_until(lambda: job.is_failed())
    worker.terminate()

    assert worker.wait(20_000) == 0
    assert queue.get_job("f").attempts_made == 2
    assert_consistent(connection, queue.name)


def test_suspend_and_resume(project: Project, queue: Queue, connection: redis.Redis) -> None:
    worker = project.rq("worker", queue.name, env=OURS)
    queue.add("a", {}, job_id="a")
    project.wait_for_start("a")
    project.run_rq("suspend")
    try:
        queue.add("b", {}, job_id="b")
        queue.add("d", {}, job_id="d", delay=10)
        wait_until(lambda: queue.get_waiting_count() == 2, what="the due job to wait beside the other one")
        assert project.starts() == ["a"]
    finally:
        project.run_rq("resume")
    wait_until(lambda: project.starts() == ["a", "b", "d"], 5_000)
    wait_until(lambda: queue.get_completed_count() == 3)
    worker.terminate()

    assert worker.wait(20_000) == 0
    assert_consistent(connection, queue.name)


def _only_worker(connection: redis.Redis, queue: Queue) -> RqWorker:
    return wait_until(
        lambda: next((w for w in RqWorker.all(connection) if queue.name in w.queue_names()), None), 20_000
    )


def _state(connection: redis.Redis, queue: Queue) -> str:
    return _only_worker(connection, queue).get_state()


@pytest.mark.contract("S-216")
def test_our_worker_behind_rq_s_command(project: Project, queue: Queue, connection: redis.Redis) -> None:
    """`rq worker a b` with nothing but RQ_WORKER_CLASS: registered, seen at its job, drained by SIGTERM."""
    other = f"{queue.name}-b"
    process = project.rq("worker", "--name", f"worker-of-{queue.name}", queue.name, other, env=OURS)
    job = queue.add("gated", {}, job_id="g")
    project.wait_for_start("g")
    worker = _only_worker(connection, queue)
    wait_until(lambda: [e.job_id for e in worker.get_current_executions()] == [job.rq_id], 5_000)
    wait_until(lambda: _state(connection, queue) == "busy")

    assert worker.name == f"worker-of-{queue.name}"
    assert worker.get_current_job_id() == job.rq_id
    assert [each["worker"] for each in queue.get_workers()] == [worker.name]
    output = project.run_rq("info", queue.name)
    line = _field(output, worker.name)
    assert "busy" in line and queue.name in line, output

    process.terminate()
    wait_until(lambda: "warm shut down" in process.output())
    queue.add("late", {}, job_id="late")
    assert process.exit_code is None
    project.open_gates()
    assert process.wait(20_000) == 0
    assert job.is_completed()
    assert project.starts() == ["g"]
    assert [each.id for each in queue.get_waiting()] == ["late"]
    assert not [w for w in RqWorker.all(connection) if queue.name in w.queue_names()]
    assert_consistent(connection, queue.name)


def test_the_record_of_our_worker_counts(project: Project, queue: Queue, connection: redis.Redis) -> None:
    process = project.rq("worker", queue.name, env=OURS)
    for name in ("a", "a", "fail"):
        queue.add(name, {})
    wait_until(lambda: queue.get_completed_count() + queue.get_failed_count() == 3, 20_000)
    wait_until(lambda: _only_worker(connection, queue).successful_job_count == 2, 5_000)
    worker = _only_worker(connection, queue)
    assert worker.failed_job_count == 1
    assert worker.total_working_time > 0
    wait_until(lambda: _state(connection, queue) == "idle")
    process.terminate()
    assert process.wait(20_000) == 0


@pytest.mark.parametrize("options", [["--burst"], ["--max-jobs", "3"], ["--max-idle-time", "1"]])
def test_options_that_end_a_worker(
    project: Project, queue: Queue, connection: redis.Redis, options: list[str]
) -> None:
    for n in range(3):
        queue.add("a", {}, job_id=f"a{n}")
    project.run_rq("worker", *options, queue.name, env=OURS)

    assert project.starts() == ["a0", "a1", "a2"]
    assert queue.get_completed_count() == 3
    assert_consistent(connection, queue.name)


def test_a_pool_of_our_workers(project: Project, queue: Queue, connection: redis.Redis) -> None:
    for n in range(12):
        queue.add("gated" if n < 2 else "a", {}, job_id=f"j{n}")
    process = project.rq("worker-pool", "-n", "2", queue.name, env=OURS)
    wait_until(
        lambda: {"j0", "j1"} <= set(project.starts()), 20_000, "two workers to hold one gated job each"
    )
    project.open_gates()
    wait_until(lambda: queue.get_completed_count() == 12, 20_000)
    process.terminate()

    assert process.wait(30_000) == 0
    assert sorted(project.starts()) == sorted(f"j{n}" for n in range(12))
    assert_consistent(connection, queue.name)


def _busy_worker(project: Project, queue: Queue, connection: redis.Redis) -> tuple[PythonProcess, Job, str]:
    process = project.rq("worker", queue.name, env=OURS)
    job = queue.add("gated", {}, job_id="g")
    project.wait_for_start("g")
    worker = _only_worker(connection, queue)
    wait_until(lambda: worker.get_current_executions(), 5_000)
    return process, job, worker.name


def _send_stop_job(connection: redis.Redis, name: str, job: Job) -> None:
    try:
        send_stop_job_command(connection, job.rq_id)
    except InvalidJobOperation:
        pytest.fail("RQ does not see that the job runs")


@pytest.mark.parametrize(
    "send",
    [_send_stop_job, lambda connection, name, job: send_kill_horse_command(connection, name)],
    ids=["stop-job", "kill-horse"],
)
def test_commands_that_would_kill_a_horse_are_harmless(
    project: Project,
    queue: Queue,
    connection: redis.Redis,
    send: Callable[[redis.Redis, str, Job], None],
) -> None:
    """RQ would kill the process group of a horse that we do not have."""
    process, job, name = _busy_worker(project, queue, connection)
    send(connection, name, job)
    wait_until(lambda: re.search("cannot be (killed|stopped)|kill horse command", process.output()), 5_000)
    project.open_gates()
    wait_until(lambda: job.is_completed())
    queue.add("after", {}, job_id="after")
    project.wait_for_start("after")
    process.terminate()

    assert process.wait(20_000) == 0
    assert_consistent(connection, queue.name)


def test_the_shutdown_command_drains(project: Project, queue: Queue, connection: redis.Redis) -> None:
    process, job, name = _busy_worker(project, queue, connection)
    send_shutdown_command(connection, name)
    wait_until(lambda: "warm shut down" in process.output(), 5_000)
    project.open_gates()

    assert process.wait(20_000) == 0
    assert job.is_completed()
    assert_consistent(connection, queue.name)


def test_two_signals_end_a_worker_at_once(project: Project, queue: Queue, connection: redis.Redis) -> None:
    process, job, _ = _busy_worker(project, queue, connection)
    process.terminate()
    wait_until(lambda: "warm shut down" in process.output())

    def is_cold() -> bool:
        process.terminate()
        return "cold shut down" in process.output()

    wait_until(is_cold)
    process.wait(10_000)
    assert job.is_active()
    project.open_gates()
    project.run_rq("worker", "--max-jobs", "1", queue.name, env=OURS)
    assert job.is_completed()
    assert project.starts() == ["g", "g"]
    assert_consistent(connection, queue.name)
