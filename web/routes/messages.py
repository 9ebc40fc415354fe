"""The inbox, reminders, and mail written by an administrator."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from web import schemas
from web.routes.context import administrator, body, caller, services
from web.routes.jobs import job_answer

blueprint = Blueprint("messages", __name__)


@blueprint.get("/notifications")
def inbox() -> dict[str, Any]:
    rows = services().messaging.inbox(caller())
    return {"notifications": schemas.NotificationAnswer(many=True).dump(rows)}


@blueprint.post("/reminders")
def remind() -> tuple[dict[str, Any], int]:
    user = caller()
    reminder = body(schemas.ReminderRequest())
    job = services().messaging.remind(user, reminder["message"], reminder["delay"])
    return {"job": job_answer(job)}, 202


@blueprint.post("/emails")
def send_email() -> tuple[dict[str, Any], int]:
    administrator()
    return {"job": job_answer(services().messaging.send_email(body(schemas.EmailRequest())))}, 202
