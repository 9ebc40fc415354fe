from __future__ import annotations

import json
from types import ModuleType

import pytest
from marshmallow import Schema, ValidationError

from processors import contracts, emails, notifications, orders, reports
from processors.settings import Settings
from scheduler.repeatables import REPEATABLES

MODULES = {
    contracts.NOTIFICATIONS: notifications,
    contracts.EMAILS: emails,
    contracts.ORDERS: orders,
    contracts.REPORTS: reports,
}


def test_options_come_from_the_settings() -> None:
    settings = Settings.from_env({"QUEUE_ATTEMPTS": "5", "QUEUE_BACKOFF_DELAY": "250"})
    expected = {"attempts": 5, "backoff": {"type": "exponential", "delay": 250}}
    assert contracts.default_job_options(settings) == expected


def test_the_four_queues_have_their_slots() -> None:
    assert contracts.SLOTS == {"notifications": 4, "orders": 4, "emails": 2, "reports": 1}
    assert set(MODULES) == set(contracts.QUEUES)


def test_data_is_written_in_camel_case_and_read_in_snake_case() -> None:
    data = {"orderId": 7, "userId": "3", "items": [{"productId": 1, "quantity": 2}], "totalAmount": 500}
    assert contracts.ProcessOrder().load(data) == {
        "order_id": 7,
        "user_id": 3,
        "items": [{"product_id": 1, "quantity": 2}],
        "total_amount": 500,
    }


def test_what_a_newer_producer_adds_is_dropped() -> None:
    data = {"orderId": 7, "userId": 3, "orderDetails": {"note": "…"}}
    assert contracts.GenerateInvoice().load(data) == {"order_id": 7, "user_id": 3}


@pytest.mark.parametrize(
    ("schema", "data", "field"),
    [
        (contracts.SendNotification, {"userId": 1, "title": "", "body": "b"}, "title"),
        (contracts.SendOrderUpdate, {"orderId": 1, "userId": 1, "status": "lost"}, "status"),
        (contracts.SendEmail, {"to": "nobody", "subject": "s", "body": "b"}, "to"),
        (contracts.SendEmail, {"to": "a@b.example", "subject": "s\r\nBcc: x", "body": "b"}, "subject"),
        (contracts.SendWelcomeEmail, {"email": "a@b.example", "name": "n", "language": "fr"}, "language"),
        (contracts.CalculateCommission, {"orderId": 1, "amount": -1}, "amount"),
        (contracts.CalculateCommission, {"orderId": 1, "amount": 10.5}, "amount"),
        (contracts.UpdateAnalytics, {"eventType": "x"}, "orderId"),
    ],
)
def test_bad_data_is_refused_by_the_name_it_was_written_under(
    schema: type[Schema], data: dict[str, object], field: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        schema().load(data)
    assert list(caught.value.normalized_messages()) == [field]


@pytest.mark.parametrize("module", MODULES.values())
def test_handlers_have_their_queues_name_and_are_documented(module: ModuleType) -> None:
    queue = next(name for name, candidate in MODULES.items() if candidate is module)
    assert getattr(module, queue).name == queue


def test_the_repeated_jobs_have_a_queue_and_data_that_is_json() -> None:
    assert [(entry.queue, entry.name, entry.repeat) for entry in REPEATABLES] == [
        ("reports", "daily-report", {"cron": "0 0 * * *", "tz": "Asia/Aden"}),
        ("reports", "cleanup-cache", {"every": 3_600_000}),
    ]
    assert json.dumps([entry.data for entry in REPEATABLES]) == "[{}, {}]"
