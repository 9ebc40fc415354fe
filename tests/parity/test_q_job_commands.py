"""Contract section 14.Q: progress, logs and update."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bthwani_jobs import Job, Queue
from bthwani_jobs.errors import InvalidInput, MissingKey
from tests.conftest import MakeQueue, RunWorker
from tests.parity.handlers import Flavour, Heard, Runs, fail_first, processor, stored
from tests.support.waiting import wait_until

contract = pytest.mark.contract


@contract("S-241", "Q-76")
@pytest.mark.parametrize("value", [42, {"a": {"b": [1]}}, 0, "half", [], None, 12.5], ids=repr)
def test_progress_is_stored(queue: Queue, value: Any) -> None:
    job = queue.add("n", {})
    assert job.progress() == 0
    job.progress(value)
    assert job.progress() == value
    assert stored(queue, job).progress() == value


@contract("S-241")
def test_progress_from_inside_a_handler(queue: Queue, run_worker: RunWorker, flavour: Flavour) -> None:
    async def body(job: Job) -> None:
        job.progress(42)

    run_worker(processor(queue, flavour.handler(body)))
    job = queue.add("n", {})
    wait_until(lambda: job.get_state() == "completed")
    assert stored(queue, job).progress() == 42


@contract("S-242")
def test_progress_is_announced_to_all(make_queue: MakeQueue) -> None:
    queue, other = make_queue(), make_queue()
    heard = Heard(other, "global:progress")
    job = queue.add("n", {})
    job.progress({"myvalue": 42})
    wait_until(lambda: heard.of("global:progress") == [(job.id, {"myvalue": 42})])


@contract("S-243")
def test_logs(queue: Queue) -> None:
    job = queue.add("n", {})
    assert [job.log(row) for row in ("a", "b", "c")] == [1, 2, 3]
    assert queue.get_job_logs(job.id) == {"logs": ["a", "b", "c"], "count": 3}
    assert queue.get_job_logs(job.id, 1, 1) == {"logs": ["b"], "count": 3}
    assert queue.get_job_logs(job.id, 0, 1, False) == {"logs": ["c", "b"], "count": 3}
    assert queue.get_job_logs("unknown") == {"logs": [], "count": 0}


@contract("S-244")
@pytest.mark.parametrize("state", ["waiting", "delayed", "completed", "failed"])
def test_update_replaces_the_data_in_any_state(
    queue: Queue, run_worker: RunWorker, runs: Runs, state: str
) -> None:
    if state in ("completed", "failed"):
        run_worker(processor(queue, fail_first(runs, times=1 if state == "failed" else 0)))
    job = queue.add("n", {"foo": "bar"}, delay=60_000 if state == "delayed" else None)
    wait_until(lambda: job.get_state() == state)
    job.update({"baz": "qux"})
    assert job.data == {"baz": "qux"}
    assert stored(queue, job).data == {"baz": "qux"}
    assert job.get_state() == state


@contract("S-244")
def test_updated_data_reach_the_next_attempt(queue: Queue, run_worker: RunWorker) -> None:
    seen: list[Any] = []

    def handle(job: Job) -> None:
        seen.append(job.data)
        if job.attempts_made == 0:
            job.update({"step": 2})
            raise RuntimeError("once")

    run_worker(processor(queue, handle))
    job = queue.add("n", {"step": 1}, attempts=2)
    wait_until(lambda: job.get_state() == "completed")
    assert seen == [{"step": 1}, {"step": 2}]


@contract("S-244")
def test_impossible_data_are_refused(make_queue: MakeQueue) -> None:
    queue = make_queue(settings={"max_data_bytes": 100})
    job = queue.add("n", {"v": 1})
    for data in (object(), {"text": "x" * 100}):
        with pytest.raises(InvalidInput):
            job.update(data)
    assert (job.data, stored(queue, job).data) == ({"v": 1}, {"v": 1})


@contract("S-245")
@pytest.mark.parametrize(
    ("command", "name"),
    [
        (lambda job: job.update({}), "updateData"),
        (lambda job: job.progress(1), "updateProgress"),
        (lambda job: job.log("row"), "addLog"),
    ],
    ids=["update", "progress", "log"],
)
def test_commands_on_a_removed_job(queue: Queue, command: Callable[[Job], object], name: str) -> None:
    job = queue.add("n", {})
    job.remove()
    with pytest.raises(MissingKey) as caught:
        command(job)
    assert str(caught.value) == f"Missing key for job 1 {name}"
    assert queue.get_job(job.id) is None
