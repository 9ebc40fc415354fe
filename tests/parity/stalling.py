"""How the contract tests make jobs stall: by leaving them, and by killing the process that runs them."""

from __future__ import annotations

from bthwani_jobs import Job, Queue
from tests.conftest import RunWorker
from tests.parity.handlers import Gate, processor
from tests.support.waiting import wait_until

QUICK_STALLS = {"lock_duration": 300, "lock_renew_time": 150, "stalled_interval": 150, "guard_interval": 200}
"""Settings under which a job left behind is recovered within about half a second."""


def leave_stalled(queue: Queue, run_worker: RunWorker, gate: Gate, name: str = "s", **options: object) -> Job:
    """Add a job, let a worker start it and close without waiting: it stays active, nobody renews its lock.

    The handler waits at the gate; when it ends after all, its outcome no longer counts.
    """
    started: list[str] = []

    def handle(job: Job) -> str:
        started.append(job.id)
        gate.pass_through()
        return "from the worker that left"

    worker = run_worker(processor(queue, handle))
    job = queue.add(name, {}, **options)
    wait_until(lambda: started == [job.id])
    worker.close(do_not_wait_jobs=True)
    assert job.get_state() == "active"
    return job
