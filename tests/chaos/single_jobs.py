"""Jobs that succeed, fail, are tried again or wait for their time."""

from __future__ import annotations

from typing import Any

from bthwani_jobs import Job, Queue
from tests.chaos.life import Notes, wrong

# Success


def add_three(queue: Queue) -> None:
    queue.add("plain", {"n": 1}, job_id="plain")
    queue.add("prioritised", {"n": 2}, job_id="prioritised", priority=3)
    queue.add("lifo", {"n": 3}, job_id="lifo", lifo=True)


def talkative(job: Job) -> Any:
    job.progress(50)
    job.log("half way")
    return {"n": job.data["n"] * 10}


def verify_three(queue: Queue, notes: Notes) -> list[str]:
    found = []
    for job_id, result in (("plain", 10), ("prioritised", 20), ("lifo", 30)):
        job = queue.get_job(job_id)
        if job is None:
            found.append(f"{job_id} is missing")
            continue
        found += wrong(
            state=("completed", job.get_state()),
            result=({"n": result}, job.returnvalue),
            progress=(50, job.progress()),
            attempts=(0, job.attempts_made),
        )
        if job_id not in notes.ids:
            found.append(f"{job_id} never ran")
        rows = queue.get_job_logs(job_id)["logs"]
        if not 1 <= len(rows) <= notes.ids.count(job_id):
            found.append(f"{job_id} has the log {rows} after {notes.ids.count(job_id)} runs")
    return found


# Failure, with and without another attempt


def fails_twice(job: Job) -> Any:
    if job.attempts_made < 2:
        raise RuntimeError(f"boom {job.attempts_made}")
    return "ok"


def fails(job: Job) -> Any:
    raise RuntimeError(f"boom {job.attempts_made}")


def verify_retried(queue: Queue, notes: Notes) -> list[str]:
    job = queue.get_job("r")
    if job is None:
        return ["the job is missing"]
    return [
        *wrong(
            state=("completed", job.get_state()),
            result=("ok", job.returnvalue),
            attempts=(2, job.attempts_made),
            reason=("boom 1", job.failed_reason),
            traces=(2, len(job.stacktrace)),
        ),
        *([] if len(notes.ids) >= 3 else [f"only {len(notes.ids)} runs"]),
    ]


def verify_failed(queue: Queue, notes: Notes) -> list[str]:
    job = queue.get_job("f")
    if job is None:
        return ["the job is missing"]
    return [
        *wrong(
            state=("failed", job.get_state()),
            attempts=(2, job.attempts_made),
            reason=("boom 1", job.failed_reason),
            traces=(2, len(job.stacktrace)),
        ),
        *([] if len(notes.ids) >= 2 else [f"only {len(notes.ids)} runs"]),
    ]


# Delay


def verify_delayed(queue: Queue, notes: Notes) -> list[str]:
    found = []
    for job_id, delay in (("d1", 80), ("d2", 80), ("d3", 160)):
        job = queue.get_job(job_id)
        if job is None:
            found.append(f"{job_id} is missing")
            continue
        found += wrong(state=("completed", job.get_state()))
        starts = [ms for started, ms in notes.starts if started == job_id]
        if not starts:
            found.append(f"{job_id} never ran")
        elif min(starts) < job.timestamp + delay:
            found.append(f"{job_id} ran {job.timestamp + delay - min(starts)} ms early")
    return found


def add_delayed(queue: Queue) -> None:
    queue.add("d", {}, job_id="d1", delay=80)
    queue.add("d", {}, job_id="d2", delay=80, priority=1)
    queue.add("d", {}, job_id="d3", delay=160)
