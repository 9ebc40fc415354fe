"""Contract section 14.I: the rate limiter."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from secrets import token_hex
from typing import Any

import pytest

from bthwani_jobs import Job, Processor, Queue
from bthwani_jobs.core.limiter import Limiter
from bthwani_jobs.store.claiming import StepClient, StepReply
from tests.conftest import MakeQueue, RunWorker
from tests.parity.handlers import Heard, Runs, fail_first, noted, processor
from tests.support.waiting import wait_until

contract = pytest.mark.contract
AtMost = Callable[[float], float]

#: The day the steps below are made at, ms.
DAY = 1_800_000_000_000


class Fetches:
    """A worker's fetches of a queue, at times the test says (ms after DAY)."""

    def __init__(self, queue: Queue, **limiter: Any) -> None:
        limits = Limiter.of(limiter or None)
        self._steps = StepClient(
            queue.connection, queue.store.keys, "w", token_hex(4), 60_000, limiter=limits
        )

    def at(self, ms: int, want: int = 1) -> StepReply:
        self._steps.now_ms = DAY + ms
        return self._steps.step([], want, True)

    def close(self) -> None:
        self._steps.connection.drop()


def started(queue: Queue, jobs: list[Job]) -> list[int]:
    """When each job became active, by the server's clock, in ms after the first."""
    stored = [queue.get_job(job.id) for job in jobs]
    times = sorted(job.processed_on for job in stored if job is not None and job.processed_on)
    return [moment - times[0] for moment in times]


def put_off_until(queue: Queue) -> list[int]:
    """Due times of the delayed jobs, ms after DAY."""
    scores = queue.connection.zrange(queue.store.keys.delayed, 0, -1, withscores=True)
    return [int(score) // 1024 - DAY for _, score in scores]


def bookkeeping(queue: Queue) -> list[bytes]:
    return list(queue.connection.scan_iter(f"{queue.store.keys.limited}*"))


@contract("S-140", "Q-44")
def test_no_more_than_max_start_in_a_window(
    make_queue: MakeQueue, run_worker: RunWorker, runs: Runs, at_most: AtMost
) -> None:
    queue = make_queue(limiter={"max": 10, "duration": 1000})
    heard = Heard(queue, "drained")
    jobs = queue.add_bulk([{"name": "n"}] * 25)
    run_worker(processor(queue, noted(runs)))
    wait_until(lambda: queue.get_completed_count() == 25, 15_000)
    starts = started(queue, jobs)
    assert starts[9] <= at_most(150)
    # A window begins with its first start.
    assert starts[10] >= 1000 and starts[20] - starts[10] >= 1000
    assert 2000 <= starts[-1] <= 2000 + at_most(500)
    wait_until(lambda: heard.count("drained") == 1)


@contract("S-141")
def test_one_a_window_keeps_them_apart(make_queue: MakeQueue, run_worker: RunWorker, runs: Runs) -> None:
    queue = make_queue(limiter={"max": 1, "duration": 200})
    jobs = queue.add_bulk([{"name": str(number)} for number in range(5)])
    run_worker(processor(queue, noted(runs), concurrency=3))
    wait_until(lambda: queue.get_completed_count() == 5, 10_000)
    starts = started(queue, jobs)
    assert all(later - earlier >= 200 for earlier, later in pairwise(starts))
    assert runs.names == ["0", "1", "2", "3", "4"]
    assert bookkeeping(queue) == []


@contract("S-142")
@pytest.mark.parametrize("options", [{}, {"max": 1}, {"duration": 1000}, {"max": 0, "duration": 1000}])
@pytest.mark.parametrize("owner", [Queue, Processor])
def test_a_limiter_needs_both_numbers(owner: Callable[..., object], options: dict[str, int]) -> None:
    with pytest.raises(TypeError, match=r"^Limiter requires `max` and `duration` options$"):
        owner("q", limiter=options)


@contract("S-143")
def test_what_is_too_much_is_delayed(queue: Queue) -> None:
    fetches = Fetches(queue, max=1, duration=1000)
    queue.add_bulk([{"name": "n"}] * 4)
    for _ in range(4):
        fetches.at(0)
    counts = queue.get_job_counts("active", "delayed", "waiting")
    assert counts == {"active": 1, "delayed": 3, "waiting": 0}
    fetches.close()


@contract("S-144")
def test_put_off_jobs_are_spaced_by_windows(queue: Queue) -> None:
    fetches = Fetches(queue, max=2, duration=10_000)
    queue.add_bulk([{"name": "n"}] * 6)
    for _ in range(6):
        fetches.at(0)
    assert put_off_until(queue) == [10_000, 10_000, 20_000, 20_000]
    fetches.close()


@contract("S-144")
def test_late_jobs_keep_their_order_and_their_rate(queue: Queue) -> None:
    fetches = Fetches(queue, max=1, duration=1000)
    queue.add_bulk([{"name": str(number)} for number in range(4)])
    assert [row.raw["description"] for row in fetches.at(0, 4).jobs] == [b"0"]
    order = [row.raw["description"] for ms in (60_000, 61_000, 62_000) for row in fetches.at(ms, 4).jobs]
    assert order == [b"1", b"2", b"3"]
    assert fetches.at(62_500).limited_ms is None
    fetches.close()


@contract("S-145")
def test_retries_count(make_queue: MakeQueue, run_worker: RunWorker, runs: Runs) -> None:
    queue = make_queue(limiter={"max": 2, "duration": 400})
    run_worker(processor(queue, fail_first(runs, 2)))
    job = queue.add("n", {}, attempts=3)
    wait_until(lambda: job.get_state() == "completed")
    assert runs.gaps[0] < 400 - 5 <= runs.starts[2] - runs.starts[0]


@contract("S-146", "S-147", "Q-46")
def test_groups_are_limited_apart_and_ids_stay(make_queue: MakeQueue) -> None:
    queue = make_queue(limiter={"max": 1, "duration": 500, "groupKey": "acc.id"})
    jobs = queue.add_bulk([{"name": group, "data": {"acc": {"id": group}}} for group in "AABABC"])
    mine = queue.add("A", {"acc": {"id": "A"}}, job_id="mine")
    assert [job.id for job in jobs] == ["1", "2", "3", "4", "5", "6"]
    assert mine is not None and mine.id == "mine"
    fetches = Fetches(queue, max=1, duration=500, groupKey="acc.id")
    taken = [[row.raw["description"] for row in fetches.at(ms, 9).jobs] for ms in (0, 500, 1000, 1500)]
    assert taken == [[b"A", b"B", b"C"], [b"A", b"B"], [b"A"], [b"A"]]
    assert bookkeeping(queue) == []
    fetches.close()


@contract("Q-43")
def test_occurrences_of_a_repeatable_keep_their_group(make_queue: MakeQueue) -> None:
    queue = make_queue(limiter={"max": 1, "duration": 500, "groupKey": "id"})
    first = queue.add("n", {"id": "A"}, repeat={"every": 3_600_000})
    again = queue.add("n", {"id": "A"}, repeat={"every": 3_600_000})
    assert first is not None and again is not None and first.id == again.id
    assert queue.connection.hget(queue.store.keys.job(first.rq_id), "g") == b"A"
    assert queue.get_repeatable_count() == 1


@contract("S-148")
def test_a_worker_without_the_limiter_is_not_limited(queue: Queue) -> None:
    limited, free = Fetches(queue, max=1, duration=60_000), Fetches(queue)
    queue.add_bulk([{"name": "n"}] * 3)
    assert [len(fetches.at(0).jobs) for fetches in (limited, free, limited)] == [1, 1, 0]
    queue.get_delayed()[0].promote()
    assert len(free.at(1).jobs) == 1
    assert bookkeeping(queue) == []
    limited.close()
    free.close()


@contract("S-149")
def test_a_promoted_job_still_waits_for_the_window(queue: Queue) -> None:
    fetches = Fetches(queue, max=1, duration=10_000)
    queue.add_bulk([{"name": "n"}] * 3)
    fetches.at(0, 3)
    last = queue.get_delayed()[1]
    last.promote()
    assert fetches.at(5000, 3).jobs == []
    assert put_off_until(queue) == [10_000, 10_000]
    fetches.close()


@contract("S-150")
def test_removing_a_put_off_job_clears_its_bookkeeping(queue: Queue) -> None:
    fetches = Fetches(queue, max=1, duration=10_000)
    queue.add_bulk([{"name": "n"}] * 2)
    fetches.at(0, 2)
    assert bookkeeping(queue) != []
    queue.get_delayed()[0].remove()
    assert bookkeeping(queue) == []
    fetches.close()


@contract("S-151", "Q-01")
def test_with_bounce_back_jobs_wait_at_the_head(
    make_queue: MakeQueue, run_worker: RunWorker, runs: Runs
) -> None:
    queue = make_queue(limiter={"max": 2, "duration": 300, "bounceBack": True})
    fetches = Fetches(queue, max=2, duration=60_000, bounce_back=True)
    jobs = queue.add_bulk([{"name": str(number)} for number in range(7)])
    assert [row.rq_id for row in fetches.at(0, 3).jobs] == [job.rq_id for job in jobs[:2]]
    queue.connection.delete(queue.store.keys.marker)
    reply = fetches.at(20_000, 3)
    assert (reply.jobs, reply.limited_ms) == ([], DAY + 60_000)
    assert not queue.connection.exists(queue.store.keys.marker)
    assert [job.name for job in queue.get_waiting()] == ["2", "3", "4", "5", "6"]
    fetches.close()
    queue.connection.delete(f"rq:bull:{queue.name}:window:")
    run_worker(processor(queue, noted(runs)))
    wait_until(lambda: queue.get_completed_count() == 5)
    starts = started(queue, jobs[2:])
    assert starts[2] >= 300 and starts[4] - starts[2] >= 300
    assert runs.names == ["2", "3", "4", "5", "6"]
