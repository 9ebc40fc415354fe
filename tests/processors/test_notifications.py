from __future__ import annotations

import json
from typing import Any

import pytest

from processors.contracts import SendNotification, SendOrderUpdate, SendReminder
from processors.gateways.push import PushMessage
from processors.lookups import NotFound
from processors.notifications import send_notification, send_order_update, send_reminder
from processors.records import Notification, Order, OrderStatus, RefusalReason, User
from processors.resources import Resources
from processors.texts import isolated, refusal
from tests.processors.conftest import FakeJob, add_user, at_once, job_of


def _inbox(have: Resources) -> list[Notification]:
    with have.database.reading() as session:
        return session.query(Notification).order_by(Notification.id).all()


def _pushed(have: Resources) -> list[dict[str, Any]]:
    files = sorted((have.settings.data_dir / "push").glob("*.json"))
    return [json.loads(file.read_text("utf-8")) for file in files]


def _greeting(user: User, **values: Any) -> FakeJob:
    data = {
        "userId": user.id,
        "title": "تم إنشاء طلبك",
        "body": "طلب رقم 7",
        "type": "order",
        "data": {"orderId": 7},
    }
    return job_of("send-notification", SendNotification, data, **values)


def test_a_notification_is_one_row_and_one_push(have: Resources, customer: User) -> None:
    send_notification(_greeting(customer))
    (notice,) = _inbox(have)
    assert (notice.user_id, notice.title, notice.type, notice.data) == (
        customer.id,
        "تم إنشاء طلبك",
        "order",
        {"orderId": 7},
    )
    assert notice.pushed_at is not None
    assert [(push["title"], push["user_id"]) for push in _pushed(have)] == [("تم إنشاء طلبك", customer.id)]


def test_running_again_adds_nothing(have: Resources, customer: User) -> None:
    results = [send_notification(_greeting(customer)) for _ in range(2)]
    results += at_once(4, lambda: send_notification(_greeting(customer)))
    assert len(_inbox(have)) == len(_pushed(have)) == 1
    assert results == [{"notificationId": _inbox(have)[0].id}] * 6


def test_the_first_runs_may_coincide(have: Resources, customer: User) -> None:
    at_once(4, lambda: send_notification(_greeting(customer)))
    assert len(_inbox(have)) == len(_pushed(have)) == 1


def test_a_run_killed_before_the_push_is_made_good(
    have: Resources, customer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(have.push, "deliver", _die)
        with pytest.raises(KeyboardInterrupt):
            send_notification(_greeting(customer))
    send_notification(_greeting(customer))
    assert len(_inbox(have)) == len(_pushed(have)) == 1


def _die(_message: PushMessage) -> None:
    raise KeyboardInterrupt


def test_a_namesake_in_a_wiped_queue_is_another_job(have: Resources, customer: User) -> None:
    send_notification(_greeting(customer))
    send_notification(_greeting(customer, timestamp=5))
    assert len(_inbox(have)) == 2


def _update(order: Order, status: str, **values: Any) -> FakeJob:
    data = {"orderId": order.id, "status": status, "userId": order.user_id}
    return job_of("send-order-update", SendOrderUpdate, data, **values)


def test_one_notice_for_each_status_of_an_order(have: Resources, paid: Order) -> None:
    send_order_update(_update(paid, "confirmed"))
    at_once(3, lambda: send_order_update(_update(paid, "confirmed", id="2")))
    send_order_update(_update(paid, "processed", id="3"))
    assert [notice.data["status"] for notice in _inbox(have)] == ["confirmed", "processed"]
    assert isolated("ar", paid.number) in _inbox(have)[0].body


def test_a_refused_customer_reads_why_in_their_language(have: Resources, make_order: Any) -> None:
    reader = add_user(have.database, "john@example.com", language="en")
    reason = RefusalReason.OUT_OF_STOCK
    order = make_order(status=OrderStatus.REFUSED, refusal_reason=reason)
    send_order_update(
        job_of(
            "send-order-update",
            SendOrderUpdate,
            {"orderId": order.id, "status": "refused", "userId": reader.id},
        )
    )
    assert refusal("en", reason) in _inbox(have)[0].body


def test_a_reminder_is_sent_once(have: Resources, customer: User) -> None:
    job = job_of("send-reminder", SendReminder, {"userId": customer.id, "message": "لا تنسَ إكمال طلبك!"})
    at_once(3, lambda: send_reminder(job))
    send_reminder(job)
    (notice,) = _inbox(have)
    assert (notice.title, notice.body, notice.type) == ("تذكير", "لا تنسَ إكمال طلبك!", "reminder")


def test_an_unknown_reader_is_an_error(have: Resources) -> None:
    with pytest.raises(NotFound, match="Expected user 99"):
        send_reminder(job_of("send-reminder", SendReminder, {"userId": 99, "message": "x"}))
    assert not _inbox(have)
