"""Contract section 14.A: adding, ids and data."""

from __future__ import annotations

from typing import Any

import pytest

from bthwani_jobs import Job, Queue
from bthwani_jobs.errors import BthwaniJobsError
from tests.conftest import MakeQueue, RunWorker
from tests.parity.handlers import Heard, Runs, fail_first, ids, noted, processor, stored
from tests.support.waiting import wait_until

contract = pytest.mark.contract


@contract("S-001")
def test_automatic_ids_count_from_one(queue: Queue) -> None:
    assert [queue.add("a", {}).id for _ in range(3)] == ["1", "2", "3"]


@contract("S-002")
def test_fields_of_a_new_job(queue: Queue) -> None:
    added = queue.add("nm", {"a": 1}, {"attempts": "3", "backoff": 500})
    for job in (added, stored(queue, added)):
        assert job.name == "nm"
        assert job.data == {"a": 1}
        assert job.opts.attempts == 3
        assert job.opts.backoff == {"type": "fixed", "delay": 500}
        assert job.progress() == 0
        assert job.attempts_made == 0
        assert job.stacktrace == []
        assert job.returnvalue is None
        assert job.get_state() == "waiting"


@contract("S-002")
def test_keywords_say_the_same_as_bulls_option_object(queue: Queue) -> None:
    pasted = queue.add("nm", {"a": 1}, {"attempts": 3, "removeOnComplete": True, "jobId": "pasted"})
    typed = queue.add("nm", {"a": 1}, attempts=3, remove_on_complete=True, job_id="typed")
    assert (pasted.id, typed.id) == ("pasted", "typed")
    for job in (stored(queue, pasted), stored(queue, typed)):
        assert (job.opts.attempts, job.opts.remove_on_complete) == (3, True)


@contract("S-003")
def test_a_job_without_a_name_is_called_default(queue: Queue) -> None:
    job = queue.add({"only": "data"})
    assert stored(queue, job).name == "__default__"
    assert stored(queue, job).data == {"only": "data"}


@contract("S-004")
def test_adding_a_waiting_id_again_changes_nothing(queue: Queue) -> None:
    queue.add("n", {"v": 1}, job_id="x")
    again = queue.add("n", {"v": 2}, job_id="x")
    assert again.id == "x"
    assert again.data == {"v": 1}, "a duplicate add answers with the stored job"
    assert queue.get_waiting_count() == 1
    assert stored(queue, again).data == {"v": 1}


@contract("S-005")
def test_adding_a_delayed_id_again_leaves_it_delayed(queue: Queue) -> None:
    queue.add("n", {}, job_id="x", delay=5000)
    queue.add("n", {}, job_id="x")
    assert (queue.get_delayed_count(), queue.get_waiting_count()) == (1, 0)


@contract("S-006")
def test_adding_a_completed_id_again_runs_nothing(queue: Queue, run_worker: RunWorker, runs: Runs) -> None:
    run_worker(processor(queue, noted(runs)))
    queue.add("n", {}, job_id="x")
    wait_until(lambda: queue.get_completed_count() == 1)
    queue.add("n", {}, job_id="x")
    assert (queue.get_completed_count(), queue.get_waiting_count()) == (1, 0)
    queue.add("n", {}, job_id="after")
    wait_until(lambda: queue.get_completed_count() == 2)
    assert runs.ids == ["x", "after"]


@contract("S-007")
def test_adding_a_failed_id_again_runs_nothing(queue: Queue, run_worker: RunWorker, runs: Runs) -> None:
    run_worker(processor(queue, fail_first(runs)))
    queue.add("n", {}, job_id="u")
    wait_until(lambda: queue.get_failed_count() == 1)
    queue.add("n", {}, job_id="u")
    queue.add("n", {}, job_id="after")
    wait_until(lambda: queue.get_failed_count() == 2)
    assert runs.ids == ["u", "after"]


@contract("S-008")
def test_an_id_removed_on_completion_can_be_used_again(
    queue: Queue, run_worker: RunWorker, runs: Runs
) -> None:
    run_worker(processor(queue, noted(runs)))
    for expected in (1, 2):
        queue.add("n", {}, job_id="u", remove_on_complete=True)
        wait_until(lambda expected=expected: len(runs) == expected and queue.get_job("u") is None)
    assert runs.ids == ["u", "u"]


@contract("S-009")
def test_a_removed_id_can_be_used_again(queue: Queue) -> None:
    queue.add("n", {"v": 1}, job_id="x").remove()
    job = queue.add("n", {"v": 2}, job_id="x")
    assert stored(queue, job).data == {"v": 2}
    assert queue.get_waiting_count() == 1


@contract("S-010")
def test_a_duplicate_is_announced_instead_of_waiting(make_queue: MakeQueue) -> None:
    adder, other = make_queue(), make_queue()
    adder.add("n", {}, job_id="x")
    at_adder = Heard(adder, "duplicated", "waiting", "global:duplicated", "global:waiting")
    at_other = Heard(other, "duplicated", "waiting", "global:duplicated", "global:waiting")
    adder.add("n", {}, job_id="x")
    adder.add("n", {}, job_id="last")
    for heard in (at_adder, at_other):
        wait_until(lambda heard=heard: heard.count("global:waiting") == 1)
        assert heard.of("global:duplicated") == [("x",)]
        assert heard.of("global:waiting")[0][0] == "last"
    assert at_adder.of("duplicated") == [("x",)]
    assert [arguments[0] for arguments in at_adder.of("waiting")] == ["last"]
    assert at_other.of("duplicated") == []
    assert at_other.of("waiting") == []


@contract("S-011")
def test_every_add_consumes_a_number(queue: Queue) -> None:
    wanted: list[str | None] = [None, "cust", None, "cust", None]
    assert [queue.add("n", {}, job_id=job_id).id for job_id in wanted] == ["1", "cust", "3", "cust", "5"]


@contract("S-012")
def test_which_ids_count_as_given(queue: Queue) -> None:
    got = [queue.add("n", {}, {"jobId": job_id}).id for job_id in (77, "", None, 0)]
    assert got == ["77", "2", "3", "0"]


@contract("S-013")
def test_the_callers_options_stay_as_they_are(queue: Queue) -> None:
    options: dict[str, Any] = {"attempts": "3", "backoff": {"type": "fixed", "delay": 5}}
    queue.add("n", {}, options)
    queue.add_bulk([{"name": "n", "data": {}, "opts": options}])
    assert options == {"attempts": "3", "backoff": {"type": "fixed", "delay": 5}}


@contract("S-014")
@pytest.mark.parametrize("data", ["s", 5, [1], {"a": {"b": 1}}, [], {}, {"a": []}, "طلب جديد", 1.5, 2**53])
def test_data_come_back_equal(queue: Queue, data: object) -> None:
    assert stored(queue, queue.add("n", data)).data == data


@contract("S-015", "Q-29")
@pytest.mark.parametrize(("given", "loaded"), [(None, {}), (0, 0), ("", ""), (False, False), ([], [])])
def test_no_data_means_an_empty_object_and_other_falsy_data_stay(
    queue: Queue, given: object, loaded: object
) -> None:
    data = stored(queue, queue.add("n", given)).data
    assert data == loaded
    assert type(data) is type(loaded)


@contract("S-016")
def test_changing_the_data_of_a_run_does_not_store_them(queue: Queue, run_worker: RunWorker) -> None:
    def change(job: Job) -> None:
        job.data["x"] = 9

    run_worker(processor(queue, change))
    job = queue.add("n", {"x": 1})
    wait_until(lambda: queue.get_completed_count() == 1)
    assert stored(queue, job).data == {"x": 1}


@contract("S-017")
def test_prevent_parsing_data_leaves_the_text(queue: Queue) -> None:
    job = queue.add("n", {"a": 1}, prevent_parsing_data=True)
    assert stored(queue, job).data == '{"a":1}'


@contract("S-018")
def test_add_bulk_answers_in_the_order_of_its_input(queue: Queue) -> None:
    jobs = queue.add_bulk(
        [
            {"name": "a", "data": {"n": 1}},
            {"data": {"n": 2}},
            {"name": "z1", "data": {"n": 3}, "opts": {"jobId": "z"}},
            {"name": "z2", "data": {"n": 4}, "opts": {"jobId": "z"}},
        ]
    )
    assert ids(jobs) == ["1", "2", "z", "z"]
    assert [job.name for job in jobs[:2]] == ["a", "__default__"]
    assert queue.get_waiting_count() == 3
    assert stored(queue, jobs[3]).data == {"n": 3}


@contract("S-018")
def test_add_bulk_merges_the_default_options(make_queue: MakeQueue) -> None:
    queue = make_queue(default_job_options={"attempts": 3, "backoff": 7})
    first, second = queue.add_bulk([{"name": "a"}, {"name": "b", "opts": {"attempts": 1, "delay": 9000}}])
    assert (stored(queue, first).opts.attempts, stored(queue, second).opts.attempts) == (3, 1)
    assert stored(queue, second).opts.backoff == {"type": "fixed", "delay": 7}
    assert stored(queue, second).get_state() == "delayed"


@contract("S-019")
def test_add_bulk_of_nothing_is_nothing(queue: Queue) -> None:
    assert queue.add_bulk([]) == []
    assert queue.count() == 0


@contract("S-020", "Q-74")
def test_add_bulk_refuses_repeat_and_adds_none_of_them(queue: Queue) -> None:
    with pytest.raises(BthwaniJobsError, match="repeat"):
        queue.add_bulk([{"name": "a"}, {"name": "b", "opts": {"repeat": {"every": 60000}}}])
    assert queue.get_repeatable_jobs() == []
    assert queue.count() == 0


@contract("S-021")
def test_options_are_merged_key_by_key_under_those_of_the_job(make_queue: MakeQueue) -> None:
    queue = make_queue(
        default_job_options={
            "attempts": 3,
            "backoff": {"type": "fixed", "delay": 5},
            "remove_on_complete": True,
        }
    )
    job = stored(queue, queue.add("n", {}, {"attempts": 1, "backoff": {"type": "exponential"}}))
    assert job.opts.attempts == 1
    assert job.opts.backoff == {"type": "exponential"}
    assert job.opts.remove_on_complete is True


@contract("Q-07")
def test_automatic_ids_skip_taken_ones(queue: Queue) -> None:
    queue.add("mine", {"v": 1}, job_id="2")
    assert queue.add("n", {}).id == "3"
    found = queue.get_job("2")
    assert found is not None
    assert found.name == "mine"


@contract("Q-08")
@pytest.mark.parametrize(
    "job_id", ["wait", "id", "meta", "a:b@c", "active", "طلب", "with space", "1__2", "*"]
)
def test_any_text_is_an_id_and_collides_with_nothing(queue: Queue, job_id: str) -> None:
    queue.add("other", {})
    job = queue.add("n", {"v": 1}, job_id=job_id)
    assert job.id == job_id
    assert stored(queue, job).data == {"v": 1}
    assert queue.get_waiting_count() == 2


@contract("Q-09", "Q-19", "Q-20", "Q-21", "Q-40", "Q-69", "S-046", "S-082", "S-089")
@pytest.mark.parametrize(
    "options",
    [
        {"attempts": 0},
        {"attempts": -1},
        {"attempts": "abc"},
        {"attempts": 2.9},
        {"attempts": float("nan")},
        {"delay": -5},
        {"delay": "soon"},
        {"delay": 1.5},
        {"priority": -1},
        {"priority": "high"},
        {"timeout": 0},
        {"timeout": -5},
        {"backoff": {"type": "nope"}},
        {"backoff": -1},
        {"remove_on_complete": "true"},
        {"remove_on_fail": {"age": "old"}},
        {"lifo": "yes"},
        {"job_id": "x" * 10_000},
        {"job_id": "tab\tbed"},
        {"repeat": {"every": 0}},
        {"repeat": {"every": -5}},
        {"repeat": {"cron": ""}},
        {"repeat": {"cron": "0 0 30 2 *"}},
        {"repeat": {"cron": "0 0 * * *", "tz": "Moon/Base"}},
        {"repeat": {}},
    ],
    ids=str,
)
def test_impossible_options_are_refused_before_anything_is_written(
    queue: Queue, options: dict[str, Any]
) -> None:
    with pytest.raises((BthwaniJobsError, ValueError, TypeError)):
        queue.add("n", {}, options)
    assert queue.count() == 0
    assert queue.get_repeatable_jobs() == []
    assert queue.add("n", {}).id == "1", "a refused add consumes no number"


@contract("Q-20")
def test_none_means_not_given(queue: Queue) -> None:
    options = {"attempts": None, "delay": None, "priority": None, "removeOnComplete": None, "timeout": None}
    job = stored(queue, queue.add("n", {}, options))
    assert job.get_state() == "waiting"
    assert not job.opts.remove_on_complete


@contract("Q-69")
def test_an_unknown_option_is_refused_with_the_near_miss(queue: Queue) -> None:
    with pytest.raises(BthwaniJobsError, match="attempts"):
        queue.add("n", {}, {"attemps": 3})
    with pytest.raises((BthwaniJobsError, TypeError), match="remove_on_complete"):
        queue.add("n", {}, remove_on_completed=True)
    assert queue.count() == 0


@pytest.mark.parametrize(
    "data", [{"x": object()}, {1, 2}, {"x": float("nan")}, b"bytes"], ids=["object", "set", "nan", "bytes"]
)
def test_data_that_are_not_json_are_refused(queue: Queue, data: object) -> None:
    with pytest.raises(BthwaniJobsError):
        queue.add("n", data)
    assert queue.count() == 0


def test_data_larger_than_allowed_are_refused(make_queue: MakeQueue) -> None:
    queue = make_queue(settings={"max_data_bytes": 100})
    with pytest.raises(BthwaniJobsError, match="100"):
        queue.add("n", {"text": "x" * 100})
    queue.add("n", {"text": "x" * 50})
    assert queue.count() == 1
