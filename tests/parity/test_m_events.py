"""Contract section 14.M: who hears which event, with what, and in which order."""

from __future__ import annotations

import pytest

from bthwani_jobs import Job, Queue
from bthwani_jobs.errors import InvalidInput
from tests.conftest import MakeQueue, RunWorker
from tests.parity.handlers import Flavour, Gate, Heard, Runs, fail_first, noted, processor
from tests.support.waiting import wait_until

contract = pytest.mark.contract


@contract("S-189")
def test_the_events_of_one_job(queue: Queue, run_worker: RunWorker, flavour: Flavour) -> None:
    heard = Heard(queue, "waiting", "active", "progress", "completed", "failed", "drained")

    async def body(job: Job) -> str:
        job.progress(42)
        return "done"

    job = queue.add("n", {})
    run_worker(processor(queue, flavour.handler(body)))
    wait_until(lambda: heard.count("drained") == 1)
    assert heard.names == ["waiting", "active", "progress", "completed", "drained"]
    assert heard.of("waiting") == [(job.id, None)]
    active_job, second, previous = heard.of("active")[0]
    assert (active_job.id, second, previous) == (job.id, None, "waiting")
    progress_job, value = heard.of("progress")[0]
    assert (progress_job.id, value) == (job.id, 42)
    completed_job, result, previous = heard.of("completed")[0]
    assert (completed_job.id, result, previous) == (job.id, "done", "active")
    assert heard.of("drained") == [()]


@contract("S-189")
def test_a_listener_may_take_fewer_arguments(queue: Queue, run_worker: RunWorker, runs: Runs) -> None:
    got: list[object] = []
    queue.on("completed", lambda: got.append("none"))
    queue.on("completed", lambda job: got.append(job.id))
    queue.on("completed", lambda job, result: got.append(result))
    run_worker(processor(queue, lambda job: "result"))
    job = queue.add("n", {})
    wait_until(lambda: got == ["none", job.id, "result"])


@contract("S-190")
def test_local_events_fire_on_the_worker_and_global_ones_everywhere(
    make_queue: MakeQueue, run_worker: RunWorker
) -> None:
    worker_queue, adder = make_queue(), make_queue()
    events = ["active", "progress", "completed"]
    both = [*events, *(f"global:{event}" for event in events)]
    at_worker, at_adder = Heard(worker_queue, *both), Heard(adder, *both)
    run_worker(processor(worker_queue, lambda job: job.progress(1)), queues=[worker_queue])
    job = adder.add("n", {})
    for heard in (at_worker, at_adder):
        wait_until(lambda heard=heard: heard.count("global:completed") == 1)
        assert heard.of("global:active") == [(job.id, "waiting")]
        assert heard.of("global:progress") == [(job.id, 1)]
    wait_until(lambda: at_worker.count("completed") == 1)
    assert [name for name in at_worker.names if not name.startswith("global:")] == events
    assert [name for name in at_adder.names if not name.startswith("global:")] == []


@contract("S-191")
def test_global_events_keep_their_order(make_queue: MakeQueue, run_worker: RunWorker, runs: Runs) -> None:
    queue, listener = make_queue(), make_queue()
    heard = Heard(listener, "global:completed", "global:active", "global:waiting", "global:drained")
    run_worker(processor(queue, noted(runs)))
    job = queue.add("n", {})
    wait_until(lambda: heard.count("global:drained") == 1)
    assert heard.names == ["global:waiting", "global:active", "global:completed", "global:drained"]
    assert heard.of("global:waiting") == [(job.id, None)]


@contract("S-192", "Q-64")
def test_waiting_is_local_to_the_adder(make_queue: MakeQueue) -> None:
    adder, other = make_queue(), make_queue()
    at_adder, at_other = Heard(adder, "waiting", "global:waiting"), Heard(other, "waiting", "global:waiting")
    job = adder.add("n", {})
    for heard in (at_adder, at_other):
        wait_until(lambda heard=heard: heard.of("global:waiting") == [(job.id, None)])
    assert at_adder.of("waiting") == [(job.id, None)]
    assert at_other.of("waiting") == []


@contract("S-193")
def test_waiting_of_a_due_job_is_local_to_the_worker(
    make_queue: MakeQueue, run_worker: RunWorker, runs: Runs
) -> None:
    worker_queue, adder = make_queue(), make_queue()
    at_worker, at_adder = Heard(worker_queue, "waiting"), Heard(adder, "waiting", "global:waiting")
    run_worker(processor(worker_queue, noted(runs)), queues=[worker_queue])
    job = adder.add("n", {}, delay=100)
    wait_until(lambda: len(runs) == 1 and at_adder.count("global:waiting") == 1)
    wait_until(lambda: at_worker.of("waiting") == [(job.id, None)])
    assert at_adder.of("waiting") == []


@contract("S-194")
@pytest.mark.parametrize(("backoff", "times"), [(None, 1), (100, 2)])
def test_only_a_retry_that_was_delayed_is_announced_as_waiting(
    queue: Queue, run_worker: RunWorker, runs: Runs, backoff: int | None, times: int
) -> None:
    heard = Heard(queue, "waiting", "global:waiting", "global:completed")
    run_worker(processor(queue, fail_first(runs)))
    queue.add("n", {}, attempts=2, backoff=backoff)
    wait_until(lambda: heard.count("global:completed") == 1)
    assert heard.count("waiting") == times
    assert heard.count("global:waiting") == times


@contract("S-195")
def test_drained_once_a_burst_and_not_at_the_start(queue: Queue, run_worker: RunWorker, runs: Runs) -> None:
    heard = Heard(queue, "drained", "global:drained")
    run_worker(processor(queue, noted(runs)))
    wait_until(lambda: queue.get_workers())
    for burst in (1, 2, 3):
        queue.add_bulk([{"name": "a"}, {"name": "b"}])
        wait_until(lambda burst=burst: queue.get_completed_count() == 2 * burst)
        wait_until(lambda burst=burst: heard.count("drained") == heard.count("global:drained") == burst)


@contract("S-196")
def test_a_listener_that_raises_is_an_error_event_and_nothing_else(
    queue: Queue, run_worker: RunWorker, runs: Runs
) -> None:
    heard = Heard(queue, "error")

    def boom(job: Job) -> None:
        raise RuntimeError("listener boom")

    queue.on("completed", boom)
    later = Heard(queue, "completed")
    run_worker(processor(queue, noted(runs)))
    job = queue.add("n", {})
    wait_until(lambda: later.count("completed") == 1)
    assert [str(arguments[0]) for arguments in heard.of("error")] == ["listener boom"]
    assert job.get_state() == "completed"


@contract("S-198")
def test_removed_is_local_to_who_removes(make_queue: MakeQueue) -> None:
    queue, other = make_queue(), make_queue()
    heard, heard_other = Heard(queue, "removed"), Heard(other, "removed")
    job = queue.add("n", {})
    job.remove()
    assert [arguments[0].id for arguments in heard.of("removed")] == [job.id]
    assert heard_other.calls == []


@contract("Q-35")
def test_removing_a_missing_job_is_silent(queue: Queue) -> None:
    heard = Heard(queue, "removed")
    job = queue.add("n", {})
    job.remove()
    job.remove()
    assert heard.count("removed") == 1


@contract("S-199")
def test_paused_and_resumed(make_queue: MakeQueue) -> None:
    queue, other = make_queue(), make_queue()
    events = ("paused", "resumed", "global:paused", "global:resumed")
    heard, heard_other = Heard(queue, *events), Heard(other, *events)
    queue.pause()
    queue.resume()
    for one in (heard, heard_other):
        wait_until(lambda one=one: one.count("global:resumed") == 1)
        assert one.count("global:paused") == 1
    assert [name for name in heard.names if not name.startswith("global:")] == ["paused", "resumed"]
    assert [name for name in heard_other.names if not name.startswith("global:")] == []
    assert heard.of("paused") == [()]


@contract("S-200")
def test_the_arguments_of_a_global_failure(make_queue: MakeQueue, run_worker: RunWorker, runs: Runs) -> None:
    queue, other = make_queue(), make_queue()
    heard = Heard(other, "global:failed")
    run_worker(processor(queue, fail_first(runs)))
    job = queue.add("n", {})
    wait_until(lambda: heard.of("global:failed") == [(job.id, "boom", "active")])


@contract("S-202")
def test_progress_fires_where_the_job_object_lives(
    make_queue: MakeQueue, run_worker: RunWorker, runs: Runs, gate: Gate
) -> None:
    worker_queue, other = make_queue(), make_queue()
    at_worker, at_other = Heard(worker_queue, "progress", "global:progress"), Heard(other, "progress")

    def handle(job: Job) -> None:
        runs.note(job)
        gate.pass_through()

    run_worker(processor(worker_queue, handle), queues=[worker_queue])
    job = other.add("n", {})
    wait_until(lambda: len(runs) == 1)
    loaded = other.get_job(job.id)
    assert loaded is not None
    loaded.progress(7)
    wait_until(lambda: at_worker.of("global:progress") == [(job.id, 7)])
    assert [(arguments[0].id, arguments[1]) for arguments in at_other.of("progress")] == [(job.id, 7)]
    assert at_worker.of("progress") == []


@contract("S-189")
def test_once_hears_one_event_and_off_none(queue: Queue) -> None:
    once: list[str] = []
    always: list[str] = []

    def listener(job_id: str) -> None:
        always.append(job_id)

    queue.once("waiting", once.append)
    queue.on("waiting", listener)
    queue.add("n", {})
    queue.add("n", {})
    queue.off("waiting", listener)
    queue.add("n", {})
    assert (once, always) == (["1"], ["1", "2"])


def test_an_event_that_does_not_exist_is_refused(queue: Queue) -> None:
    with pytest.raises(InvalidInput, match="completed"):
        queue.on("complete", print)


@contract("S-189")
def test_listeners_of_a_processor_hear_its_jobs(queue: Queue, run_worker: RunWorker) -> None:
    heard: list[tuple[str, str, object]] = []
    made = processor(queue, lambda job: job.name.upper())
    made.on("completed")(lambda job, result: heard.append(("all", job.name, result)))
    made.on("completed", name="a")(lambda job, result: heard.append(("a", job.name, result)))
    run_worker(made)
    queue.add("a", {})
    queue.add("b", {})
    wait_until(lambda: len(heard) == 3)
    assert heard == [("all", "a", "A"), ("a", "a", "A"), ("all", "b", "B")]


@contract("S-189")
def test_a_processors_listeners_end_with_its_worker(queue: Queue, run_worker: RunWorker) -> None:
    heard: list[str] = []
    made = processor(queue, lambda job: None)
    made.on("completed")(lambda job: heard.append(job.id))
    after = Heard(queue, "completed")
    run_worker(made).close()
    run_worker(made)
    queue.add("n", {})
    wait_until(lambda: after.count("completed") == 1)
    assert heard == ["1"]


@contract("Q-72")
def test_a_filter_by_name_does_not_hide_events_without_a_job(queue: Queue, run_worker: RunWorker) -> None:
    heard: list[str] = []
    made = processor(queue, lambda job: None)
    made.on("drained", name="a")(lambda: heard.append("drained"))
    run_worker(made)
    queue.add("b", {})
    wait_until(lambda: heard == ["drained"])


@contract("Q-57")
def test_a_global_listener_hears_what_happens_right_after_its_registration(make_queue: MakeQueue) -> None:
    adder = make_queue()
    for number in range(5):
        heard = Heard(make_queue(), "global:waiting")
        job = adder.add("n", {})
        wait_until(lambda heard=heard: heard.count("global:waiting") == 1, 2000, f"event {number}")
        assert heard.of("global:waiting") == [(job.id, None)]
