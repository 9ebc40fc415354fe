"""`rq worker` as RQ ships it, typed in the project's folder: it runs our jobs; what it leaves is adopted."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import redis
import rq
from rq import Worker as RqWorker
from rq.job import Job as RqJob

from bthwani_jobs import Job, Queue, rq_job, rq_queue
from bthwani_jobs.runtime.stalled_checker import check
from tests.chaos.invariants import FIRST_SCORE, assert_consistent, snapshot
from tests.conftest import RunWorker
from tests.interop.project import OURS, Project
from tests.parity.handlers import Heard
from tests.support.processes import PythonProcess
from tests.support.waiting import wait_until

FORK: list[str] = []
SIMPLE = ["-w", "rq.worker.SimpleWorker"]
KINDS = pytest.mark.parametrize("kind", [FORK, SIMPLE], ids=["fork", "simple"])


@KINDS
def test_order_and_results(project: Project, queue: Queue, connection: redis.Redis, kind: list[str]) -> None:
    for name, options in (
        ("n1", {}),
        ("p5", {"priority": 5}),
        ("p1", {"priority": 1}),
        ("l", {"lifo": True}),
        ("n2", {}),
    ):
        queue.add(name, {"n": name}, job_id=name, **options)
    output = project.run_rq("worker", "--burst", *kind, queue.name)

    assert project.starts() == ["l", "p1", "p5", "n1", "n2"]
    assert output.count("follow RQ's rules") >= 1
    for name in ("n1", "p5", "p1", "l", "n2"):
        job = queue.get_job(name)
        assert job.returnvalue == {"id": name, "n": name}
        assert job.get_state() == "completed"
        assert RqJob.fetch(job.rq_id, connection=connection).get_status() == "finished"


@KINDS
@pytest.mark.contract("S-194")
def test_what_a_stock_worker_finished_is_adopted(
    project: Project, queue: Queue, connection: redis.Redis, kind: list[str]
) -> None:
    heard = Heard(queue, "global:completed", "global:failed")
    good = queue.add("good", {"n": 1}, priority=2)
    bad = queue.add("fail", {})
    project.run_rq("worker", "--burst", *kind, queue.name)
    before = snapshot(connection, queue.name)
    assert before.scores["completed"][good.rq_id] < FIRST_SCORE
    assert before.ttls[good.rq_id] > 0

    reply = check(queue, now=True)
    wait_until(lambda: heard.count("global:failed") == 1)

    assert reply is not None and reply.adopted == 2
    assert heard.of("global:completed") == [(good.id, '{"id":"1","n":1}', "active")]
    assert heard.of("global:failed") == [(bad.id, "boom", "active")]
    assert queue.get_job(bad.id).failed_reason == "boom"
    after = assert_consistent(connection, queue.name)
    for state, job in (("completed", good), ("failed", bad)):
        ended_ms = queue.get_job(job.id).finished_on
        assert after.scores[state][job.rq_id] // 1024 == ended_ms
        assert after.ttls[job.rq_id] == -1


def test_a_job_that_failed_under_a_stock_worker_can_be_retried(
    project: Project, queue: Queue, connection: redis.Redis
) -> None:
    job = queue.add("fail", {}, job_id="f")
    project.run_rq("worker", "--burst", queue.name)
    check(queue, now=True)
    queue.get_job("f").retry()

    assert job.get_state() == "waiting"
    assert_consistent(connection, queue.name)


def test_retention_under_a_stock_worker(project: Project, queue: Queue, connection: redis.Redis) -> None:
    """remove_on_complete reaches RQ as its result_ttl; the job's companions go too."""
    queue.add("gone", {}, remove_on_complete=True)
    queue.add("kept", {}, job_id="kept", remove_on_complete={"age": 3600})
    project.run_rq("worker", "--burst", queue.name)
    check(queue, now=True)

    assert [job.id for job in queue.get_jobs()] == ["kept"]
    assert_consistent(connection, queue.name)


def test_a_repeatable_goes_on_under_a_stock_worker(
    project: Project, queue: Queue, connection: redis.Redis
) -> None:
    queue.add("tick", {}, repeat={"every": 3_600_000})
    occurrence = queue.get_delayed()[0]
    occurrence.promote()
    project.run_rq("worker", "--burst", queue.name)
    check(queue, now=True)

    assert project.starts() == [occurrence.id]
    assert [job.id for job in queue.get_delayed()] != [occurrence.id]
    assert queue.get_delayed_count() == 1
    assert_consistent(connection, queue.name)


@KINDS
def test_beside_a_worker_of_ours_each_job_runs_once(
    project: Project, queue: Queue, connection: redis.Redis, kind: list[str]
) -> None:
    ours = project.rq("worker", queue.name, env=OURS)
    stock = project.rq("worker", *kind, queue.name)
    wait_until(lambda: len(queue.get_workers()) == 2, 20_000)
    wait_until(lambda: "Listening on" in stock.output(), 20_000)
    ids = [f"j{n}" for n in range(40)]
    queue.add_bulk([{"name": "slow", "opts": {"job_id": id, "priority": n % 3}} for n, id in enumerate(ids)])
    wait_until(lambda: queue.get_completed_count() == 40 and queue.get_active_count() == 0, 40_000)
    ours.terminate()
    stock.terminate()
    assert ours.wait(20_000) == 0
    assert stock.wait(20_000) == 0
    check(queue, now=True)

    assert sorted(project.starts()) == sorted(ids)
    rows = assert_consistent(connection, queue.name).hashes.values()
    # RQ leaves the name of its worker in the hash of a finished job, we do not.
    by_stock = sum(bool(row.get("worker_name")) for row in rows)
    assert 0 < by_stock < 40


def _start_gated_job(
    project: Project, queue: Queue, connection: redis.Redis
) -> tuple[PythonProcess, Job, RqWorker]:
    """A stock worker with a horse that runs a job which does not end."""
    process = project.rq("worker", queue.name)
    job = queue.add("gated", {}, job_id="g")
    project.wait_for_start("g")
    (worker,) = [each for each in RqWorker.all(connection) if queue.name in each.queue_names()]
    return process, job, worker


def _horses(worker_pid: int) -> list[int]:
    children = Path(f"/proc/{worker_pid}/task/{worker_pid}/children").read_text().split()
    return [int(pid) for pid in children]


def _check_adopted_failure(queue: Queue, connection: redis.Redis, job: Job) -> None:
    check(queue, now=True)
    assert job.is_failed()
    assert queue.get_job(job.id).failed_reason
    assert_consistent(connection, queue.name)
    queue.get_job(job.id).retry()
    assert job.is_waiting()
    assert_consistent(connection, queue.name)


def test_a_stock_worker_s_horse_dies(project: Project, queue: Queue, connection: redis.Redis) -> None:
    """RQ fails the job at once; it is adopted with a reason, and can be retried."""
    process, job, worker = _start_gated_job(project, queue, connection)
    for pid in _horses(worker.pid):
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: rq_job(job).get_status() == "failed", 10_000)
    process.terminate()
    process.wait(20_000)

    _check_adopted_failure(queue, connection, job)


def test_a_stock_worker_dies_with_its_horse(project: Project, queue: Queue, connection: redis.Redis) -> None:
    """RQ finds out when its own lease has lapsed (not waited for here) and somebody looks."""
    process, job, _ = _start_gated_job(project, queue, connection)
    process.destroy()
    check(queue, now=True)
    assert job.is_active()  # its lease is RQ's: none of our business
    (member,) = connection.zrange(f"rq:wip:{queue.name}", 0, -1)
    connection.zadd(f"rq:wip:{queue.name}", {member: 1_700_000_000})
    connection.zadd(f"rq:executions:{job.rq_id}", {member.partition(b":")[2]: 1_700_000_000})
    project.run_rq("info", queue.name)

    _check_adopted_failure(queue, connection, job)


def test_a_timeout_under_a_stock_worker(project: Project, queue: Queue, connection: redis.Redis) -> None:
    """RQ counts in whole seconds: rounded up, never to none."""
    job = queue.add("gated", {}, job_id="g", timeout=300)
    assert rq_job(job).timeout == 1
    project.run_rq("worker", "--burst", queue.name)

    _check_adopted_failure(queue, connection, job)


@pytest.mark.parametrize(
    "command",
    [["rq.cli", "worker", "--with-scheduler", "--burst"], ["rq_scheduler.scripts.rqscheduler", "--burst"]],
    ids=["with-scheduler", "rqscheduler"],
)
def test_rq_s_schedulers_leave_our_delayed_jobs_alone(
    project: Project, queue: Queue, connection: redis.Redis, command: list[str]
) -> None:
    """Also one whose due time lies so far back that its milliseconds might be taken for seconds."""
    queue.add("later", {}, job_id="later", delay=3_600_000)
    queue.add("past", {}, job_id="past", delay=1, timestamp=1000)
    queue.pause()
    arguments = [] if "rq_scheduler" in command[0] else [queue.name]
    project.run_module(*command, *arguments)

    assert {job.id for job in queue.get_delayed()} == {"later", "past"}
    assert project.starts() == []
    assert_consistent(connection, queue.name)


def test_a_paused_queue_stands_still_for_stock_workers_too(project: Project, queue: Queue) -> None:
    queue.add("a", {}, job_id="a")
    queue.pause()
    project.run_rq("worker", "--burst", queue.name)
    assert project.starts() == []
    queue.resume()
    project.run_rq("worker", "--burst", queue.name)
    assert project.starts() == ["a"]


def test_rq_s_objects_for_ours(queue: Queue, connection: redis.Redis, run_worker: RunWorker) -> None:
    job = queue.add("a", {}, job_id="ü 1")
    assert rq_queue(queue).count == 1
    assert rq_queue(queue).job_ids == [job.rq_id]
    assert rq_job(job).origin == queue.name
    assert rq_job(job).description == "a"
    job.remove()
    with pytest.raises(rq.exceptions.NoSuchJobError):
        rq_job(job)
