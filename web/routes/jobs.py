"""The queues and their jobs."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from bthwani_jobs import Job
from web import schemas
from web.routes.context import administrator, caller, services

blueprint = Blueprint("jobs", __name__)


@blueprint.get("/queues")
def queues() -> dict[str, Any]:
    caller()
    return {"queues": schemas.QueueAnswer(many=True).dump(services().queues.all())}


@blueprint.get("/queues/<queue_name>/jobs/<path:job_id>")
def job(queue_name: str, job_id: str) -> dict[str, Any]:
    administrator()
    return {"job": services().queues.job_view(queue_name, job_id)}


def job_answer(job: Job) -> dict[str, Any]:
    """How to find a job again."""
    return {"queue": job.queue.name, "id": job.id, "name": job.name}
