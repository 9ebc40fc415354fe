"""Many jobs of all kinds, and jobs that do not stay."""

from __future__ import annotations

import time
from typing import Any

from bthwani_jobs import Job, Queue
from tests.chaos.life import Notes, wrong

CROWD = 60


def add_crowd(queue: Queue) -> None:
    for number in range(CROWD):
        kind = ("plain", "prioritised", "delayed", "retried", "failing", "lifo")[number % 6]
        options: dict[str, dict[str, Any]] = {
            "prioritised": {"priority": number},
            "delayed": {"delay": number * 4},
            "retried": {"attempts": 3, "backoff": 20},
            "failing": {"attempts": 2},
            "lifo": {"lifo": True},
        }
        queue.add(kind, {"n": number}, job_id=f"{kind}-{number}", **options.get(kind, {}))


def crowd_member(job: Job) -> Any:
    time.sleep(0.002)
    if job.name == "failing" or (job.name == "retried" and job.attempts_made < 2):
        raise RuntimeError("boom")
    return job.data["n"]


def verify_crowd(queue: Queue, notes: Notes) -> list[str]:
    found = []
    jobs = {job.id: job for job in queue.get_jobs(["completed", "failed"])}
    if len(jobs) != CROWD:
        found.append(f"{len(jobs)} of {CROWD} jobs have ended: {queue.get_job_counts()}")
    for job_id, job in jobs.items():
        attempts = {"retried": 2, "failing": 2}.get(job.name, 0)
        state = "failed" if job.name == "failing" else "completed"
        if job_id not in notes.ids:
            found.append(f"{job_id} never ran")
        found += [
            f"{job_id}: {fault}"
            for fault in wrong(state=(state, job.get_state()), attempts=(attempts, job.attempts_made))
        ]
    return found


# Retention

KEPT = 2


def add_transient(queue: Queue) -> None:
    for number in range(6):
        name = "failing" if number % 2 else "plain"
        queue.add(name, {}, job_id=f"{name}-{number}", remove_on_complete=KEPT, remove_on_fail=True)


def transient(job: Job) -> Any:
    job.log("ran")
    if job.name == "failing":
        raise RuntimeError("boom")
    return None


def is_empty(queue: Queue) -> bool:
    """Read at one moment: a stalled job is active before it waits again."""
    return not queue.get_job_count_by_types("waiting", "paused", "delayed", "active")


def verify_transient(queue: Queue, notes: Notes) -> list[str]:
    missing = {f"{'failing' if n % 2 else 'plain'}-{n}" for n in range(6)} - set(notes.ids)
    return [
        *wrong(completed=(KEPT, queue.get_completed_count()), failed=(0, queue.get_failed_count())),
        *(f"{job_id} never ran" for job_id in sorted(missing)),
    ]
