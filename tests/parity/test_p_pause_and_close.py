"""Contract section 14.P: the pause of a whole queue, and close."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bthwani_jobs import Job, Queue, rq_job
from bthwani_jobs.errors import QueueClosed
from tests.conftest import MakeQueue, RunWorker
from tests.parity.handlers import Flavour, Gate, Heard, Runs, fail_first, ids, names, noted, processor
from tests.parity.stalling import QUICK_STALLS
from tests.support.timing import now_ms
from tests.support.waiting import wait_until

contract = pytest.mark.contract
AtMost = Callable[[float], float]


@contract("S-231")
def test_a_paused_queue_collects_jobs(queue: Queue, run_worker: RunWorker, runs: Runs) -> None:
    run_worker(processor(queue, noted(runs)))
    queue.pause()
    assert queue.is_paused()
    queue.add("a", {})
    queue.add("b", {})
    assert queue.get_job_counts("paused", "waiting") == {"paused": 2, "waiting": 0}
    wait_until(lambda: now_ms() > queue.get_paused()[-1].timestamp + 300)
    assert len(runs) == 0
    queue.resume()
    assert not queue.is_paused()
    wait_until(lambda: queue.get_completed_count() == 2)
    assert runs.names == ["a", "b"]


@contract("S-232")
def test_a_pause_does_not_wait_for_running_jobs(
    make_queue: MakeQueue, run_worker: RunWorker, runs: Runs, gate: Gate, at_most: AtMost
) -> None:
    queue, other = make_queue(), make_queue()

    def handle(job: Job) -> None:
        runs.note(job)
        gate.pass_through()

    run_worker(processor(queue, handle))
    running = queue.add("n", {})
    queue.add("next", {})
    wait_until(lambda: len(runs) == 1)
    before = now_ms()
    other.pause()
    assert now_ms() - before <= at_most(100)
    assert running.get_state() == "active"
    gate.open()
    wait_until(lambda: running.get_state() == "completed")
    assert ids(queue.get_paused()) == ["2"]
    assert runs.names == ["n"]


@contract("S-233", "Q-66")
def test_pausing_and_resuming_twice_loses_nothing(queue: Queue, run_worker: RunWorker, runs: Runs) -> None:
    queue.add("before", {})
    queue.pause()
    queue.add("while", {})
    queue.pause()
    queue.add("still", {})
    queue.resume()
    queue.resume()
    queue.add("after", {})
    assert names(queue.get_jobs("waiting", asc=True)) == ["before", "while", "still", "after"]
    run_worker(processor(queue, noted(runs)))
    wait_until(lambda: queue.get_completed_count() == 4)
    assert runs.names == ["before", "while", "still", "after"]


@contract("S-231")
def test_a_pause_is_the_queues_and_not_the_objects(make_queue: MakeQueue) -> None:
    queue, other = make_queue(), make_queue()
    queue.pause()
    queue.close()
    assert other.is_paused()
    other.resume()
    assert not make_queue().is_paused()


@contract("S-237")
def test_close_waits_for_the_running_job(
    queue: Queue, make_queue: MakeQueue, run_worker: RunWorker, runs: Runs, flavour: Flavour, at_most: AtMost
) -> None:
    async def body(job: Job) -> str:
        with runs.during(job):
            await flavour.pause(500)
        return "done"

    run_worker(processor(queue, flavour.handler(body)))
    job = queue.add("n", {})
    wait_until(lambda: len(runs) == 1)
    queue.close()
    assert len(runs.ended) == 1
    assert now_ms() - runs.starts[0] <= 500 + at_most(300)
    found = make_queue().get_job(job.id)
    assert found is not None
    assert (found.get_state(), found.returnvalue) == ("completed", "done")


@contract("S-201", "S-237")
def test_the_events_of_a_close_during_a_job(
    queue: Queue, run_worker: RunWorker, runs: Runs, flavour: Flavour
) -> None:
    heard = Heard(queue, "active", "completed", "paused", "close")

    async def body(job: Job) -> None:
        runs.note(job)
        await flavour.pause(150)

    run_worker(processor(queue, flavour.handler(body)))
    queue.add("n", {})
    wait_until(lambda: len(runs) == 1)
    queue.close()
    assert heard.names == ["active", "completed", "paused", "close"]


@contract("S-238")
def test_a_closed_queue_refuses_commands(queue: Queue) -> None:
    heard = Heard(queue, "close")
    job = queue.add("n", {})
    queue.close()
    queue.close()
    assert heard.count("close") == 1
    commands: list[Callable[[], object]] = [
        lambda: queue.add("n", {}),
        lambda: queue.add_bulk([{"name": "n"}]),
        queue.count,
        queue.pause,
        job.get_state,
        lambda: job.progress(1),
    ]
    for command in commands:
        with pytest.raises(QueueClosed, match=r"Connection is closed\."):
            command()


@contract("S-239")
def test_close_without_waiting_leaves_the_job_to_stall_recovery(
    make_queue: MakeQueue, run_worker: RunWorker, runs: Runs, gate: Gate, flavour: Flavour, at_most: AtMost
) -> None:
    queue, other = make_queue(settings=QUICK_STALLS), make_queue(settings=QUICK_STALLS)

    async def body(job: Job) -> str:
        runs.note(job)
        await flavour.through(gate)
        return "left"

    run_worker(processor(queue, flavour.handler(body)), queues=[queue])
    job = queue.add("n", {})
    wait_until(lambda: len(runs) == 1)
    before = now_ms()
    queue.close(do_not_wait_jobs=True)
    assert now_ms() - before <= at_most(300)
    found = other.get_job(job.id)
    assert found is not None
    assert found.get_state() == "active"
    run_worker(processor(other, lambda job: "recovered"), queues=[other])
    wait_until(lambda: found.get_state() == "completed")
    gate.open()
    again = other.get_job(job.id)
    assert again is not None
    assert again.returnvalue == "recovered"


@contract("S-237", "Q-26")
def test_a_job_claimed_while_closing_goes_back(
    queue: Queue, make_queue: MakeQueue, run_worker: RunWorker, runs: Runs, flavour: Flavour
) -> None:
    other = make_queue()

    async def body(job: Job) -> None:
        with runs.during(job):
            await flavour.pause(1)

    queue.add_bulk([{"name": "n"} for _ in range(400)])
    for _ in range(10):
        before = len(runs)
        worker = run_worker(processor(queue, flavour.handler(body), concurrency=8))
        wait_until(lambda before=before: len(runs) > before + 10 or not other.get_waiting_count())
        worker.close()
        assert other.get_active_count() == 0
        assert len(runs) == len(runs.ended) == other.get_completed_count()
        left = [int(job.id) for job in other.get_waiting()]
        assert left == sorted(left), "what goes back goes back to the head, in its order"
    assert other.get_completed_count() + other.get_waiting_count() == 400


@contract("S-160", "S-238")
def test_closing_one_queue_leaves_the_workers_other_queue_alone(
    make_queue: MakeQueue, queue_name: str, run_worker: RunWorker, runs: Runs, gate: Gate
) -> None:
    closed, kept = (make_queue(f"{queue_name}-{kind}", settings=QUICK_STALLS) for kind in ("closed", "kept"))
    heard = Heard(kept, "stalled", "error")

    def handle(job: Job) -> None:
        with runs.during(job):
            gate.pass_through()

    run_worker(processor(closed, noted(Runs())), processor(kept, handle, concurrency=2))
    job = kept.add("n", {})
    wait_until(lambda: len(runs) == 1)
    closed.close()
    wait_until(lambda: now_ms() > runs.starts[0] + 1000)
    gate.open()
    wait_until(lambda: job.get_state() == "completed")
    assert len(runs) == 1
    assert heard.calls == []


@contract("Q-66")
def test_jobs_that_a_stock_tool_pushed_meanwhile_survive_a_second_pause(
    queue: Queue, run_worker: RunWorker, runs: Runs
) -> None:
    run_worker(processor(queue, fail_first(runs)))
    failed = queue.add("failed", {})
    wait_until(lambda: failed.get_state() == "failed")
    queue.pause()
    queue.add("paused", {})
    rq_job(failed).requeue()
    queue.pause()
    queue.resume()
    wait_until(lambda: queue.get_completed_count() == 1 and queue.get_failed_count() == 1)
    assert sorted(runs.names) == ["failed", "failed", "paused"]
