"""Contract section 14.O: removing one job."""

from __future__ import annotations

import pytest

from bthwani_jobs import Job, Queue
from bthwani_jobs.errors import JobLocked
from tests.conftest import RunWorker
from tests.parity.handlers import Gate, Runs, processor
from tests.support.waiting import wait_until

contract = pytest.mark.contract


@contract("S-217")
@pytest.mark.parametrize("state", ["waiting", "paused", "delayed", "completed", "failed"])
def test_a_removed_job_is_gone_from_everywhere(queue: Queue, run_worker: RunWorker, state: str) -> None:
    def handle(job: Job) -> None:
        if state == "failed":
            raise RuntimeError("boom")

    if state in ("completed", "failed"):
        run_worker(processor(queue, handle))
    if state == "paused":
        queue.pause()
    job = queue.add("n", {}, delay=60_000 if state == "delayed" else None, priority=3)
    job.log("a row")
    wait_until(lambda: job.get_state() == state)
    job.remove()
    assert queue.get_job(job.id) is None
    assert job.get_state() == "stuck"
    assert sum(queue.get_job_counts().values()) == 0
    assert queue.get_counts_per_priority([3]) == {"3": 0}
    assert queue.get_job_logs(job.id) == {"logs": [], "count": 0}


@contract("S-218")
def test_a_running_job_cannot_be_removed(queue: Queue, run_worker: RunWorker, runs: Runs, gate: Gate) -> None:
    def handle(job: Job) -> None:
        runs.note(job)
        gate.pass_through()

    run_worker(processor(queue, handle))
    job = queue.add("n", {})
    wait_until(lambda: len(runs) == 1)
    with pytest.raises(JobLocked) as caught:
        job.remove()
    assert str(caught.value) == f"Could not remove job {job.id}"
    gate.open()
    wait_until(lambda: job.get_state() == "completed")
    job.remove()
    assert queue.get_job(job.id) is None
