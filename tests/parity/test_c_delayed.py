"""Contract section 14.C: delayed jobs."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bthwani_jobs import Job, Queue
from bthwani_jobs.errors import NotDelayed
from tests.conftest import MakeQueue, RunWorker
from tests.parity.handlers import Gate, Heard, Runs, ids, names, noted, processor
from tests.support.timing import EARLY_MS, now_ms, wait_past
from tests.support.waiting import wait_until

contract = pytest.mark.contract
AtMost = Callable[[float], float]


def due(job: Job) -> int:
    return int(job.timestamp + job.opts.delay)


@contract("S-037")
def test_a_delayed_job_starts_when_it_is_due(
    queue: Queue, run_worker: RunWorker, runs: Runs, at_most: AtMost
) -> None:
    run_worker(processor(queue, noted(runs)))
    job = queue.add("n", {}, delay=500)
    assert job.get_state() == "delayed"
    wait_until(lambda: job.get_state() == "completed")
    assert due(job) - EARLY_MS <= runs.starts[0] <= due(job) + at_most(150)


@contract("S-038")
def test_delayed_jobs_run_in_the_order_of_their_due_times(
    queue: Queue, run_worker: RunWorker, runs: Runs
) -> None:
    run_worker(processor(queue, noted(runs)))
    delays = [700, 100, 1000, 400, 200, 900, 500, 300, 800, 600]
    jobs = [queue.add(str(delay), {}, delay=delay) for delay in delays]
    wait_until(lambda: queue.get_completed_count() == 10)
    assert runs.names == [str(delay) for delay in sorted(delays)]
    by_id = {job.id: job for job in jobs}
    assert all(run.started >= due(by_id[run.id]) - EARLY_MS for run in runs.all)


@contract("S-039")
def test_jobs_due_at_the_same_moment_run_in_the_order_of_their_adding(
    queue: Queue, run_worker: RunWorker, runs: Runs
) -> None:
    moment = now_ms() + 300
    entries = [
        {"name": str(number), "opts": {"timestamp": moment - 1000, "delay": 1000}} for number in range(1500)
    ]
    for start in range(0, 1500, 500):
        queue.add_bulk(entries[start : start + 500])
    wait_past(moment + 5)
    run_worker(processor(queue, noted(runs)))
    wait_until(lambda: len(runs) == 1500, within_ms=30_000)
    assert runs.names == [str(number) for number in range(1500)]


@contract("S-040", "S-041", "S-042")
@pytest.mark.parametrize(
    ("options", "order"),
    [
        ({}, ["w1", "w2", "d"]),
        ({"lifo": True}, ["w1", "w2", "d"]),
        ({"priority": 1}, ["d", "w1", "w2"]),
    ],
    ids=["plain", "lifo", "prioritised"],
)
def test_a_due_job_is_placed_like_a_new_one(
    queue: Queue, run_worker: RunWorker, runs: Runs, options: dict[str, object], order: list[str]
) -> None:
    delayed = queue.add("d", {}, delay=50, **options)
    queue.add("w1", {})
    queue.add("w2", {})
    wait_past(due(delayed))
    run_worker(processor(queue, noted(runs)))
    wait_until(lambda: len(runs) == 3)
    assert runs.names == order


@contract("S-043")
def test_a_due_job_joins_its_equals_before_later_ones(
    queue: Queue, run_worker: RunWorker, runs: Runs
) -> None:
    queue.pause()
    run_worker(processor(queue, noted(runs)))
    queue.add("a", {}, priority=2)
    delayed = queue.add("d1", {}, priority=2, delay=50)
    wait_until(lambda: delayed.get_state() == "paused")
    queue.add("b", {}, priority=2)
    assert names(queue.get_waiting()) == ["a", "d1", "b"]
    queue.resume()
    wait_until(lambda: len(runs) == 3)
    assert runs.names == ["a", "d1", "b"]


@contract("S-044")
def test_priority_counts_among_jobs_that_become_due_together(
    queue: Queue, run_worker: RunWorker, runs: Runs
) -> None:
    moment = now_ms()
    for priority in (1, 3, 2):
        queue.add(str(priority), {}, priority=priority, delay=100, timestamp=moment)
    wait_past(moment + 100)
    run_worker(processor(queue, noted(runs)))
    wait_until(lambda: len(runs) == 3)
    assert runs.names == ["1", "2", "3"]


@contract("S-045")
def test_without_a_worker_nothing_becomes_due(queue: Queue) -> None:
    job = queue.add("n", {}, delay=50)
    wait_past(due(job) + 200)
    assert job.get_state() == "delayed"
    assert queue.get_delayed_count() == 1


@contract("S-046")
def test_a_delay_given_as_text_is_a_number(queue: Queue) -> None:
    job = queue.add("n", {}, delay="500")
    assert (job.delay, job.opts.delay, job.get_state()) == (500, 500, "delayed")


@contract("S-047")
def test_delay_reads_zero_once_due(queue: Queue, run_worker: RunWorker, runs: Runs) -> None:
    seen: list[tuple[int, int]] = []
    run_worker(processor(queue, lambda job: seen.append((job.delay, job.opts.delay))))
    job = queue.add("n", {}, delay=150)
    assert job.delay == 150
    wait_until(lambda: job.get_state() == "completed")
    stored = queue.get_job(job.id)
    assert stored is not None
    assert seen == [(0, 150)]
    assert (stored.delay, stored.opts.delay) == (0, 150)


@contract("S-048")
def test_the_delay_counts_from_the_timestamp(
    queue: Queue, run_worker: RunWorker, runs: Runs, at_most: AtMost
) -> None:
    run_worker(processor(queue, noted(runs)))
    before = now_ms()
    queue.add("n", {}, timestamp=1000, delay=5000)
    wait_until(lambda: queue.get_completed_count() == 1)
    assert runs.starts[0] <= before + at_most(150)


@contract("S-049")
def test_promoting_makes_a_delayed_job_wait_at_the_tail(queue: Queue) -> None:
    heard = Heard(queue, "waiting")
    delayed = queue.add("d", {}, delay=60_000)
    queue.add("w", {})
    delayed.promote()
    assert ids(queue.get_waiting()) == ["2", "1"]
    stored = queue.get_job(delayed.id)
    assert stored is not None
    assert (delayed.delay, stored.delay, stored.get_state()) == (0, 0, "waiting")
    wait_until(lambda: [arguments[0] for arguments in heard.of("waiting")] == ["2", "1"])


@contract("S-050")
def test_a_waiting_job_cannot_be_promoted(queue: Queue) -> None:
    job = queue.add("n", {})
    with pytest.raises(NotDelayed, match=r"Job 1 is not in a delayed state"):
        job.promote()
    assert job.get_state() == "waiting"


@contract("S-051")
def test_promoting_in_a_paused_queue(queue: Queue) -> None:
    queue.pause()
    job = queue.add("n", {}, delay=60_000)
    job.promote()
    assert job.get_state() == "paused"
    queue.resume()
    assert queue.get_job_counts("waiting") == {"waiting": 1}
    assert job.get_state() == "waiting"


@contract("S-052")
def test_in_a_paused_queue_due_jobs_wait_for_the_resume(
    queue: Queue, run_worker: RunWorker, runs: Runs
) -> None:
    queue.pause()
    run_worker(processor(queue, noted(runs)))
    job = queue.add("n", {}, delay=200)
    wait_until(lambda: job.get_state() == "paused")
    assert now_ms() >= due(job) - EARLY_MS
    counts = queue.get_job_counts()
    assert (counts["paused"], counts["waiting"], counts["delayed"]) == (1, 0, 0)
    wait_past(due(job) + 200)
    assert len(runs) == 0


@contract("S-053")
def test_a_long_idle_worker_starts_a_due_job_in_time(
    queue: Queue, run_worker: RunWorker, runs: Runs, at_most: AtMost
) -> None:
    run_worker(processor(queue, noted(runs)))
    wait_past(now_ms() + 1500)
    job = queue.add("n", {}, delay=1300)
    wait_until(lambda: len(runs) == 1)
    assert due(job) - EARLY_MS <= runs.starts[0] <= due(job) + at_most(100)


@contract("S-053")
def test_a_sooner_job_does_not_wait_for_a_later_one(
    queue: Queue, run_worker: RunWorker, runs: Runs, at_most: AtMost
) -> None:
    run_worker(processor(queue, noted(runs)))
    queue.add("late", {}, delay=60_000)
    wait_past(now_ms() + 100)
    job = queue.add("soon", {}, delay=150)
    wait_until(lambda: len(runs) == 1)
    assert due(job) - EARLY_MS <= runs.starts[0] <= due(job) + at_most(100)


@contract("S-037", "S-053")
def test_a_busy_slot_does_not_hide_that_jobs_are_due(
    make_queue: MakeQueue, run_worker: RunWorker, runs: Runs, gate: Gate
) -> None:
    queue = make_queue(settings={"guard_interval": 200})

    def hold(job: Job) -> None:
        runs.note(job)
        if job.name == "hold":
            gate.pass_through()

    run_worker(processor(queue, hold))
    queue.add("hold", {})
    wait_until(lambda: len(runs) == 1)
    job = queue.add("d", {}, delay=50)
    wait_until(lambda: job.get_state() == "waiting")
    gate.open()
    wait_until(lambda: len(runs) == 2)


@contract("Q-68")
def test_more_jobs_than_a_counter_of_twelve_bits_keep_their_order(queue: Queue) -> None:
    moment = now_ms()
    opts = {"timestamp": moment, "delay": 3_600_000}
    added = [job.id for _ in range(5) for job in queue.add_bulk([{"opts": opts} for _ in range(1000)])]
    assert ids(queue.get_delayed()) == added
