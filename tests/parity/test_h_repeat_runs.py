"""Contract section 14.H: repeatable jobs, what runs when. Periods are short, ratios are the contract's."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

import pytest

from bthwani_jobs import Job, Queue
from tests.conftest import MakeQueue, RunWorker
from tests.parity.handlers import Flavour, Run, Runs, fail_first, noted, processor
from tests.support.timing import EARLY_MS, now_ms, wait_past
from tests.support.waiting import wait_until

contract = pytest.mark.contract


def assert_follows_grid(runs: list[Run], period: int) -> None:
    """Each slot is a multiple of the period, begins no earlier than its time, and is followed by the next:
    that after the slot itself, or that after the moment of its start where it started late."""
    for run in runs:
        assert run.slot % period == 0
        assert run.started >= run.slot - EARLY_MS
    for run, following in pairwise(runs):
        late = run.started // period * period + period
        assert run.slot + period <= following.slot <= max(late, run.slot + period), (run, following)


@contract("S-109")
def test_the_next_occurrence_is_delayed_before_the_handler_ends(
    queue: Queue, run_worker: RunWorker, runs: Runs, flavour: Flavour
) -> None:
    pending: list[list[int]] = []

    async def body(job: Job) -> None:
        run = runs.note(job)
        pending.append([int(other.id.rsplit(":", 1)[1]) - run.slot for other in queue.get_delayed()])

    run_worker(processor(queue, flavour.handler(body)))
    queue.add("n", {}, repeat={"every": 400})
    wait_until(lambda: len(pending) == 2)
    assert pending == [[400], [400]]


@contract("S-110")
def test_missed_occurrences_are_not_caught_up(queue: Queue, run_worker: RunWorker, runs: Runs) -> None:
    job = queue.add("n", {}, repeat={"every": 300})
    first = int(job.id.rsplit(":", 1)[1])
    wait_past(first + 4 * 300)
    began = now_ms()
    run_worker(processor(queue, noted(runs)))
    wait_until(lambda: len(runs) == 3)
    late, *following = runs.all
    assert late.slot == first
    assert following[0].slot >= began // 300 * 300
    assert_follows_grid(runs.all[:3], 300)


@contract("S-115", "Q-38")
def test_a_limit_counts_the_occurrences_and_ends_the_chain(
    queue: Queue, run_worker: RunWorker, runs: Runs
) -> None:
    run_worker(processor(queue, noted(runs)))
    queue.add("n", {}, repeat={"every": 200, "limit": 3})
    wait_until(lambda: queue.get_repeatable_jobs() == [] and queue.get_completed_count() == 3)
    assert [run.repeat_count for run in runs.all] == [1, 2, 3]
    assert_follows_grid(runs.all, 200)
    assert queue.count() == 0


@contract("S-116")
def test_a_count_given_at_first_goes_on_from_there(queue: Queue, run_worker: RunWorker, runs: Runs) -> None:
    run_worker(processor(queue, noted(runs)))
    queue.add("n", {}, repeat={"every": 150, "limit": 5, "count": 4})
    wait_until(lambda: queue.get_repeatable_jobs() == [] and queue.get_completed_count() == 1)
    assert [run.repeat_count for run in runs.all] == [5]


@contract("S-117")
def test_a_cron_runs_up_to_and_including_its_end(queue: Queue, run_worker: RunWorker, runs: Runs) -> None:
    run_worker(processor(queue, noted(runs)))
    end = now_ms() // 1000 * 1000 + 3000
    queue.add("n", {}, repeat={"cron": "* * * * * *", "endDate": end})
    wait_until(lambda: queue.get_repeatable_jobs() == [] and queue.get_active_count() == 0)
    assert runs.all[-1].slot == end
    assert 2 <= len(runs) <= 3, "three, or two if the first of these seconds had just passed"
    assert_follows_grid(runs.all, 1000)


@contract("S-118")
def test_every_slot_up_to_the_end_on_the_grid_runs(queue: Queue, run_worker: RunWorker, runs: Runs) -> None:
    run_worker(processor(queue, noted(runs)))
    begin = now_ms() // 200 * 200
    queue.add("n", {}, repeat={"every": 200, "endDate": begin + 2000})
    wait_until(lambda: queue.get_repeatable_jobs() == [] and queue.get_active_count() == 0)
    assert runs.all[-1].slot == begin + 2000
    assert_follows_grid(runs.all, 200)
    in_time = all(run.started < run.slot + 200 for run in runs.all)
    assert not in_time or len(runs) in (9, 10)


@contract("S-119", "Q-39")
def test_every_does_not_run_after_its_end(queue: Queue, run_worker: RunWorker, runs: Runs) -> None:
    run_worker(processor(queue, noted(runs)))
    end = now_ms() // 300 * 300 + 1000
    queue.add("n", {}, repeat={"every": 300, "endDate": end})
    wait_past(end + 400)
    wait_until(lambda: queue.count() == 0 and queue.get_repeatable_jobs() == [])
    assert runs.all[-1].slot == end // 300 * 300
    assert len(runs) <= 3


@contract("S-123")
def test_a_chain_that_ended_can_be_added_again(queue: Queue, run_worker: RunWorker, runs: Runs) -> None:
    run_worker(processor(queue, noted(runs)))
    for rounds in (1, 2):
        queue.add("n", {}, repeat={"every": 150, "limit": 2})
        wait_until(lambda rounds=rounds: len(runs) == 2 * rounds and queue.get_repeatable_jobs() == [])
    assert [run.repeat_count for run in runs.all] == [1, 2, 1, 2]


@contract("S-127")
def test_a_waiting_occurrence_outlives_its_chain(queue: Queue, run_worker: RunWorker, runs: Runs) -> None:
    queue.pause()
    run_worker(processor(queue, noted(runs)))
    queue.add("n", {}, repeat={"every": 200})
    wait_until(lambda: queue.get_paused_count() == 1)
    queue.remove_repeatable("n", {"every": 200})
    queue.resume()
    wait_until(lambda: queue.get_completed_count() == 1)
    wait_past(now_ms() + 500)
    assert len(runs) == 1
    assert queue.count() == 0


@contract("S-128")
def test_a_handler_may_remove_its_own_chain(queue: Queue, run_worker: RunWorker, runs: Runs) -> None:
    def handle(job: Job) -> None:
        runs.note(job)
        queue.remove_repeatable("n", {"every": 200})

    run_worker(processor(queue, handle))
    queue.add("n", {}, repeat={"every": 200})
    wait_until(lambda: queue.get_completed_count() == 1)
    assert (queue.get_delayed_count(), queue.get_repeatable_jobs()) == (0, [])
    wait_past(now_ms() + 500)
    assert len(runs) == 1


@contract("S-129")
def test_failures_do_not_end_a_chain(queue: Queue, run_worker: RunWorker, runs: Runs) -> None:
    run_worker(processor(queue, fail_first(runs)))
    queue.add("n", {}, repeat={"every": 150, "limit": 3})
    wait_until(lambda: queue.get_failed_count() == 3)
    assert [run.repeat_count for run in runs.all] == [1, 2, 3]
    assert queue.count() == 0


@contract("S-130")
def test_slots_passed_over_by_a_slow_handler_are_dropped(
    queue: Queue, run_worker: RunWorker, runs: Runs, flavour: Flavour
) -> None:
    pending: list[int] = []

    async def body(job: Job) -> None:
        with runs.during(job):
            await flavour.pause(375)
            pending.append(queue.get_delayed_count() + queue.get_waiting_count())

    run_worker(processor(queue, flavour.handler(body)))
    queue.add("n", {}, repeat={"every": 250, "limit": 3})
    wait_until(lambda: queue.get_completed_count() == 3)
    first, second, third = runs.all
    assert second.slot == first.slot + 250
    assert second.started >= first.started + 375 - EARLY_MS, "one slot: it started late"
    assert third.slot > second.started >= second.slot + 100
    assert runs.peak == 1
    assert all(number <= 1 for number in pending)


@contract("S-131", "Q-42")
def test_a_retried_occurrence_does_not_schedule_again(
    queue: Queue, run_worker: RunWorker, runs: Runs
) -> None:
    firsts: list[int] = []

    def handle(job: Job) -> None:
        run = runs.note(job)
        firsts.append(run.slot)
        if run.repeat_count == 1 and run.attempts_made == 0:
            raise RuntimeError("once")

    run_worker(processor(queue, handle, concurrency=2))
    queue.add("n", {}, repeat={"every": 200, "limit": 6}, attempts=2, backoff=300)
    wait_until(lambda: queue.get_completed_count() == 6)
    slots = Counter(firsts)
    retried = min(slots)
    assert slots.pop(retried) == 2
    assert set(slots.values()) == {1}
    counts = Counter(run.repeat_count for run in runs.all)
    assert counts == {1: 2, 2: 1, 3: 1, 4: 1, 5: 1, 6: 1}


@contract("S-132")
def test_occurrences_inherit_the_options(queue: Queue, run_worker: RunWorker, runs: Runs) -> None:
    seen: list[tuple[Any, ...]] = []

    def handle(job: Job) -> None:
        seen.append((job.opts.attempts, job.opts.priority, job.opts.remove_on_complete, job.data))

    run_worker(processor(queue, handle))
    queue.add(
        "n", {"v": 1}, repeat={"every": 150, "limit": 2}, attempts=2, priority=3, remove_on_complete=True
    )
    wait_until(lambda: len(seen) == 2 and queue.get_repeatable_jobs() == [])
    assert seen == [(2, 3, True, {"v": 1})] * 2
    wait_until(lambda: queue.get_active_count() == 0)
    assert queue.get_completed_count() == 0


@contract("S-137")
def test_promoting_an_occurrence_uses_up_its_slot(queue: Queue, run_worker: RunWorker, runs: Runs) -> None:
    run_worker(processor(queue, noted(runs)))
    every = 3_600_000
    job = queue.add("n", {}, repeat={"every": every})
    job.promote()
    wait_until(lambda: queue.get_completed_count() == 1)
    (entry,) = queue.get_repeatable_jobs()
    assert runs.all[0].started < runs.all[0].slot
    assert entry["next"] == runs.all[0].slot + every
    assert queue.get_delayed_count() == 1


@contract("S-139", "Q-41")
def test_a_chain_whose_occurrence_was_removed_is_armed_again(
    make_queue: MakeQueue, run_worker: RunWorker, runs: Runs
) -> None:
    queue = make_queue(settings={"guard_interval": 150})
    run_worker(processor(queue, noted(runs)))
    job = queue.add("n", {}, repeat={"every": 3_600_000})
    job.remove()
    wait_until(lambda: queue.get_delayed_count() == 1)
    (entry,) = queue.get_repeatable_jobs()
    (again,) = queue.get_delayed()
    assert again.id == job.id
    assert entry["next"] == job.opts.prev_millis
    assert again.opts.repeat.count == 1, "what was removed does not count"
    queue.remove_repeatable_by_key(entry["key"])
    wait_past(now_ms() + 400)
    assert queue.count() == 0
