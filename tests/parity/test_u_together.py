"""Contract section 14.U, as far as it is the library's: several queues, several processes."""

from __future__ import annotations

import json
from collections import Counter

import pytest
import redis

from bthwani_jobs import Job, Processor, Queue, Worker
from tests.conftest import MakeQueue, RunWorker
from tests.parity.blocking_worker import starts_key
from tests.parity.handlers import Gate, Runs, noted, processor
from tests.support.processes import Processes
from tests.support.waiting import wait_until

contract = pytest.mark.contract

QUEUES = ["emails", "notifications", "orders"]


@contract("S-263")
def test_jobs_on_three_queues_reach_each_queues_worker(
    make_queue: MakeQueue, queue_name: str, run_worker: RunWorker
) -> None:
    queues = {kind: make_queue(f"{queue_name}-{kind}") for kind in QUEUES}
    runs = {kind: Runs() for kind in QUEUES}
    for kind, queue in queues.items():
        run_worker(processor(queue, noted(runs[kind])), queues=[queue])
    for kind, queue in queues.items():
        queue.add(f"{kind}-job", {})
    wait_until(lambda: all(queue.get_completed_count() == 1 for queue in queues.values()))
    assert {kind: one.names for kind, one in runs.items()} == {kind: [f"{kind}-job"] for kind in QUEUES}


@contract("S-263")
def test_in_one_worker_a_busy_queue_does_not_hold_up_another(
    make_queue: MakeQueue, queue_name: str, run_worker: RunWorker, runs: Runs, gate: Gate
) -> None:
    busy, free = make_queue(f"{queue_name}-busy"), make_queue(f"{queue_name}-free")

    def hold(job: Job) -> None:
        gate.pass_through()

    run_worker(processor(busy, hold), processor(free, noted(runs)))
    busy.add_bulk([{"name": "n"} for _ in range(5)])
    wait_until(lambda: busy.get_active_count() == 1)
    free.add("n", {})
    wait_until(lambda: free.get_completed_count() == 1)
    assert (busy.get_active_count(), busy.get_waiting_count()) == (1, 4)


@contract("S-264")
def test_three_processes_complete_each_of_300_jobs_once(
    queue: Queue, processes: Processes, connection: redis.Redis
) -> None:
    queue.pause()
    added = [job.id for job in queue.add_bulk([{"name": "quick"} for _ in range(300)])]
    workers = [
        processes.python("-m", "tests.parity.blocking_worker", queue.name, json.dumps({})) for _ in range(3)
    ]
    wait_until(lambda: len(queue.get_workers()) == 3, 20_000, "three registered workers")
    queue.resume()
    wait_until(
        lambda: queue.get_completed_count() == 300,
        20_000,
        lambda: "all jobs completed. " + "".join(worker.output() for worker in workers),
    )
    started = [entry.decode() for entry in connection.lrange(starts_key(queue.name), 0, -1)]
    assert Counter(started) == Counter(added)
    served_by = Counter(job.returnvalue for job in queue.get_completed())
    assert set(served_by) == {str(worker.pid) for worker in workers}
    assert queue.get_job_counts("waiting", "active", "failed") == {"waiting": 0, "active": 0, "failed": 0}


@contract("S-265")
def test_jobs_wait_for_a_worker(queue: Queue, run_worker: RunWorker, runs: Runs) -> None:
    jobs = [queue.add("n", {}), queue.add("n", {}, delay=50)]
    assert queue.count() == 2
    run_worker(processor(queue, noted(runs)))
    wait_until(lambda: all(job.get_state() == "completed" for job in jobs))


@contract("S-265")
def test_the_blocking_loop_of_rq_ends_with_the_burst(
    queue: Queue, connection: redis.Redis, runs: Runs
) -> None:
    made = Processor(queue.name)
    made.process("*", concurrency=2)(noted(runs))
    queue.add_bulk([{"name": "n"} for _ in range(10)])
    Worker([queue], connection, processors=[made]).work(burst=True)
    assert len(runs) == queue.get_completed_count() == 10
