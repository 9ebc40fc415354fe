"""Contract section 14.P: the pause of one Queue object, and waiting for the jobs that run."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from bthwani_jobs import Job, Queue, Worker
from tests.conftest import MakeQueue, RunWorker
from tests.parity.handlers import Flavour, Gate, Heard, Runs, ids, noted, processor
from tests.support.timing import now_ms
from tests.support.waiting import wait_until

contract = pytest.mark.contract
AtMost = Callable[[float], float]


class Calling:
    """A call in a thread of its own, which the test waits for."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.returned = threading.Event()
        self._thread = threading.Thread(target=self._call, args=(function, arguments))
        self._thread.start()

    def _call(self, function: Callable[..., object], arguments: tuple[object, ...]) -> None:
        function(*arguments)
        self.returned.set()

    def join(self) -> None:
        wait_until(self.returned.is_set)
        self._thread.join()


@contract("S-234")
def test_a_local_pause_waits_for_the_running_job(
    queue: Queue, run_worker: RunWorker, runs: Runs, flavour: Flavour, at_most: AtMost
) -> None:
    async def body(job: Job) -> None:
        with runs.during(job):
            await flavour.pause(300)

    run_worker(processor(queue, flavour.handler(body)))
    for _ in range(4):
        queue.add("n", {})
    wait_until(lambda: len(runs) == 1 and now_ms() >= runs.starts[0] + 100)
    queue.pause(is_local=True)
    assert len(runs.ended) == 1
    assert now_ms() - runs.starts[0] <= 300 + at_most(150)
    assert queue.get_job_counts("active", "waiting", "completed") == {
        "active": 0,
        "waiting": 3,
        "completed": 1,
    }
    wait_until(lambda: now_ms() > runs.starts[0] + 700)
    assert (len(runs), ids(queue.get_waiting())) == (1, ["2", "3", "4"])
    queue.resume(is_local=True)
    wait_until(lambda: queue.get_completed_count() == 4)
    assert runs.ids == ["1", "2", "3", "4"]


@contract("S-234", "Q-26")
@pytest.mark.parametrize("slots", [1, 4])
def test_a_job_claimed_while_pausing_goes_back(
    queue: Queue, run_worker: RunWorker, runs: Runs, flavour: Flavour, slots: int
) -> None:
    async def body(job: Job) -> None:
        with runs.during(job):
            await flavour.pause(1)

    run_worker(processor(queue, flavour.handler(body), concurrency=slots))
    queue.add_bulk([{"name": "n"} for _ in range(400)])
    for _ in range(15):
        before = len(runs)
        wait_until(lambda before=before: len(runs) > before or not queue.get_waiting_count())
        queue.pause(is_local=True)
        assert queue.get_active_count() == 0
        assert len(runs) == len(runs.ended) == queue.get_completed_count()
        left = [int(job.id) for job in queue.get_waiting()]
        assert left == sorted(left), "what goes back goes back to the head, in its order"
        queue.resume(is_local=True)
    wait_until(lambda: queue.get_completed_count() == 400)
    assert sorted(runs.ids, key=int) == [str(number) for number in range(1, 401)]


@contract("S-235")
def test_a_local_pause_need_not_wait(
    queue: Queue, run_worker: RunWorker, runs: Runs, gate: Gate, at_most: AtMost
) -> None:
    def handle(job: Job) -> None:
        runs.note(job)
        gate.pass_through()

    run_worker(processor(queue, handle, concurrency=2))
    running = queue.add("n", {})
    wait_until(lambda: len(runs) == 1)
    before = now_ms()
    queue.pause(True, True)
    assert now_ms() - before <= at_most(300)
    assert running.get_state() == "active"
    waiting = queue.add("n", {})
    gate.open()
    wait_until(lambda: running.get_state() == "completed")
    wait_until(lambda: now_ms() > before + 500)
    assert (len(runs), waiting.get_state()) == (1, "waiting")
    queue.resume(True)
    wait_until(lambda: waiting.get_state() == "completed")


@contract("S-236")
def test_the_two_pauses_know_nothing_of_each_other(make_queue: MakeQueue) -> None:
    queue, other = make_queue(), make_queue()
    queue.pause(is_local=True)
    assert (queue.is_paused(is_local=True), queue.is_paused()) == (True, False)
    assert (other.is_paused(is_local=True), other.is_paused()) == (False, False)
    queue.resume()
    assert queue.is_paused(True)
    queue.pause()
    queue.resume(is_local=True)
    assert (queue.is_paused(True), queue.is_paused()) == (False, True)


@contract("S-236", "S-234")
def test_only_the_paused_objects_worker_holds_back(
    make_queue: MakeQueue, run_worker: RunWorker, runs: Runs
) -> None:
    queue, other = make_queue(), make_queue()
    run_worker(processor(queue, noted(runs)), queues=[queue])
    others = Runs()
    run_worker(processor(other, noted(others)), queues=[other])
    queue.pause(is_local=True)
    queue.add_bulk([{"name": "n"} for _ in range(20)])
    wait_until(lambda: queue.get_completed_count() == 20)
    assert (len(runs), len(others)) == (0, 20)


@contract("S-199", "S-234")
def test_a_local_pause_is_announced_locally(make_queue: MakeQueue) -> None:
    queue, other = make_queue(), make_queue()
    heard = Heard(queue, "paused", "resumed", "global:paused", "global:resumed", "global:waiting")
    heard_other = Heard(other, "paused", "resumed")
    queue.pause(is_local=True)
    queue.pause(is_local=True)
    queue.resume(is_local=True)
    queue.add("n", {})  # what was announced before it has arrived
    wait_until(lambda: heard.count("global:waiting") == 1)
    assert heard.names == ["paused", "paused", "resumed", "global:waiting"]
    assert heard_other.calls == []


@contract("S-199")
def test_a_global_pause_is_local_to_its_caller_and_global_to_all(make_queue: MakeQueue) -> None:
    queue, other = make_queue(), make_queue()
    heard, heard_other = Heard(queue, "paused", "global:paused"), Heard(other, "paused", "global:paused")
    queue.pause()
    wait_until(lambda: heard.count("global:paused") == heard_other.count("global:paused") == 1)
    assert (heard.count("paused"), heard_other.count("paused")) == (1, 0)


@contract("S-235", "S-236")
def test_a_worker_started_during_a_local_pause_holds_back(
    queue: Queue, run_worker: RunWorker, runs: Runs, at_most: AtMost
) -> None:
    before = now_ms()
    queue.pause(is_local=True)
    assert now_ms() - before <= at_most(150)
    job = queue.add("n", {})
    run_worker(processor(queue, noted(runs)))
    wait_until(lambda: now_ms() > before + 500)
    assert job.get_state() == "waiting"
    queue.resume(is_local=True)
    wait_until(lambda: job.get_state() == "completed")


@contract("S-234")
def test_a_locally_paused_worker_still_moves_due_jobs(
    make_queue: MakeQueue, run_worker: RunWorker, runs: Runs
) -> None:
    queue, other = make_queue(), make_queue()
    early = queue.add("n", {}, delay=300)
    run_worker(processor(queue, noted(runs)))
    queue.pause(is_local=True)
    late = other.add("n", {}, delay=100)
    wait_until(lambda: [job.get_state() for job in (early, late)] == ["waiting", "waiting"], 4000)
    assert len(runs) == 0


@contract("S-234")
def test_a_pause_from_within_a_handler_does_not_wait_for_itself(
    queue: Queue, run_worker: RunWorker, runs: Runs, flavour: Flavour
) -> None:
    async def body(job: Job) -> None:
        runs.note(job)
        queue.pause(is_local=True)
        queue.when_current_jobs_finished()

    run_worker(processor(queue, flavour.handler(body), concurrency=2))
    first = queue.add("n", {})
    wait_until(lambda: first.get_state() == "completed")
    second = queue.add("n", {})
    wait_until(lambda: now_ms() > second.timestamp + 300)
    assert (len(runs), second.get_state()) == (1, "waiting")


@contract("S-234")
def test_a_burst_worker_ends_in_a_local_pause(queue: Queue, connection: object, runs: Runs) -> None:
    queue.add("n", {})
    queue.pause(is_local=True)
    worker = Worker(queue, processors=[processor(queue, noted(runs))])
    burst = Calling(_work_without_signals, worker)
    burst.join()
    assert (len(runs), queue.get_waiting_count()) == (0, 1)


def _work_without_signals(worker: Worker) -> None:
    worker._install_signal_handlers = lambda: None  # type: ignore[method-assign]
    worker.work(burst=True, logging_level="ERROR")


@contract("S-240", "Q-70")
def test_waiting_for_the_current_jobs_does_not_stop_others(
    queue: Queue, run_worker: RunWorker, runs: Runs, flavour: Flavour
) -> None:
    gates = {"1": Gate(), "2": Gate()}

    async def body(job: Job) -> None:
        runs.note(job)
        await flavour.through(gates[job.id])

    run_worker(processor(queue, flavour.handler(body)))
    first, second = queue.add("n", {}), queue.add("n", {})
    wait_until(lambda: len(runs) == 1)
    waiting = Calling(queue.when_current_jobs_finished)
    wait_until(lambda: now_ms() > runs.starts[0] + 200)
    assert not waiting.returned.is_set()
    gates["1"].open()
    waiting.join()
    assert first.get_state() == "completed"
    wait_until(lambda: second.get_state() == "active")
    gates["2"].open()
    wait_until(lambda: second.get_state() == "completed")


@contract("S-240")
def test_without_a_worker_no_job_is_current(
    make_queue: MakeQueue, run_worker: RunWorker, runs: Runs, gate: Gate, at_most: AtMost
) -> None:
    queue, other = make_queue(), make_queue()

    def handle(job: Job) -> None:
        runs.note(job)
        gate.pass_through()

    run_worker(processor(queue, handle), queues=[queue])
    queue.add("n", {})
    wait_until(lambda: len(runs) == 1)
    before = now_ms()
    other.when_current_jobs_finished()
    assert now_ms() - before <= at_most(150)
    gate.open()
