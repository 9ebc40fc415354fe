"""What may be done to jobs from the dashboard. Each is a POST at rq-dashboard's own address.

A job of ours is removed and retried by the library, which takes its logs and its priority with it and tells
the listeners; a job of plain RQ by RQ.
"""

from __future__ import annotations

from typing import Any

from flask import request
from rq import requeue_job
from rq.exceptions import InvalidJobOperation, NoSuchJobError
from werkzeug.exceptions import MethodNotAllowed

from bthwani_jobs.errors import JobLocked, NotRetriable
from web.dashboard.data import QUEUED, shown
from web.problems import Problem


def delete(job_id: str) -> dict[str, Any]:
    """Raises ``job_not_found``, and ``job_active`` for a running job of ours."""
    job = shown().bull(job_id)
    if job is None:
        shown().rq(job_id).delete()
        return {"status": "OK"}
    try:
        job.remove()
    except JobLocked:
        raise Problem("job_active") from None
    return {"status": "OK"}


def requeue(job_id: str) -> dict[str, Any]:
    """Run a failed job again. Raises ``job_not_found``, and ``job_state`` for one that has not failed."""
    job = shown().bull(job_id)
    try:
        if job is not None:
            job.retry()
        else:
            requeue_job(job_id, connection=shown().redis)
    except NoSuchJobError:
        raise Problem("job_not_found") from None
    except (NotRetriable, InvalidJobOperation):
        raise Problem("job_state") from None
    return {"status": "OK"}


def requeue_all(queue_name: str) -> dict[str, Any]:
    """Run every failed job of the queue again; rq-dashboard would do so on a GET."""
    if request.method != "POST":
        raise MethodNotAllowed(valid_methods=["POST"])
    return {"status": "OK", "count": _each(queue_name, "failed", requeue)}


def empty(queue_name: str, registry_name: str) -> dict[str, Any]:
    """Delete every job of the list, except those that are running."""
    return {"status": "OK", "count": _each(queue_name, registry_name, delete)}


def compact(queue_name: str) -> dict[str, Any]:
    """Take ids whose job is gone off the waiting list. Raises ``queue_empty``.

    rq-dashboard moves the list away and copies it back one by one: if it dies half-way, jobs are lost.
    """
    found = shown().ids(queue_name, QUEUED)
    if not found:
        raise Problem("queue_empty")
    return {"status": "OK", "count": shown().drop_missing(queue_name, found)}


def _each(queue_name: str, registry_name: str, action: Any) -> int:
    """Do ``action`` to all jobs that are listed now; how many it could be done to."""
    done = 0
    for job_id in shown().ids(queue_name, registry_name):
        try:
            action(job_id)
            done += 1
        except Problem:
            pass  # it has moved on, or is running
    return done
