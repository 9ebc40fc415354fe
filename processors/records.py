"""The application's tables. Money is whole numbers of minor units; instants are UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import JSON, CheckConstraint, Enum, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from processors.database import UtcDateTime

CURRENCY = "YER"


class OrderStatus(StrEnum):
    PENDING = "pending"
    #: a worker has taken it up, but neither reserved nor refused it
    PROCESSING = "processing"
    PROCESSED = "processed"
    REFUSED = "refused"
    CONFIRMED = "confirmed"


class RefusalReason(StrEnum):
    """Why an order ended; `processors.texts` has the sentence in both languages."""

    OUT_OF_STOCK = "out_of_stock"
    INSUFFICIENT_FUNDS = "insufficient_funds"


def now() -> datetime:
    return datetime.now(UTC)


def _as_text(kind: type[StrEnum]) -> Enum:
    return Enum(kind, native_enum=False, length=40, values_callable=lambda members: [str(m) for m in members])


class Base(DeclarativeBase):
    type_annotation_map: ClassVar = {
        datetime: UtcDateTime,
        dict[str, Any]: JSON,
        OrderStatus: _as_text(OrderStatus),
        RefusalReason: _as_text(RefusalReason),
    }


class User(Base):
    __tablename__ = "users"
    __table_args__ = (CheckConstraint("wallet_balance_minor >= 0", name="wallet_not_negative"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    #: kept in lower case by whoever writes it
    email: Mapped[str] = mapped_column(unique=True)
    full_name: Mapped[str]
    phone: Mapped[str | None]
    password_hash: Mapped[str]
    #: "ar" or "en": the language of this user's mail and notifications
    language: Mapped[str] = mapped_column(String(2), default="ar")
    is_admin: Mapped[bool] = mapped_column(default=False)
    wallet_balance_minor: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=now)


class Product(Base):
    __tablename__ = "products"
    __table_args__ = (CheckConstraint("stock >= 0", name="stock_not_negative"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    sku: Mapped[str] = mapped_column(unique=True)
    name_ar: Mapped[str]
    name_en: Mapped[str]
    price_minor: Mapped[int]
    stock: Mapped[int] = mapped_column(default=0)
    #: the merchant who is told of sold orders
    merchant_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))


class Order(Base):
    __tablename__ = "orders"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    #: who brought the customer; None: the platform itself
    marketer_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    status: Mapped[OrderStatus] = mapped_column(default=OrderStatus.PENDING)
    refusal_reason: Mapped[RefusalReason | None]
    total_minor: Mapped[int]
    delivery_address: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime] = mapped_column(default=now, index=True)
    #: when it was processed or refused
    decided_at: Mapped[datetime | None]
    confirmed_at: Mapped[datetime | None]

    user: Mapped[User] = relationship(foreign_keys=[user_id])
    items: Mapped[list[OrderItem]] = relationship(back_populates="order", order_by="OrderItem.id")

    @property
    def number(self) -> str:
        """The number a customer reads."""
        return f"BTH-{self.id:06d}"


class OrderItem(Base):
    """One line of an order, with the price and names of the day it was placed."""

    __tablename__ = "order_items"
    __table_args__ = (CheckConstraint("quantity > 0", name="quantity_positive"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), index=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("products.id"))
    name_ar: Mapped[str]
    name_en: Mapped[str]
    quantity: Mapped[int]
    unit_price_minor: Mapped[int]

    order: Mapped[Order] = relationship(back_populates="items")

    @property
    def line_minor(self) -> int:
        return self.quantity * self.unit_price_minor


class WalletEntry(Base):
    """One movement of a wallet; an order is paid by one at most."""

    __tablename__ = "wallet_entries"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), unique=True)
    #: negative: taken from the wallet
    amount_minor: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(default=now)


class Notification(Base):
    """One line of a user's inbox."""

    __tablename__ = "notifications"

    id: Mapped[int] = mapped_column(primary_key=True)
    #: what makes a second run of the same job find this row
    key: Mapped[str] = mapped_column(unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    type: Mapped[str]
    title: Mapped[str]
    body: Mapped[str]
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime] = mapped_column(default=now)
    pushed_at: Mapped[datetime | None]


class SentEmail(Base):
    """A mail that its gateway has accepted."""

    __tablename__ = "sent_emails"

    message_id: Mapped[str] = mapped_column(primary_key=True)
    recipient: Mapped[str]
    subject: Mapped[str]
    #: where a maildir keeps it; None when it left by SMTP
    file: Mapped[str | None]
    sent_at: Mapped[datetime] = mapped_column(default=now)


class Invoice(Base):
    __tablename__ = "invoices"

    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    number: Mapped[str] = mapped_column(unique=True)
    total_minor: Mapped[int]
    file: Mapped[str]
    sha256: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(default=now)


class Commission(Base):
    __tablename__ = "commissions"

    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    marketer_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    amount_minor: Mapped[int]
    #: hundredths of a percent
    rate_basis_points: Mapped[int]
    commission_minor: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(default=now)


class AnalyticsEvent(Base):
    __tablename__ = "analytics_events"
    __table_args__ = (UniqueConstraint("order_id", "event_type", name="one_event_of_a_type_per_order"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    event_type: Mapped[str]
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime] = mapped_column(default=now)


class DailyReport(Base):
    """One business day's orders, by the calendar of Asia/Aden."""

    __tablename__ = "daily_reports"

    day: Mapped[date] = mapped_column(primary_key=True)
    orders_by_status: Mapped[dict[str, Any]]
    orders_total: Mapped[int]
    revenue_minor: Mapped[int]
    file: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=now)
