from __future__ import annotations

import hashlib
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from processors.contracts import CalculateCommission, GenerateInvoice, ProcessOrder, UpdateAnalytics
from processors.gateways.payments import WalletPayments
from processors.lookups import NotFound, NotPaid
from processors.money import share
from processors.orders import (
    COMMISSION_BASIS_POINTS,
    calculate_commission,
    generate_invoice,
    process_order,
    update_analytics,
)
from processors.records import (
    AnalyticsEvent,
    Commission,
    Invoice,
    Order,
    OrderStatus,
    Product,
    User,
    WalletEntry,
)
from processors.resources import Resources, build, use
from processors.settings import Settings
from tests.processors.conftest import FakeJob, add_user, at_once, job_of, place_order

MakeOrder = Callable[..., Order]


def _processing(order: Order, **values: Any) -> FakeJob:
    data = {"orderId": order.id, "userId": order.user_id, "totalAmount": order.total_minor}
    return job_of("process-order", ProcessOrder, data, **values)


def _stock(have: Resources) -> dict[str, int]:
    with have.database.reading() as session:
        return {product.sku: product.stock for product in session.query(Product)}


def _balance(have: Resources, user_id: int) -> int:
    with have.database.reading() as session:
        user = session.get(User, user_id)
    assert user is not None
    return user.wallet_balance_minor


def _order(have: Resources, order_id: int) -> Order:
    with have.database.reading() as session:
        order = session.get(Order, order_id)
    assert order is not None
    return order


def test_stock_and_money_are_taken_once(have: Resources, make_order: MakeOrder) -> None:
    before, order = _stock(have), make_order()
    results = at_once(4, lambda: process_order(_processing(order)))
    results.append(process_order(_processing(order)))
    after = _stock(have)
    assert after["HONEY-SIDR-500"] == before["HONEY-SIDR-500"] - 2
    assert after["BREAD-MULAWAH-5"] == before["BREAD-MULAWAH-5"] - 3
    assert _balance(have, order.user_id) == 10_000_000 - order.total_minor
    assert _order(have, order.id).status is OrderStatus.PROCESSED
    assert results == [{"orderId": order.id, "status": "processed", "refusalReason": None}] * 5


def test_customer_and_merchant_are_told_once(have: Resources, make_order: MakeOrder) -> None:
    order = make_order()
    for _ in range(2):
        process_order(_processing(order))
    queue: Any = have.queues["notifications"]
    assert queue.named("send-order-update") == [
        {"orderId": order.id, "userId": order.user_id, "status": "processed"}
    ]
    (merchant,) = queue.named("send-notification")
    assert merchant["type"] == "merchant-order" and merchant["userId"] != order.user_id


@pytest.mark.parametrize(
    ("quantities", "reason"),
    [
        ({"HONEY-SIDR-500": 1, "DATES-SOLD-OUT": 1}, "out_of_stock"),
        ({"HONEY-SIDR-500": 30}, "insufficient_funds"),
    ],
)
def test_a_refused_order_takes_nothing_and_completes(
    have: Resources, make_order: MakeOrder, quantities: dict[str, int], reason: str
) -> None:
    before, order = _stock(have), make_order(quantities)
    results = [process_order(_processing(order)) for _ in range(2)]
    assert results == [{"orderId": order.id, "status": "refused", "refusalReason": reason}] * 2
    assert _order(have, order.id).refusal_reason == reason
    assert (_stock(have), _balance(have, order.user_id)) == (before, 10_000_000)
    queue: Any = have.queues["notifications"]
    assert [data["status"] for data in queue.named("send-order-update")] == ["refused"]
    assert not queue.named("send-notification")


def test_the_last_piece_is_sold_once(have: Resources) -> None:
    with have.database.transaction() as session:
        session.query(Product).where(Product.sku == "MANDI-LAMB-FAMILY").update({"stock": 3})
    buyers = [add_user(have.database, f"{i}@example.com", wallet_balance_minor=10**9) for i in range(5)]
    waiting = [place_order(have.database, buyer.id, {"MANDI-LAMB-FAMILY": 1}) for buyer in buyers]
    orders = list(waiting)
    results = at_once(5, lambda: process_order(_processing(orders.pop())))
    assert sorted(result["status"] for result in results) == ["processed"] * 3 + ["refused"] * 2
    assert _stock(have)["MANDI-LAMB-FAMILY"] == 0
    with have.database.reading() as session:
        assert session.query(WalletEntry).count() == 3


def test_one_wallet_cannot_pay_two_orders_at_once(have: Resources) -> None:
    buyer = add_user(have.database, "poor@example.com", wallet_balance_minor=1_400_000)
    orders = [place_order(have.database, buyer.id, {"MANDI-LAMB-FAMILY": 1}) for _ in range(3)]
    results = at_once(3, lambda: process_order(_processing(orders.pop())))
    assert sorted(result["refusalReason"] or "" for result in results) == ["", *["insufficient_funds"] * 2]
    assert _balance(have, buyer.id) == 0


def test_a_run_killed_after_reserving_has_reserved_nothing(
    have: Resources, make_order: MakeOrder, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, order = _stock(have), make_order()
    with monkeypatch.context() as patch:
        patch.setattr(have.payments, "take", _die)
        with pytest.raises(KeyboardInterrupt):
            process_order(_processing(order))
    assert _stock(have) == before
    assert _order(have, order.id).status is OrderStatus.PROCESSING
    assert process_order(_processing(order))["status"] == "processed"


class _KilledAfterPaying(WalletPayments):
    def take(self, session: Session, order: Order) -> bool:
        super().take(session, order)
        os.kill(os.getpid(), signal.SIGKILL)
        return True


def _process_and_be_killed(data_dir: str, order_id: int, user_id: int) -> None:
    have = build(Settings.from_env({"DATA_DIR": data_dir}))
    use(replace(have, payments=_KilledAfterPaying()))
    process_order(job_of("process-order", ProcessOrder, {"orderId": order_id, "userId": user_id}))


def test_a_process_killed_after_paying_has_paid_nothing(have: Resources, make_order: MakeOrder) -> None:
    before, order = _stock(have), make_order()
    arguments = (str(have.settings.data_dir), order.id, order.user_id)
    process = get_context("spawn").Process(target=_process_and_be_killed, args=arguments)
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert (_stock(have), _balance(have, order.user_id)) == (before, 10_000_000)
    assert process_order(_processing(order))["status"] == "processed"
    assert _balance(have, order.user_id) == 10_000_000 - order.total_minor


def test_a_run_killed_before_telling_tells_when_it_runs_again(
    have: Resources, make_order: MakeOrder, monkeypatch: pytest.MonkeyPatch
) -> None:
    order, queue = make_order(), have.queues["notifications"]
    with monkeypatch.context() as patch:
        patch.setattr(queue, "add", _die)
        with pytest.raises(KeyboardInterrupt):
            process_order(_processing(order))
    process_order(_processing(order))
    assert len(queue.added) == 2  # type: ignore[attr-defined]
    assert _balance(have, order.user_id) == 10_000_000 - order.total_minor


def _die(*_args: Any, **_values: Any) -> None:
    raise KeyboardInterrupt


def test_a_late_second_run_leaves_a_confirmation_alone(have: Resources, make_order: MakeOrder) -> None:
    order = make_order(status=OrderStatus.CONFIRMED)
    assert process_order(_processing(order))["status"] == "confirmed"
    assert _order(have, order.id).status is OrderStatus.CONFIRMED
    assert _balance(have, order.user_id) == 10_000_000


def test_an_unknown_order_is_an_error(have: Resources) -> None:
    with pytest.raises(NotFound, match="Expected order 99 in the database, found none"):
        process_order(job_of("process-order", ProcessOrder, {"orderId": 99, "userId": 1}))


def _invoice(order: Order) -> FakeJob:
    return job_of("generate-invoice", GenerateInvoice, {"orderId": order.id, "userId": order.user_id})


def test_an_order_has_one_invoice(have: Resources, paid: Order) -> None:
    results = at_once(3, lambda: generate_invoice(_invoice(paid)))
    results.append(generate_invoice(_invoice(paid)))
    with have.database.reading() as session:
        (invoice,) = session.query(Invoice)
    pdf = Path(invoice.file).read_bytes()
    assert pdf.startswith(b"%PDF-") and hashlib.sha256(pdf).hexdigest() == invoice.sha256
    assert invoice.total_minor == paid.total_minor
    assert results == [{"orderId": paid.id, "number": invoice.number, "file": invoice.file}] * 4


def test_an_order_that_is_not_paid_has_no_invoice(have: Resources, make_order: MakeOrder) -> None:
    with pytest.raises(NotPaid):
        generate_invoice(_invoice(make_order()))
    assert not (have.settings.data_dir / "invoices").exists()


def _commission(order: Order, **changed: Any) -> FakeJob:
    data = {"orderId": order.id, "amount": order.total_minor, "marketerId": order.marketer_id, **changed}
    return job_of("calculate-commission", CalculateCommission, data)


def test_an_order_has_one_commission(have: Resources, make_order: MakeOrder) -> None:
    marketer = add_user(have.database, "marketer@example.com")
    order = make_order(status=OrderStatus.CONFIRMED, marketer_id=marketer.id)
    expected = share(order.total_minor, COMMISSION_BASIS_POINTS)
    results = at_once(3, lambda: calculate_commission(_commission(order)))
    results.append(calculate_commission(_commission(order)))
    assert results == [{"orderId": order.id, "commission": expected}] * 4
    with have.database.reading() as session:
        (row,) = session.query(Commission)
    assert (row.marketer_id, row.amount_minor, row.commission_minor) == (
        marketer.id,
        order.total_minor,
        expected,
    )


@pytest.mark.parametrize("changed", [{"amount": 1}, {"marketerId": 1}])
def test_a_job_that_contradicts_the_order_is_an_error(
    have: Resources, paid: Order, changed: dict[str, int]
) -> None:
    with pytest.raises(ValueError, match=f"Expected amount {paid.total_minor} and marketer None"):
        calculate_commission(_commission(paid, **changed))
    with have.database.reading() as session:
        assert session.query(Commission).count() == 0


def test_an_event_is_counted_once_for_each_type(have: Resources, paid: Order) -> None:
    def job(event_type: str) -> FakeJob:
        data = {"orderId": paid.id, "eventType": event_type, "data": {"amount": paid.total_minor}}
        return job_of("update-analytics", UpdateAnalytics, data)

    results = at_once(4, lambda: update_analytics(job("order_confirmed")))
    results.append(update_analytics(job("order_confirmed")))
    assert [result["isNew"] for result in results].count(True) == 1
    update_analytics(job("order_delivered"))
    with have.database.reading() as session:
        events = session.query(AnalyticsEvent).order_by(AnalyticsEvent.id).all()
    assert [(event.event_type, event.data) for event in events] == [
        ("order_confirmed", {"amount": paid.total_minor}),
        ("order_delivered", {"amount": paid.total_minor}),
    ]
