"""Rows that a handler cannot do without, loaded whole."""

from __future__ import annotations

from sqlalchemy.orm import Session, joinedload, selectinload

from processors.records import Order, OrderStatus, User

PAID = {OrderStatus.PROCESSED, OrderStatus.CONFIRMED}


class NotFound(LookupError):
    """A job names a row that the database does not have."""


class NotPaid(RuntimeError):
    """A job needs an order whose stock is reserved and whose money is taken."""


def order_in_full(session: Session, order_id: int) -> Order:
    """With its items and its customer, readable after the session. Raises `NotFound`."""
    order = session.get(Order, order_id, options=[selectinload(Order.items), joinedload(Order.user)])
    if order is None:
        raise NotFound(f"Expected order {order_id} in the database, found none.")
    return order


def paid_order(session: Session, order_id: int) -> Order:
    """Raises `NotFound` or `NotPaid`."""
    order = order_in_full(session, order_id)
    if order.status not in PAID:
        raise NotPaid(f"Expected order {order_id} to be processed or confirmed, found it {order.status}.")
    return order


def language_of(session: Session, user_id: int) -> str:
    """Raises `NotFound`."""
    user = session.get(User, user_id)
    if user is None:
        raise NotFound(f"Expected user {user_id} in the database, found none.")
    return user.language
