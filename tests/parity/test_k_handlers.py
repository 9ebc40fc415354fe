"""Contract section 14.K: concurrency, and which handler gets a job."""

from __future__ import annotations

from typing import Any

import pytest

from bthwani_jobs import Job, Processor, Queue
from bthwani_jobs.errors import DuplicateHandler, InvalidConcurrency, MissingHandlerFunction
from tests.conftest import RunWorker
from tests.parity.handlers import Flavour, Gate, Handler, Heard, Runs, noted, processor
from tests.support.waiting import wait_until

contract = pytest.mark.contract


def during(runs: Runs, flavour: Flavour, ms: float) -> Handler:
    """A handler that takes this long."""

    async def body(job: Job) -> None:
        with runs.during(job):
            await flavour.pause(ms)

    return flavour.handler(body)


def until_open(runs: Runs, flavour: Flavour, gate: Gate) -> Handler:
    """A handler that holds its slot until the test opens the gate."""

    async def body(job: Job) -> None:
        with runs.during(job):
            await flavour.through(gate)

    return flavour.handler(body)


def added(queue: Queue, number: int, name: str = "n") -> None:
    queue.add_bulk([{"name": name} for _ in range(number)])


@contract("S-166")
def test_one_at_a_time_unless_said_otherwise(
    queue: Queue, run_worker: RunWorker, runs: Runs, flavour: Flavour
) -> None:
    made = Processor(queue.name)
    made.process("n")(during(runs, flavour, 50))
    run_worker(made)
    added(queue, 3)
    wait_until(lambda: queue.get_completed_count() == 3)
    assert runs.peak == 1


@contract("S-167")
def test_concurrency_is_reached_and_not_exceeded(
    queue: Queue, run_worker: RunWorker, runs: Runs, gate: Gate, flavour: Flavour
) -> None:
    run_worker(processor(queue, until_open(runs, flavour, gate), concurrency=4))
    added(queue, 8)
    wait_until(lambda: len(runs) == 4)
    wait_until(lambda: (queue.get_active_count(), queue.get_waiting_count()) == (4, 4))
    gate.open()
    wait_until(lambda: queue.get_completed_count() == 8)
    assert runs.peak == 4


@contract("S-168", "Q-71")
def test_slots_add_up_and_serve_every_name(
    queue: Queue, run_worker: RunWorker, runs: Runs, gate: Gate, flavour: Flavour
) -> None:
    made = Processor(queue.name)
    made.process("a", concurrency=2)(until_open(runs, flavour, gate))
    made.process("b", concurrency=3)(until_open(runs, flavour, gate))
    run_worker(made)
    added(queue, 20, "a")
    wait_until(lambda: len(runs) == 5)
    gate.open()
    wait_until(lambda: queue.get_completed_count() == 20)
    assert runs.peak == 5


@contract("S-168", "Q-71")
def test_a_processor_may_give_the_total_instead(
    queue: Queue, run_worker: RunWorker, runs: Runs, gate: Gate, flavour: Flavour
) -> None:
    made = Processor(queue.name, concurrency=2)
    made.process("a", concurrency=3)(until_open(runs, flavour, gate))
    made.process("b")(until_open(runs, flavour, gate))
    run_worker(made)
    added(queue, 6, "a")
    wait_until(lambda: len(runs) == 2)
    gate.open()
    wait_until(lambda: queue.get_completed_count() == 6)
    assert runs.peak == 2


@contract("S-169")
def test_concurrency_zero_adds_a_handler_without_slots(
    queue: Queue, run_worker: RunWorker, runs: Runs, gate: Gate
) -> None:
    flavour = Flavour("sync")
    made = Processor(queue.name)
    made.process("z", concurrency=0)(until_open(runs, flavour, gate))
    made.process("other")(noted(runs))
    run_worker(made)
    added(queue, 3, "z")
    wait_until(lambda: queue.get_active_count() == 1)
    gate.open()
    wait_until(lambda: queue.get_completed_count() == 3)
    assert (runs.names, runs.peak) == (["z"] * 3, 1)


@contract("S-170")
def test_a_name_without_a_handler_fails(
    queue: Queue, run_worker: RunWorker, runs: Runs, flavour: Flavour
) -> None:
    heard = Heard(queue, "active", "failed", "global:active", "global:failed")
    run_worker(processor(queue, during(runs, flavour, 0), name="a"))
    job = queue.add("b", {}, attempts=2)
    wait_until(lambda: job.get_state() == "failed")
    wait_until(lambda: heard.count("global:failed") == 1 and heard.count("failed") == 2)
    assert [str(arguments[1]) for arguments in heard.of("failed")] == [
        "Missing process handler for job type b",
        "Missing process handler for job type b",
    ]
    assert heard.count("active") == 0
    assert heard.count("global:active") == 2
    assert len(runs) == 0


@contract("S-171")
def test_the_star_handles_what_no_other_handler_does(queue: Queue, run_worker: RunWorker) -> None:
    got: list[tuple[str, str]] = []
    made = Processor(queue.name)
    made.process("*")(lambda job: got.append(("star", job.name)))
    made.process("a")(lambda job: got.append(("a", job.name)))
    run_worker(made)
    for name in ("a", "b"):
        queue.add(name, {})
    queue.add({"no": "name"})
    wait_until(lambda: queue.get_completed_count() == 3)
    assert sorted(got) == [("a", "a"), ("star", "__default__"), ("star", "b")]


@contract("S-172")
def test_each_job_goes_to_the_handler_of_its_name(
    queue: Queue, run_worker: RunWorker, flavour: Flavour
) -> None:
    got: list[tuple[str, str]] = []
    made = Processor(queue.name)
    for name in ("a", "b", "constructor"):

        async def body(job: Job, name: str = name) -> None:
            got.append((name, job.name))

        made.process(name)(flavour.handler(body))
    run_worker(made)
    for name in ("b", "a", "constructor", "a"):
        queue.add(name, {})
    wait_until(lambda: queue.get_completed_count() == 4)
    assert sorted(got) == [("a", "a"), ("a", "a"), ("b", "b"), ("constructor", "constructor")]


@contract("S-172")
def test_several_processors_of_one_queue_add_up(
    queue: Queue, run_worker: RunWorker, runs: Runs, gate: Gate
) -> None:
    flavour = Flavour("sync")
    run_worker(
        processor(queue, until_open(runs, flavour, gate), name="a"),
        processor(queue, until_open(runs, flavour, gate), name="b"),
    )
    queue.add("a", {})
    queue.add("b", {})
    wait_until(lambda: sorted(runs.names) == ["a", "b"])
    assert runs.peak == 2


@contract("S-173")
def test_a_second_handler_of_a_name_is_refused(queue: Queue) -> None:
    made = processor(queue, lambda job: None, name="a")
    with pytest.raises(DuplicateHandler) as caught:
        made.process("a")(lambda job: None)
    assert str(caught.value) == "Cannot define the same handler twice a"


@contract("S-173")
def test_a_missing_function_is_refused(queue: Queue) -> None:
    with pytest.raises(MissingHandlerFunction) as caught:
        Processor(queue.name).process("a")(None)
    assert str(caught.value) == "Cannot set an undefined handler"


@contract("S-174", "Q-53")
@pytest.mark.parametrize("concurrency", [1.5, "3", -1, True], ids=repr)
def test_concurrency_must_be_a_whole_number(queue: Queue, concurrency: Any) -> None:
    with pytest.raises(InvalidConcurrency) as caught:
        Processor(queue.name).process("a", concurrency=concurrency)(lambda job: None)
    assert str(caught.value) == "Cannot set Float as concurrency"


@contract("S-175")
def test_close_settles_when_the_slots_have_ended(
    queue: Queue, run_worker: RunWorker, runs: Runs, flavour: Flavour
) -> None:
    worker = run_worker(processor(queue, during(runs, flavour, 200), concurrency=2))
    added(queue, 6)
    wait_until(lambda: len(runs) >= 2)
    worker.close()
    assert len(runs.ended) == len(runs)
    assert queue.get_active_count() == 0
    assert queue.get_completed_count() + queue.get_waiting_count() == 6
    assert queue.get_waiting_count() > 0
    assert queue.get_workers() == []


@contract("S-175")
def test_a_closed_worker_takes_no_more_jobs(queue: Queue, run_worker: RunWorker, runs: Runs) -> None:
    worker = run_worker(processor(queue, noted(runs)))
    queue.add("before", {})
    wait_until(lambda: queue.get_completed_count() == 1)
    worker.close()
    queue.add("after", {})
    run_worker(processor(queue, noted(second := Runs())))
    wait_until(lambda: queue.get_completed_count() == 2)
    assert (runs.names, second.names) == (["before"], ["after"])
