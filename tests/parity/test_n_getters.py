"""Contract section 14.N: getters and counts."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bthwani_jobs import Job, Queue
from tests.conftest import RunWorker
from tests.parity.handlers import Gate, Runs, fail_first, ids, noted, processor
from tests.support.waiting import wait_until

contract = pytest.mark.contract


def added(queue: Queue, number: int, **options: object) -> list[Job]:
    return [queue.add("n", {"v": index}, **options) for index in range(number)]


@pytest.fixture
def three_completed(queue: Queue, run_worker: RunWorker, runs: Runs) -> Queue:
    """The queue after its jobs 1, 2 and 3 have completed, in this order."""
    run_worker(processor(queue, noted(runs)))
    added(queue, 3)
    wait_until(lambda: queue.get_completed_count() == 3)
    return queue


@contract("S-203")
def test_waiting_jobs_come_next_to_run_first(queue: Queue) -> None:
    added(queue, 4)
    assert ids(queue.get_waiting()) == ["1", "2", "3", "4"]
    assert ids(queue.get_waiting(0, 1)) == ["1", "2"]
    assert ids(queue.get_waiting(-2, -1)) == ["3", "4"]
    assert ids(queue.get_jobs("waiting")) == ["4", "3", "2", "1"]
    assert ids(queue.get_jobs("waiting", 0, 1)) == ["4", "3"]
    assert ids(queue.get_jobs(["waiting"], 1, 2, True)) == ["2", "3"]


@contract("S-204")
def test_counts_of_one_waiting_job(queue: Queue) -> None:
    added(queue, 1)
    assert queue.get_job_counts() == {
        "waiting": 1,
        "active": 0,
        "completed": 0,
        "failed": 0,
        "delayed": 0,
        "paused": 0,
    }


@contract("S-205")
def test_a_running_job_is_active_and_then_failed(
    queue: Queue, run_worker: RunWorker, runs: Runs, gate: Gate
) -> None:
    def handle(job: Job) -> None:
        runs.note(job)
        gate.pass_through()
        raise RuntimeError("boom")

    run_worker(processor(queue, handle))
    job = queue.add("n", {})
    wait_until(lambda: len(runs) == 1)
    assert ids(queue.get_active()) == [job.id]
    gate.open()
    wait_until(lambda: ids(queue.get_failed()) == [job.id])
    assert queue.get_active() == []


@contract("S-206")
def test_delayed_jobs_come_soonest_first(queue: Queue) -> None:
    for delay in (9000, 7000, 8000):
        queue.add("n", {}, delay=delay)
    assert ids(queue.get_delayed()) == ["2", "3", "1"]
    assert ids(queue.get_jobs("delayed")) == ["1", "3", "2"]


@contract("S-207")
def test_completed_jobs_come_latest_first(three_completed: Queue) -> None:
    assert ids(three_completed.get_completed()) == ["3", "2", "1"]
    assert ids(three_completed.get_completed(0, 0)) == ["3"]


@contract("S-208")
def test_an_unknown_job(queue: Queue) -> None:
    assert queue.get_job("77") is None
    assert queue.get_job(None) is None
    job = queue.add("n", {})
    job.remove()
    assert job.get_state() == "stuck"
    assert job.is_stuck()


@contract("S-209")
def test_every_state_has_its_name(queue: Queue, run_worker: RunWorker, runs: Runs, gate: Gate) -> None:
    def handle(job: Job) -> None:
        if job.name == "bad":
            raise RuntimeError("boom")
        if job.name == "hold":
            runs.note(job)
            gate.pass_through()

    predicates: dict[str, Callable[[Job], bool]] = {
        "waiting": Job.is_waiting,
        "paused": Job.is_paused,
        "delayed": Job.is_delayed,
        "active": Job.is_active,
        "completed": Job.is_completed,
        "failed": Job.is_failed,
    }

    def assert_state(job: Job, state: str) -> None:
        wait_until(lambda: job.get_state() == state)
        assert [name for name, holds in predicates.items() if holds(job)] == [state]

    job, delayed = queue.add("good", {}), queue.add("n", {}, delay=60_000)
    assert_state(job, "waiting")
    assert_state(delayed, "delayed")
    queue.pause()
    assert_state(job, "paused")
    queue.resume()
    run_worker(processor(queue, handle))
    assert_state(job, "completed")
    assert_state(queue.add("bad", {}), "failed")
    held = queue.add("hold", {})
    wait_until(lambda: len(runs) == 1)
    assert_state(held, "active")


@contract("S-210")
def test_several_types_come_in_the_order_asked_for(three_completed: Queue) -> None:
    queue = three_completed
    added(queue, 2, delay=60_000)
    queue.pause()
    added(queue, 2)
    assert ids(queue.get_jobs(["delayed", "paused", "completed"], 0, -1, True)) == [
        *("4", "5"),
        *("6", "7"),
        *("1", "2", "3"),
    ]
    assert ids(queue.get_jobs("completed,delayed", 0, 0, True)) == ["1", "4"]
    assert sorted(ids(queue.get_jobs())) == [str(number) for number in range(1, 8)]


@contract("S-211")
@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (1, 2, ["2", "3"]),
        (-3, -1, ["1", "2", "3"]),
        (-300, 99999, ["1", "2", "3"]),
        (0, 0, ["1"]),
        (5, 9, []),
    ],
)
def test_ranges_of_completed_jobs(three_completed: Queue, start: int, end: int, expected: list[str]) -> None:
    assert ids(three_completed.get_jobs("completed", start, end, True)) == expected


@contract("S-212")
def test_counts_of_a_paused_queue(queue: Queue) -> None:
    queue.pause()
    added(queue, 2)
    queue.add("n", {}, delay=60_000)
    assert (queue.get_waiting_count(), queue.get_paused_count(), queue.count()) == (2, 2, 3)
    assert queue.get_job_counts("waiting", "paused", "delayed") == {"waiting": 0, "paused": 2, "delayed": 1}
    assert ids(queue.get_waiting()) == ids(queue.get_paused()) == ["1", "2"]


@contract("S-213")
def test_data_can_be_left_out(three_completed: Queue) -> None:
    jobs = three_completed.get_jobs("completed", exclude_data=True)
    assert [job.data for job in jobs] == [{}, {}, {}]
    assert all(job.timestamp and job.processed_on and job.finished_on for job in jobs)
    with_data = three_completed.get_jobs("completed", asc=True)
    assert [job.data for job in with_data] == [{"v": 0}, {"v": 1}, {"v": 2}]


@contract("S-214")
def test_counts_per_priority(queue: Queue) -> None:
    queue.add_bulk([{"name": "n", "opts": {"priority": number % 4}} for number in range(42)])
    queue.add("n", {}, priority=1, delay=60_000)
    expected = {"0": 11, "1": 11, "2": 10, "3": 10}
    assert queue.get_counts_per_priority([0, 1, 2, 3]) == expected
    queue.pause()
    assert queue.get_counts_per_priority([0, 1, 2, 3, 3]) == expected
    assert queue.get_counts_per_priority([77]) == {"77": 0}


@contract("S-215")
def test_counts_by_the_names_asked_for(queue: Queue) -> None:
    added(queue, 3)
    queue.add("n", {}, delay=60_000)
    queue.add("n", {}, repeat={"every": 3_600_000})
    assert queue.get_job_counts("wait") == {"wait": 3}
    assert queue.get_job_count_by_types("waiting", "delayed") == 5
    assert queue.get_job_count_by_types(["waiting", "delayed"]) == 5
    assert queue.get_job_count_by_types("waiting,delayed") == 5
    assert queue.get_job_counts("repeat", "active") == {"repeat": 1, "active": 0}


@contract("Q-33")
def test_an_unknown_type_is_refused(queue: Queue) -> None:
    with pytest.raises(ValueError, match="completd"):
        queue.get_job_counts("completd")
    with pytest.raises(ValueError, match="nonsense"):
        queue.get_jobs(["waiting", "nonsense"])


@contract("S-216", "Q-63")
def test_workers_of_a_queue(queue: Queue, run_worker: RunWorker, runs: Runs) -> None:
    assert queue.get_workers() == []
    worker = run_worker(processor(queue, noted(runs)))
    (entry,) = wait_until(queue.get_workers)
    assert entry["name"] == queue.name
    worker.close()
    assert queue.get_workers() == []


@contract("S-205", "S-207")
def test_failed_jobs_come_latest_first(queue: Queue, run_worker: RunWorker, runs: Runs) -> None:
    run_worker(processor(queue, fail_first(runs)))
    added(queue, 3)
    wait_until(lambda: queue.get_failed_count() == 3)
    assert ids(queue.get_failed()) == ["3", "2", "1"]


@contract("Q-32")
def test_getters_leave_out_jobs_that_are_gone(queue: Queue) -> None:
    first, *_ = added(queue, 3)
    first.remove()
    assert ids(queue.get_jobs("waiting", asc=True)) == ["2", "3"]


@contract("S-208")
def test_to_json_has_bulls_fields(queue: Queue) -> None:
    job = queue.add("n", {"v": 1}, attempts=2, job_id="x")
    as_json = job.to_json()
    assert list(as_json) == [
        "id",
        "name",
        "data",
        "opts",
        "progress",
        "delay",
        "timestamp",
        "attemptsMade",
        "failedReason",
        "stacktrace",
        "returnvalue",
        "debounceId",
        "finishedOn",
        "processedOn",
    ]
    assert (as_json["id"], as_json["name"], as_json["data"]) == ("x", "n", {"v": 1})
    assert as_json["opts"]["attempts"] == 2
    assert (as_json["failedReason"], as_json["returnvalue"], as_json["finishedOn"]) == (None, None, None)
