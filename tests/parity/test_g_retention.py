"""Contract section 14.G: which finished jobs stay."""

from __future__ import annotations

from typing import Any

import pytest

from bthwani_jobs import Job, Queue
from tests.conftest import RunWorker
from tests.parity.handlers import Flavour, Heard, Runs, fail_first, ids, noted, processor
from tests.support.timing import now_ms
from tests.support.waiting import wait_until

contract = pytest.mark.contract

ENDINGS = ["complete", "fail"]


class Ending:
    """Runs jobs that all end in one way, and reads what is left of them."""

    def __init__(self, queue: Queue, run_worker: RunWorker, how: str) -> None:
        self.queue = queue
        self.fails = how == "fail"
        self.option = "remove_on_fail" if self.fails else "remove_on_complete"
        self.ended: dict[str, int] = {}
        queue.on("failed" if self.fails else "completed", self._note)
        run_worker(processor(queue, self._handle))

    def _handle(self, job: Job) -> None:
        if self.fails:
            raise RuntimeError("boom")

    def _note(self, job: Job) -> None:
        self.ended[job.id] = job.finished_on or 0

    def run(self, keep: Any, **options: Any) -> Job:
        """Add a job with this retention and wait for its end."""
        job = self.queue.add("n", {}, {self.option: keep}, **options)
        wait_until(lambda: job.id in self.ended)
        return job

    def left(self) -> list[str]:
        """Ids of those that stayed, oldest first."""
        jobs = self.queue.get_failed() if self.fails else self.queue.get_completed()
        return ids(jobs)[::-1]


@pytest.fixture(params=ENDINGS)
def ending(queue: Queue, run_worker: RunWorker, request: pytest.FixtureRequest) -> Ending:
    return Ending(queue, run_worker, request.param)


@contract("S-097")
def test_by_default_finished_jobs_stay(
    queue: Queue, run_worker: RunWorker, runs: Runs, flavour: Flavour
) -> None:
    async def body(job: Job) -> None:
        if job.name == "bad":
            raise RuntimeError("boom")

    before = now_ms()
    run_worker(processor(queue, flavour.handler(body)))
    good, bad = queue.add("good", {}), queue.add("bad", {})
    wait_until(lambda: (queue.get_completed_count(), queue.get_failed_count()) == (1, 1))
    for job in (good, bad):
        found = queue.get_job(job.id)
        assert found is not None
        assert found.processed_on is not None
        assert found.finished_on is not None
        assert before - 2 <= found.processed_on <= found.finished_on <= now_ms() + 2


@contract("S-098")
def test_remove_on_complete_removes_but_still_announces(
    queue: Queue, run_worker: RunWorker, runs: Runs
) -> None:
    heard = Heard(queue, "completed", "global:completed")
    run_worker(processor(queue, noted(runs)))
    job = queue.add("n", {}, remove_on_complete=True)
    wait_until(lambda: heard.count("completed") == 1 and heard.count("global:completed") == 1)
    assert queue.get_job(job.id) is None
    assert queue.get_completed_count() == 0


@contract("S-099")
def test_remove_on_fail_waits_for_the_last_attempt(queue: Queue, run_worker: RunWorker, runs: Runs) -> None:
    run_worker(processor(queue, fail_first(runs, times=9)))
    job = queue.add("n", {}, attempts=2, backoff=150, remove_on_fail=True)
    wait_until(lambda: job.get_state() == "delayed")
    assert queue.get_job(job.id) is not None
    wait_until(lambda: queue.get_job(job.id) is None)
    assert len(runs) == 2
    assert queue.get_failed_count() == 0


@contract("S-100")
def test_a_number_keeps_the_newest(ending: Ending) -> None:
    for _ in range(5):
        ending.run(2)
    assert ending.left() == ["4", "5"]


@contract("S-101")
@pytest.mark.parametrize("keep", [True, 0, {"count": 0}], ids=str)
def test_what_removes_at_once(ending: Ending, keep: Any) -> None:
    job = ending.run(keep)
    assert ending.left() == []
    assert ending.queue.get_job(job.id) is None


@contract("S-101")
@pytest.mark.parametrize("keep", [-1, False, {}, None], ids=str)
def test_what_keeps_all(ending: Ending, keep: Any) -> None:
    for _ in range(3):
        ending.run(keep)
    assert ending.left() == ["1", "2", "3"]


@contract("S-102", "S-103")
@pytest.mark.parametrize(
    ("keep", "jobs", "spacing_ms", "at_most"),
    [({"age": 2}, 15, 310, 15), ({"age": 2, "count": 5}, 10, 310, 5), ({"age": 1}, 5, 400, 5)],
    ids=["age", "age and count", "one second"],
)
def test_an_age_in_seconds_cuts_what_finished_earlier(
    ending: Ending, keep: dict[str, int], jobs: int, spacing_ms: int, at_most: int
) -> None:
    first = now_ms()
    for number in range(jobs):
        wait_until(lambda number=number: now_ms() >= first + number * spacing_ms)
        ending.run(keep)
    last = max(ending.ended.values())
    young = [job_id for job_id, moment in ending.ended.items() if moment > last - keep["age"] * 1000]
    assert ending.left() == young[-at_most:]
    assert 1 < len(ending.left()) < jobs


@contract("S-104")
def test_the_finishing_jobs_policy_applies_to_all(ending: Ending) -> None:
    for _ in range(3):
        ending.run(False)
    assert ending.left() == ["1", "2", "3"]
    ending.run(1)
    assert ending.left() == ["4"]


@contract("S-105")
def test_automatic_removal_is_silent_and_takes_the_logs_along(queue: Queue, run_worker: RunWorker) -> None:
    heard = Heard(queue, "removed", "completed")
    run_worker(processor(queue, lambda job: job.log("row") and None))
    first, second = (queue.add("n", {}, remove_on_complete=1) for _ in range(2))
    wait_until(lambda: heard.count("completed") == 2)
    assert queue.get_job(first.id) is None
    assert queue.get_job_logs(first.id)["count"] == 0
    assert queue.get_job_logs(second.id)["count"] == 1
    assert heard.count("removed") == 0


@contract("Q-06")
def test_jobs_that_finish_in_the_same_millisecond_are_cut_in_their_order(
    queue: Queue, run_worker: RunWorker, runs: Runs
) -> None:
    run_worker(processor(queue, noted(runs)))
    queue.add_bulk([{"name": "n", "opts": {"remove_on_complete": 3}} for _ in range(12)])
    wait_until(lambda: len(runs) == 12 and queue.get_active_count() == 0)
    assert ids(queue.get_completed()) == ["12", "11", "10"]
