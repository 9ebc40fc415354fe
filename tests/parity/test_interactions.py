"""Contract sections 3.4, 6.1 and 12: what the numbered statements leave between the options and the pause."""

from __future__ import annotations

from collections.abc import Callable

from bthwani_jobs import Job, Queue
from tests.conftest import MakeQueue, RunWorker
from tests.parity.handlers import (
    Gate,
    Heard,
    Runs,
    always_failing,
    fail_first,
    failed,
    names,
    noted,
    processor,
)
from tests.support.timing import now_ms, wait_past
from tests.support.waiting import wait_until


def test_promoting_places_by_priority_and_ignores_lifo(queue: Queue) -> None:
    queue.add("plain", {})
    prioritised = queue.add("prioritised", {}, delay=60_000, priority=5)
    lifo = queue.add("lifo", {}, delay=60_000, lifo=True)
    prioritised.promote()
    lifo.promote()
    assert names(queue.get_waiting()) == ["prioritised", "plain", "lifo"]


def test_a_manual_retry_of_a_lifo_job_goes_to_the_head(
    queue: Queue, run_worker: RunWorker, runs: Runs
) -> None:
    worker = run_worker(processor(queue, always_failing(runs)))
    job = failed(queue, queue.add("lifo", {}, lifo=True))
    worker.close()
    queue.add("plain", {})
    job.retry()
    assert names(queue.get_waiting()) == ["lifo", "plain"]
    assert (queue.get_failed_count(), queue.get_waiting_count()) == (0, 2)


def test_a_backoff_that_ends_in_a_paused_queue_waits_for_the_resume(
    queue: Queue, run_worker: RunWorker, runs: Runs
) -> None:
    run_worker(processor(queue, fail_first(runs)))
    job = queue.add("n", {}, attempts=2, backoff=300)
    wait_until(lambda: job.get_state() == "delayed")
    queue.pause()
    wait_until(lambda: job.get_state() == "paused")
    assert len(runs) == 1
    queue.resume()
    wait_until(lambda: job.get_state() == "completed")


def test_an_immediate_retry_in_a_paused_queue_waits_for_the_resume(
    queue: Queue, make_queue: MakeQueue, run_worker: RunWorker, runs: Runs
) -> None:
    def handle(job: Job) -> None:
        runs.note(job)
        if job.attempts_made == 0:
            queue.pause()
            raise RuntimeError("once")

    run_worker(processor(queue, handle))
    job = queue.add("n", {}, attempts=2)
    wait_until(lambda: job.get_state() == "paused")
    wait_past(now_ms() + 200)
    assert len(runs) == 1
    queue.resume()
    wait_until(lambda: job.get_state() == "completed")


def test_in_a_paused_queue_a_repeatable_piles_up_to_one_occurrence(
    queue: Queue, run_worker: RunWorker, runs: Runs
) -> None:
    queue.pause()
    run_worker(processor(queue, noted(runs)))
    job = queue.add("n", {}, repeat={"every": 100})
    slot = int(job.id.rsplit(":", 1)[1])
    wait_past(slot + 600)
    assert queue.get_job_counts("paused", "delayed") == {"paused": 1, "delayed": 0}
    queue.resume()
    wait_until(lambda: len(runs) >= 3)
    assert runs.all[0].slot == slot
    assert runs.all[1].slot >= slot + 600
    queue.remove_repeatable("n", {"every": 100})


def test_the_state_has_changed_when_its_event_fires(queue: Queue, run_worker: RunWorker) -> None:
    seen: list[tuple[str, str]] = []

    def note(event: str) -> Callable[[Job], None]:
        return lambda job: seen.append((event, job.get_state()))

    for event in ("active", "completed", "failed"):
        queue.on(event, note(event))

    def handle(job: Job) -> None:
        if job.name == "bad":
            raise RuntimeError("boom")

    run_worker(processor(queue, handle))
    queue.add("good", {})
    wait_until(lambda: len(seen) == 2)
    queue.add("bad", {})
    wait_until(lambda: len(seen) == 4)
    assert seen == [
        ("active", "active"),
        ("completed", "completed"),
        ("active", "active"),
        ("failed", "failed"),
    ]


def test_a_discarded_job_can_still_be_retried_by_hand(
    queue: Queue, run_worker: RunWorker, runs: Runs
) -> None:
    def handle(job: Job) -> str:
        runs.note(job)
        if job.attempts_made == 0:
            job.discard()
            raise RuntimeError("once")
        return "ok"

    run_worker(processor(queue, handle))
    job = failed(queue, queue.add("n", {}, attempts=5))
    job.retry()
    wait_until(lambda: job.get_state() == "completed")
    assert len(runs) == 2


def test_several_workers_run_each_occurrence_once(
    make_queue: MakeQueue, run_worker: RunWorker, runs: Runs
) -> None:
    queues = [make_queue() for _ in range(3)]
    for queue in queues:
        run_worker(processor(queue, noted(runs), concurrency=2), queues=[queue])
        queue.add("n", {}, repeat={"every": 80})
    wait_until(lambda: len(runs) >= 12)
    queues[0].remove_repeatable("n", {"every": 80})
    wait_until(lambda: queues[0].count() == queues[0].get_active_count() == 0)
    assert len(set(runs.ids)) == len(runs)


def test_jobs_added_by_a_handler_run(queue: Queue, run_worker: RunWorker, runs: Runs) -> None:
    def handle(job: Job) -> None:
        runs.note(job)
        if job.data["left"]:
            queue.add("next", {"left": job.data["left"] - 1})

    run_worker(processor(queue, handle))
    queue.add("first", {"left": 4})
    wait_until(lambda: queue.get_completed_count() == 5)
    assert queue.count() == 0


def test_a_long_job_in_one_slot_does_not_hold_up_the_others(
    queue: Queue, run_worker: RunWorker, runs: Runs, gate: Gate
) -> None:
    heard = Heard(queue, "completed")

    def handle(job: Job) -> None:
        runs.note(job)
        if job.name == "long":
            gate.pass_through()

    run_worker(processor(queue, handle, concurrency=2))
    queue.add("long", {})
    queue.add_bulk([{"name": "short"} for _ in range(20)])
    wait_until(lambda: heard.count("completed") == 20)
    assert queue.get_active_count() == 1
