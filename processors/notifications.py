"""Handlers of the queue `notifications`: one inbox row and one push a job, however often it runs."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select, update

from bthwani_jobs import Job, Processor
from processors import contracts
from processors.database import insert_once
from processors.gateways.push import PushMessage
from processors.lookups import language_of, order_in_full
from processors.records import Notification, OrderStatus, now
from processors.resources import resources
from processors.texts import order_update, text

notifications = Processor(contracts.NOTIFICATIONS, concurrency=contracts.SLOTS[contracts.NOTIFICATIONS])


@notifications.process(contracts.SEND_NOTIFICATION, schema=contracts.SendNotification)
def send_notification(job: Job) -> dict[str, Any]:
    data = job.data
    return _notify(
        _key_of(job),
        user_id=data["user_id"],
        type=data["type"],
        title=data["title"],
        body=data["body"],
        data=data["data"],
    )


@notifications.process(contracts.SEND_ORDER_UPDATE, schema=contracts.SendOrderUpdate)
def send_order_update(job: Job) -> dict[str, Any]:
    """One notice for each status of an order, whoever asks for it and how often."""
    order_id, user_id = job.data["order_id"], job.data["user_id"]
    status = OrderStatus(job.data["status"])
    with resources().database.reading() as session:
        order = order_in_full(session, order_id)
        language = language_of(session, user_id)
    title, body = order_update(language, order.number, status, order.refusal_reason)
    values = {"orderId": order_id, "status": str(status)}
    return _notify(
        f"order-{order_id}-{status}", user_id=user_id, type="order", title=title, body=body, data=values
    )


@notifications.process(contracts.SEND_REMINDER, schema=contracts.SendReminder)
def send_reminder(job: Job) -> dict[str, Any]:
    user_id = job.data["user_id"]
    with resources().database.reading() as session:
        title = text(language_of(session, user_id), "reminder.title")
    return _notify(
        _key_of(job), user_id=user_id, type="reminder", title=title, body=job.data["message"], data={}
    )


def _key_of(job: Job) -> str:
    """Ids start again when a queue is wiped; with its time of birth a job is told from its namesake."""
    return f"job-{job.id}-{job.timestamp}"


def _notify(key: str, **row: Any) -> dict[str, Any]:
    """The inbox row, then the push, then a note that it left: a run killed in between pushes again."""
    have = resources()
    with have.database.transaction() as session:
        insert_once(session, Notification, key=key, **row)
        notice = session.scalars(select(Notification).where(Notification.key == key)).one()
        notice_id, pushed_at = notice.id, notice.pushed_at
    if pushed_at is None:
        message = {name: row[name] for name in ("user_id", "title", "body", "data")}
        have.push.deliver(PushMessage(id=key, **message))
        with have.database.transaction() as session:
            session.execute(update(Notification).where(Notification.id == notice_id).values(pushed_at=now()))
    return {"notificationId": notice_id}
