"""Contract section 14.F: results, and waiting for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis

from bthwani_jobs import Job, Queue
from bthwani_jobs.errors import ClosingQueue, FinishedUnknown, JobFailed
from tests.conftest import MakeQueue, RunWorker
from tests.parity.handlers import Flavour, Gate, Heard, Runs, noted, processor
from tests.support.timing import EARLY_MS, now_ms
from tests.support.waiting import wait_until

contract = pytest.mark.contract

AtMost = Callable[[float], float]

WITHIN_S = 10


@pytest.fixture
def elsewhere(no_threads_left: None) -> Iterator[ThreadPoolExecutor]:
    """Threads to wait in while the test goes on."""
    with ThreadPoolExecutor(4) as pool:
        yield pool


def returning(value: Any, flavour: Flavour | None = None) -> Any:
    async def body(job: Job) -> Any:
        return value

    return (flavour or Flavour("sync")).handler(body)


def completed(queue: Queue, job: Job) -> Job:
    wait_until(lambda: job.get_state() == "completed")
    found = queue.get_job(job.id)
    assert found is not None
    return found


@contract("S-090")
def test_the_result_is_announced_and_stored(queue: Queue, run_worker: RunWorker, flavour: Flavour) -> None:
    heard = Heard(queue, "completed")
    run_worker(processor(queue, returning({"ok": 1}, flavour)))
    job = queue.add("n", {})
    assert completed(queue, job).returnvalue == {"ok": 1}
    wait_until(lambda: heard.count("completed") == 1)
    reported, result, previous = heard.of("completed")[0]
    assert (reported.id, result, previous) == (job.id, {"ok": 1}, "active")
    assert reported.returnvalue == {"ok": 1}


@contract("S-091", "Q-28")
@pytest.mark.parametrize(
    "value", [37, "a text", {"value": 42}, [1], 0, False, "", [], {}, "تم", {"a": []}], ids=repr
)
def test_results_come_back_equal(queue: Queue, run_worker: RunWorker, value: Any) -> None:
    run_worker(processor(queue, returning(value)))
    found = completed(queue, queue.add("n", {}))
    assert found.returnvalue == value
    assert type(found.returnvalue) is type(value)
    assert found.finished() == value


@contract("S-092")
def test_a_handler_that_returns_nothing_completes(
    queue: Queue, run_worker: RunWorker, flavour: Flavour
) -> None:
    run_worker(processor(queue, returning(None, flavour)))
    assert completed(queue, queue.add("n", {})).returnvalue is None


@contract("S-093")
def test_the_global_event_carries_the_results_json(make_queue: MakeQueue, run_worker: RunWorker) -> None:
    queue, other = make_queue(), make_queue()
    heard = Heard(other, "global:completed")
    run_worker(processor(queue, returning({"ok": 1})))
    job = queue.add("n", {})
    wait_until(lambda: heard.of("global:completed") == [(job.id, '{"ok":1}', "active")])


@contract("S-094")
def test_finished_answers_before_and_after_the_end(
    queue: Queue, run_worker: RunWorker, gate: Gate, elsewhere: ThreadPoolExecutor, flavour: Flavour
) -> None:
    async def body(job: Job) -> int:
        await flavour.through(gate)
        return 9

    run_worker(processor(queue, flavour.handler(body)))
    job = queue.add("n", {})
    before = elsewhere.submit(job.finished)
    wait_until(lambda: job.get_state() == "active")
    assert not before.done()
    gate.open()
    assert before.result(WITHIN_S) == 9
    assert job.finished() == 9


@contract("S-094")
def test_finished_answers_for_a_job_that_is_removed_on_completion(
    queue: Queue, run_worker: RunWorker, gate: Gate, elsewhere: ThreadPoolExecutor, connection: redis.Redis
) -> None:
    def handle(job: Job) -> int:
        gate.pass_through()
        return 9

    run_worker(processor(queue, handle))
    job = queue.add("n", {}, remove_on_complete=True)
    waiting = elsewhere.submit(job.finished)
    wait_until(lambda: job.get_state() == "active")
    wait_until(lambda: is_subscribed(connection, queue))
    gate.open()
    assert waiting.result(WITHIN_S) == 9
    with pytest.raises(FinishedUnknown):
        job.finished()


@contract("S-095")
def test_finished_raises_only_at_the_final_failure(
    queue: Queue, run_worker: RunWorker, runs: Runs, elsewhere: ThreadPoolExecutor
) -> None:
    def handle(job: Job) -> None:
        runs.note(job)
        raise RuntimeError(f"m{job.attempts_made + 1}")

    job = queue.add("n", {}, attempts=3, backoff=100)
    waiting = elsewhere.submit(job.finished)
    run_worker(processor(queue, handle))
    with pytest.raises(JobFailed, match=r"^m3$"):
        waiting.result(WITHIN_S)
    assert len(runs) == 3
    with pytest.raises(JobFailed, match=r"^m3$"):
        job.finished()


@contract("S-096")
def test_finished_ends_with_the_queue(
    queue: Queue, elsewhere: ThreadPoolExecutor, connection: redis.Redis
) -> None:
    job = queue.add("n", {})
    waiting = elsewhere.submit(job.finished)
    wait_until(lambda: is_subscribed(connection, queue))
    queue.close()
    with pytest.raises(ClosingQueue, match=r"cannot check if job is finished in a closing queue\."):
        waiting.result(WITHIN_S)


@contract("Q-27")
def test_finished_of_an_unknown_outcome_raises(queue: Queue, run_worker: RunWorker, runs: Runs) -> None:
    run_worker(processor(queue, noted(runs)))
    job = queue.add("n", {}, remove_on_complete=True)
    wait_until(lambda: len(runs) == 1 and job.get_state() == "stuck")
    with pytest.raises(FinishedUnknown, match=f"Job {job.id}"):
        job.finished()


@contract("Q-27")
def test_finished_can_stop_waiting(queue: Queue, at_most: AtMost) -> None:
    job = queue.add("n", {})
    before = now_ms()
    with pytest.raises(TimeoutError):
        job.finished(timeout=50)
    assert 50 - EARLY_MS <= now_ms() - before <= 50 + at_most(150)
    assert job.get_state() == "waiting"


def is_subscribed(connection: redis.Redis, queue: Queue) -> bool:
    """Whether somebody listens to the events that the queue publishes."""
    return any(queue.name.encode() in channel for channel in connection.pubsub_channels())
