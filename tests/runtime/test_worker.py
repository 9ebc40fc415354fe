"""The worker as a process: what ends it, what it says when it cannot start."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import redis

from bthwani_jobs import Processor, Queue, Worker
from bthwani_jobs.errors import ConfigurationError
from tests.chaos.invariants import assert_consistent
from tests.support.processes import Processes
from tests.support.waiting import wait_until


@pytest.mark.contract("S-088")
def test_a_worker_full_of_abandoned_threads_ends_with_an_error(
    processes: Processes, queue: Queue, connection: redis.Redis
) -> None:
    """Its supervisor starts a new one; every job has failed by its timeout, none is left active."""
    process = processes.python("-m", "tests.runtime.giving_up", queue.name)
    for _ in range(11):
        queue.add("a", {}, timeout=30)
    code = process.wait(30_000)

    assert code == 1, process.output()
    assert "supervisor" in process.output()
    wait_until(lambda: queue.get_active_count() == 0)
    assert queue.get_failed_count() == 11
    assert {job.failed_reason for job in queue.get_failed()} == {"Promise timed out after 30 milliseconds"}
    assert_consistent(connection, queue.name)


def test_a_worker_without_queues(connection: redis.Redis) -> None:
    with pytest.raises(ConfigurationError, match="at least one queue"):
        Worker([], connection, processors=[])


def test_a_worker_without_handlers(connection: redis.Redis, queue_name: str) -> None:
    with pytest.raises(ConfigurationError, match=f'No handler is declared for the queue "{queue_name}"'):
        Worker([queue_name], connection, processors=[])


@pytest.mark.parametrize(
    ("setup_cfg", "expected"),
    [
        (None, "does not know its handlers"),
        ("[bthwani_jobs]\nprocessors = no_such_module\n", 'module "no_such_module" does not exist'),
    ],
)
def test_rq_s_command_says_why_it_cannot_start(
    processes: Processes, queue_name: str, tmp_path: Path, setup_cfg: str | None, expected: str
) -> None:
    if setup_cfg is not None:
        (tmp_path / "setup.cfg").write_text(setup_cfg)
    ours = {"RQ_WORKER_CLASS": "bthwani_jobs.Worker"}
    process = processes.python("-m", "rq.cli", "worker", queue_name, env=ours, cwd=tmp_path)

    assert process.wait(20_000) == 1
    assert expected in process.output().replace(os.linesep, " ")
    assert "Traceback" not in process.output()


def test_starting_again_after_a_close(connection: redis.Redis, queue: Queue) -> None:
    processor = Processor(queue.name)
    processor.process("*")(lambda job: "done")
    worker = Worker([queue], connection, processors=[processor])
    for number in range(1, 3):
        worker.start()
        queue.add("a")
        wait_until(lambda n=number: queue.get_completed_count() == n)
        worker.close()
        worker.close()
    assert_consistent(connection, queue.name)


def test_two_workers_on_one_queue_object(connection: redis.Redis, queue: Queue) -> None:
    processor = Processor(queue.name)
    processor.process("*")(lambda job: "done")
    workers = [Worker([queue], connection, processors=[processor]).start() for _ in range(2)]
    queue.add_bulk([{"name": "a"}] * 50)
    wait_until(lambda: queue.get_completed_count() == 50)
    for worker in workers:
        worker.close()
    assert_consistent(connection, queue.name)


@pytest.mark.contract("S-237")
def test_closing_the_queue_closes_its_worker(connection: redis.Redis, queue: Queue) -> None:
    processor = Processor(queue.name)
    processor.process("*")(lambda job: "done")
    worker = Worker([queue], connection, processors=[processor]).start()
    queue.close()
    worker.close()
