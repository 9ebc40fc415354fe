"""One order through the real engine and a real Redis, with the handlers as a worker loads them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from bthwani_jobs import Job
from processors import contracts, emails, notifications, orders, reports
from processors.records import AnalyticsEvent, Commission, Invoice, Notification, Order, SentEmail
from processors.resources import Resources, use
from tests.support.waiting import wait_until

HANDLERS = (notifications.notifications, emails.emails, orders.orders, reports.reports)


@pytest.fixture
def running(
    have: Resources, make_queue: Callable[..., Any], run_worker: Callable[..., Any]
) -> Iterator[Resources]:
    """A worker on the four queues; failed attempts are repeated after ten milliseconds."""
    options = {"attempts": 3, "backoff": {"type": "exponential", "delay": 10}}
    queues = {name: make_queue(name, default_job_options=options) for name in contracts.QUEUES}
    use(replace(have, queues=queues))
    run_worker(*HANDLERS)
    yield replace(have, queues=queues)


def _finish(*jobs: Job) -> list[Any]:
    return [job.finished(timeout=10_000) for job in jobs]


def test_an_order_is_processed_and_confirmed(running: Resources, make_order: Callable[..., Order]) -> None:
    order, queues = make_order(), running.queues
    whose = {"orderId": order.id, "userId": order.user_id}
    (processed,) = _finish(queues["orders"].add("process-order", {**whose, "totalAmount": order.total_minor}))
    assert processed == {"orderId": order.id, "status": "processed", "refusalReason": None}
    _finish(
        queues["notifications"].add("send-order-update", {**whose, "status": "confirmed"}),
        queues["emails"].add("send-order-confirmation", {"orderId": order.id, "email": "salma@example.com"}),
        queues["orders"].add("generate-invoice", whose),
        queues["orders"].add(
            "calculate-commission", {**whose, "amount": order.total_minor, "marketerId": None}
        ),
        queues["orders"].add(
            "update-analytics", {"orderId": order.id, "eventType": "order_confirmed", "data": {}}
        ),
    )
    wait_until(lambda: queues["notifications"].get_completed_count() == 3)
    with running.database.reading() as session:
        counts = [session.query(kind).count() for kind in (Invoice, Commission, AnalyticsEvent, SentEmail)]
        assert (counts, session.query(Notification).count()) == ([1, 1, 1, 1], 3)
    assert [queue.get_failed_count() for queue in queues.values()] == [0, 0, 0, 0]


def test_a_refused_order_completes_at_its_first_attempt(
    running: Resources, make_order: Callable[..., Order]
) -> None:
    order = make_order({"DATES-SOLD-OUT": 1})
    data = {"orderId": order.id, "userId": order.user_id}
    job = running.queues["orders"].add("process-order", data)
    assert _finish(job)[0]["refusalReason"] == "out_of_stock"
    stored = running.queues["orders"].get_job(job.id)
    assert (stored.get_state(), stored.failed_reason, stored.progress()) == ("completed", None, 100)


def test_a_busy_mailbox_takes_the_third_attempt(running: Resources, caplog: pytest.LogCaptureFixture) -> None:
    data = {"to": "busy-2@example.com", "subject": "عرض خاص", "body": "خصم ١٠٪"}
    job = running.queues["emails"].add("send-email", data)
    (result,) = _finish(job)
    assert result["file"].endswith(".eml")
    stored = running.queues["emails"].get_job(job.id)
    assert stored.attempts_made == 2
    assert [trace.count("mailbox busy") > 0 for trace in stored.stacktrace] == [True, True]
    assert (
        sum(
            "mailbox busy" in line.getMessage() for line in caplog.records if line.name == "processors.emails"
        )
        == 2
    )


def test_data_that_does_not_fit_fails_at_once(running: Resources) -> None:
    job = running.queues["notifications"].add("send-reminder", {"userId": 1})
    wait_until(job.is_failed)
    stored = running.queues["notifications"].get_job(job.id)
    assert "message" in stored.failed_reason and len(stored.stacktrace) == 1


def test_the_repeated_jobs_do_their_work(running: Resources) -> None:
    queue = running.queues["reports"]
    report, cleaned = _finish(queue.add("daily-report", {}), queue.add("cleanup-cache", {}))
    assert report["orders"] == 0 and cleaned["removedFiles"] == 0
