"""Orders: placing one, confirming it, and what its background jobs have made of it so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from bthwani_jobs import Job, Queue
from processors import contracts
from processors.database import Database
from processors.records import (
    AnalyticsEvent,
    Base,
    Commission,
    Invoice,
    Notification,
    Order,
    OrderItem,
    OrderStatus,
    Product,
    RefusalReason,
    SentEmail,
    User,
    now,
)
from processors.texts import refusal
from web.messages import LANGUAGES
from web.problems import Problem
from web.services.adding import UNREACHABLE, add_job

Row = TypeVar("Row", bound=Base)

#: Seconds a client should wait before it confirms an order that is still in work.
RETRY_AFTER_SECONDS = 1
#: The same, when the queues cannot be reached.
UNREACHABLE_SECONDS = 5


@dataclass(frozen=True)
class Line:
    """One wish: so many of a product."""

    product_id: int
    quantity: int


@dataclass(frozen=True)
class Outcome:
    """What the jobs of an order have left in the database."""

    invoice: Invoice | None
    commission: Commission | None
    analytics: list[AnalyticsEvent]
    notifications: list[Notification]
    emails: list[SentEmail]


class Orders:
    """Bull's document calls this OrderService; the queues are its three injected ones.

    Jobs are added after the commit, so no worker can meet an order that is not there, and under ids made from
    the order, so adding them again (a double click, a retry after a crash) adds nothing.
    """

    def __init__(self, database: Database, queues: Mapping[str, Queue]) -> None:
        self._database = database
        self._notifications = queues[contracts.NOTIFICATIONS]
        self._emails = queues[contracts.EMAILS]
        self._orders = queues[contracts.ORDERS]

    def create(
        self, user: User, lines: list[Line], *, delivery_address: str = "", marketer_id: int | None = None
    ) -> tuple[Order, list[Job]]:
        """Store the order at today's prices, then add ``send-notification`` and ``process-order``.

        Raises ``product_not_found``, ``user_not_found`` for the marketer, and ``order_not_started``.
        """
        with self._database.transaction() as session:
            if marketer_id is not None and session.get(User, marketer_id) is None:
                raise Problem("user_not_found")
            items = _priced(session, lines)
            order = Order(
                user_id=user.id,
                marketer_id=marketer_id,
                delivery_address=delivery_address,
                total_minor=sum(item.line_minor for item in items),
                items=items,
            )
            session.add(order)
            session.flush()
            order_id = order.id
        order = self._stored(order_id)
        try:
            return order, self._add_first_jobs(order)
        except UNREACHABLE:
            # Whoever places it again would have two; confirming it adds what is missing.
            raise Problem(
                "order_not_started", {"orderId": order_id}, retry_after=UNREACHABLE_SECONDS
            ) from None

    def get(self, user: User, order_id: int) -> tuple[Order, Outcome]:
        """The order and its results; other people's orders exist for administrators only."""
        order = self._visible(user, order_id)
        with self._database.reading() as session:
            return order, _outcome(session, order)

    def confirm(self, user: User, order_id: int) -> tuple[Order, list[Job]]:
        """Confirm a processed order, then add its five jobs. Confirming again answers the same.

        Raises ``order_in_progress`` and ``order_refused``.
        """
        self._visible(user, order_id)
        with self._database.transaction() as session:
            order = session.get_one(Order, order_id)
            if order.status == OrderStatus.PROCESSED:
                order.status = OrderStatus.CONFIRMED
                order.confirmed_at = now()
            status, reason = order.status, order.refusal_reason
        order = self._stored(order_id)
        if status == OrderStatus.REFUSED:
            raise _refused(reason)
        if status != OrderStatus.CONFIRMED:
            self._add_first_jobs(
                order
            )  # there already, unless the commit came through and the adding did not
            raise Problem("order_in_progress", {"status": status}, retry_after=RETRY_AFTER_SECONDS)
        return order, self._add_confirmation_jobs(order)

    def _visible(self, user: User, order_id: int) -> Order:
        order = self._stored(order_id)
        if order.user_id != user.id and not user.is_admin:
            raise Problem("order_not_found")
        return order

    def _stored(self, order_id: int) -> Order:
        with self._database.reading() as session:
            wanted = select(Order).where(Order.id == order_id)
            order = session.scalars(
                wanted.options(selectinload(Order.items), selectinload(Order.user))
            ).one_or_none()
        if order is None:
            raise Problem("order_not_found")
        return order

    def _add_first_jobs(self, order: Order) -> list[Job]:
        return [self._add_created_notification(order), self._add_processing(order)]

    def _add_created_notification(self, order: Order) -> Job:
        title, body = (
            ("تم إنشاء طلبك", f"طلب رقم {order.number} تم إنشاؤه بنجاح")
            if order.user.language == "ar"
            else ("Your order was placed", f"Order {order.number} was placed successfully")
        )
        data = {
            "userId": order.user_id,
            "title": title,
            "body": body,
            "type": "order",
            "data": {"orderId": order.id},
        }
        return _add(self._notifications, contracts.SEND_NOTIFICATION, order, data, priority=1)

    def _add_processing(self, order: Order) -> Job:
        items = [{"productId": item.product_id, "quantity": item.quantity} for item in order.items]
        data = {
            "orderId": order.id,
            "userId": order.user_id,
            "items": items,
            "totalAmount": order.total_minor,
        }
        return _add(self._orders, contracts.PROCESS_ORDER, order, data)

    def _add_confirmation_jobs(self, order: Order) -> list[Job]:
        whose: dict[str, Any] = {"orderId": order.id, "userId": order.user_id}
        commission = {"orderId": order.id, "amount": order.total_minor, "marketerId": order.marketer_id}
        event = {
            "orderId": order.id,
            "eventType": "order_confirmed",
            "data": {"amount": order.total_minor},
        }
        mail = {"orderId": order.id, "email": order.user.email}
        return [
            _add(
                self._notifications,
                contracts.SEND_ORDER_UPDATE,
                order,
                {**whose, "status": "confirmed"},
                priority=1,
            ),
            _add(self._emails, contracts.SEND_ORDER_CONFIRMATION, order, mail),
            _add(self._orders, contracts.GENERATE_INVOICE, order, whose),
            _add(self._orders, contracts.CALCULATE_COMMISSION, order, commission),
            _add(self._orders, contracts.UPDATE_ANALYTICS, order, event),
        ]


def _add(queue: Queue, name: str, order: Order, data: dict[str, Any], **options: Any) -> Job:
    # With the order's time of birth: numbers start again in a new database, and the queues may be older.
    born = int(order.created_at.timestamp() * 1000)
    return add_job(queue, name, data, job_id=f"{name}-{order.number}-{born}", **options)


def _refused(reason: RefusalReason | None) -> Problem:
    sentences = {language: refusal(language, reason) if reason else "" for language in LANGUAGES}
    return Problem("order_refused", {"reason": reason}, reason=sentences)


def _priced(session: Session, lines: list[Line]) -> list[OrderItem]:
    wanted = {line.product_id for line in lines}
    products = {row.id: row for row in session.scalars(select(Product).where(Product.id.in_(wanted)))}
    unknown = sorted(wanted - products.keys())
    if unknown:
        raise Problem("product_not_found", {"productIds": unknown})
    return [
        OrderItem(
            product_id=line.product_id,
            name_ar=products[line.product_id].name_ar,
            name_en=products[line.product_id].name_en,
            quantity=line.quantity,
            unit_price_minor=products[line.product_id].price_minor,
        )
        for line in lines
    ]


def _outcome(session: Session, order: Order) -> Outcome:
    of_order = Notification.data["orderId"].as_integer() == order.id
    mailed = (SentEmail.recipient == order.user.email, SentEmail.subject.contains(order.number))
    return Outcome(
        invoice=session.get(Invoice, order.id),
        commission=session.get(Commission, order.id),
        analytics=_rows(session, AnalyticsEvent, AnalyticsEvent.order_id == order.id),
        notifications=_rows(session, Notification, Notification.user_id == order.user_id, of_order),
        emails=_rows(session, SentEmail, *mailed),
    )


def _rows(session: Session, model: type[Row], *conditions: Any) -> list[Row]:
    return list(session.scalars(select(model).where(*conditions)))
