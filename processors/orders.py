"""Handlers of the queue `orders`: an order's stock and money, its invoice, its commission, its analytics."""

from __future__ import annotations

import hashlib
from typing import Any, cast

from sqlalchemy import CursorResult, select, update
from sqlalchemy.orm import Session

from bthwani_jobs import Job, Processor
from processors import contracts
from processors.database import insert_once
from processors.gateways.invoices import document_for
from processors.gateways.payments import Payments
from processors.lookups import NotFound, order_in_full, paid_order
from processors.money import share
from processors.records import (
    AnalyticsEvent,
    Commission,
    Invoice,
    Order,
    OrderStatus,
    Product,
    RefusalReason,
    User,
    now,
)
from processors.resources import resources
from processors.texts import isolated, text

COMMISSION_BASIS_POINTS = 750

orders = Processor(contracts.ORDERS, concurrency=contracts.SLOTS[contracts.ORDERS])


class _Refused(Exception):
    def __init__(self, reason: RefusalReason) -> None:
        super().__init__(reason)
        self.reason = reason


@orders.process(contracts.PROCESS_ORDER, schema=contracts.ProcessOrder)
def process_order(job: Job) -> dict[str, Any]:
    """Reserve the stock and take the money together, or refuse the order; then tell who waits.

    A refusal is an answer, not a failure: the job completes. A run that finds the order decided only tells
    again, and telling is idempotent.
    """
    have = resources()
    order_id = job.data["order_id"]
    with have.database.transaction() as session:
        _take_up(session, order_id)
    job.progress(20)
    with have.database.transaction() as session:
        order = _locked(session, order_id)
        if order.status is OrderStatus.PROCESSING:
            _decide(session, order, have.payments)
    job.progress(80)
    with have.database.reading() as session:
        order = order_in_full(session, order_id)
        _tell_customer(order)
        _tell_merchants(session, order)
    job.progress(100)
    reason = None if order.refusal_reason is None else str(order.refusal_reason)
    job.log(f"{order.number}: {order.status}" + (f" ({reason})" if reason else ""))
    return {"orderId": order_id, "status": str(order.status), "refusalReason": reason}


@orders.process(contracts.GENERATE_INVOICE, schema=contracts.GenerateInvoice)
def generate_invoice(job: Job) -> dict[str, Any]:
    """The file first, then its row: a row always has its file."""
    have = resources()
    with have.database.reading() as session:
        order = paid_order(session, job.data["order_id"])
    document = document_for(order)
    file = have.invoices.write(document)
    job.progress(50)
    values = {
        "order_id": order.id,
        "number": document.number,
        "total_minor": order.total_minor,
        "file": str(file),
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
    }
    with have.database.transaction() as session:
        insert_once(session, Invoice, **values)
    job.progress(100)
    job.log(f"{document.number} → {file.name}")
    return {"orderId": order.id, "number": document.number, "file": str(file)}


@orders.process(contracts.CALCULATE_COMMISSION, schema=contracts.CalculateCommission)
def calculate_commission(job: Job) -> dict[str, Any]:
    """A share of the order's total, for its marketer. A job that contradicts the database fails."""
    with resources().database.transaction() as session:
        order = paid_order(session, job.data["order_id"])
        if (job.data["amount"], job.data["marketer_id"]) != (order.total_minor, order.marketer_id):
            raise ValueError(
                f"Expected amount {order.total_minor} and marketer {order.marketer_id} as order {order.id} "
                f"has them, found {job.data['amount']} and {job.data['marketer_id']} in the job."
            )
        commission = share(order.total_minor, COMMISSION_BASIS_POINTS)
        values = {
            "order_id": order.id,
            "marketer_id": order.marketer_id,
            "amount_minor": order.total_minor,
            "rate_basis_points": COMMISSION_BASIS_POINTS,
            "commission_minor": commission,
        }
        insert_once(session, Commission, **values)
    return {"orderId": values["order_id"], "commission": commission}


@orders.process(contracts.UPDATE_ANALYTICS, schema=contracts.UpdateAnalytics)
def update_analytics(job: Job) -> dict[str, Any]:
    """One event of a type for each order; later ones change nothing."""
    order_id, event_type = job.data["order_id"], job.data["event_type"]
    with resources().database.transaction() as session:
        order_in_full(session, order_id)
        is_new = insert_once(
            session, AnalyticsEvent, order_id=order_id, event_type=event_type, data=job.data["data"]
        )
    return {"orderId": order_id, "eventType": event_type, "isNew": is_new}


def _locked(session: Session, order_id: int) -> Order:
    order = session.get(Order, order_id, with_for_update=True)
    if order is None:
        raise NotFound(f"Expected order {order_id} in the database, found none.")
    return order


def _take_up(session: Session, order_id: int) -> None:
    """Committed at once, so that whoever asks meanwhile sees that the order is in work."""
    order = _locked(session, order_id)
    if order.status is OrderStatus.PENDING:
        order.status = OrderStatus.PROCESSING


def _decide(session: Session, order: Order, payments: Payments) -> None:
    """The savepoint takes back what was reserved before the item, or the money, that was missing."""
    try:
        with session.begin_nested():
            _reserve(session, order)
            if not payments.take(session, order):
                raise _Refused(RefusalReason.INSUFFICIENT_FUNDS)
    except _Refused as refused:
        order.status, order.refusal_reason = OrderStatus.REFUSED, refused.reason
    else:
        order.status = OrderStatus.PROCESSED
    order.decided_at = now()


def _reserve(session: Session, order: Order) -> None:
    """Products in the order of their ids, so that two orders cannot wait for each other."""
    for item in sorted(order.items, key=lambda item: item.product_id):
        taking = (
            update(Product)
            .where(Product.id == item.product_id, Product.stock >= item.quantity)
            .values(stock=Product.stock - item.quantity)
        )
        if cast("CursorResult[Any]", session.execute(taking)).rowcount == 0:
            raise _Refused(RefusalReason.OUT_OF_STOCK)


def _occasion(order: Order) -> str:
    """Part of a job id: numbers start again in a new database, the moment does not come back."""
    return f"{order.number}-{int(order.created_at.timestamp() * 1000)}"


def _tell_customer(order: Order) -> None:
    """What was decided. A confirmation, which may come before a late second run, is told by who confirms."""
    decision = OrderStatus.PROCESSED if order.refusal_reason is None else OrderStatus.REFUSED
    resources().queues[contracts.NOTIFICATIONS].add(
        contracts.SEND_ORDER_UPDATE,
        {"orderId": order.id, "userId": order.user_id, "status": str(decision)},
        priority=1,
        job_id=f"{decision}-{_occasion(order)}",
    )


def _tell_merchants(session: Session, order: Order) -> None:
    if order.refusal_reason is not None:
        return
    sold = select(Product.merchant_id).where(Product.id.in_([item.product_id for item in order.items]))
    for merchant in session.scalars(select(User).where(User.id.in_(sold)).order_by(User.id)):
        language = merchant.language
        resources().queues[contracts.NOTIFICATIONS].add(
            contracts.SEND_NOTIFICATION,
            {
                "userId": merchant.id,
                "title": text(language, "merchant.title"),
                "body": text(language, "merchant.body", number=isolated(language, order.number)),
                "type": "merchant-order",
                "data": {"orderId": order.id},
            },
            priority=1,
            job_id=f"merchant-{merchant.id}-{_occasion(order)}",
        )
