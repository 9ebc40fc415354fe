"""The shapes of requests and answers: camelCase outside, snake_case inside, unknown fields refused."""

from __future__ import annotations

from typing import Any

from marshmallow import RAISE, Schema, fields, validate
from marshmallow.fields import Field

from processors.contracts import ONE_LINE

DAY_MS = 24 * 60 * 60 * 1000
#: For texts of several lines.
PLAIN_TEXT = validate.Regexp(
    r"[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*\Z", error="Must not contain control characters."
)
LANGUAGE = validate.OneOf(["ar", "en"])
#: What a database's 64-bit column holds.
LARGEST_ID = 2**63 - 1


class Shape(Schema):
    class Meta:
        unknown = RAISE

    def on_bind_field(self, field_name: str, field_obj: Field[Any]) -> None:
        first, *rest = field_name.split("_")
        field_obj.data_key = field_obj.data_key or first + "".join(part.capitalize() for part in rest)


def _text(longest: int, *, shortest: int = 1, **options: Any) -> fields.String:
    return fields.String(validate=[validate.Length(shortest, longest), PLAIN_TEXT], **options)


def _line(longest: int, **options: Any) -> fields.String:
    return fields.String(validate=[validate.Length(1, longest), ONE_LINE], **options)


def _id(**options: Any) -> fields.Integer:
    return fields.Integer(strict=True, validate=validate.Range(1, LARGEST_ID), **options)


# Requests


class RegisterRequest(Shape):
    email = fields.Email(required=True, validate=[validate.Length(max=254), ONE_LINE])
    password = _text(200, shortest=8, required=True, load_only=True)
    full_name = _line(200, required=True)
    phone = _line(30, load_default=None, allow_none=True)
    language = fields.String(load_default="ar", validate=LANGUAGE)


class LoginRequest(Shape):
    email = _line(254, required=True)
    password = _text(200, required=True, load_only=True)


class CreditRequest(Shape):
    amount_minor = fields.Integer(required=True, strict=True, validate=validate.Range(1, 10**12))


class OrderLine(Shape):
    product_id = _id(required=True)
    quantity = fields.Integer(required=True, strict=True, validate=validate.Range(1, 1000))


class OrderRequest(Shape):
    items = fields.List(fields.Nested(OrderLine), required=True, validate=validate.Length(1, 100))
    delivery_address = _text(500, shortest=0, load_default="")
    marketer_id = _id(load_default=None, allow_none=True)


class ReminderRequest(Shape):
    message = _text(2000, required=True)
    #: milliseconds, as in Bull
    delay = fields.Integer(load_default=DAY_MS, strict=True, validate=validate.Range(0, 365 * DAY_MS))


class EmailRequest(Shape):
    to = fields.Email(required=True, validate=ONE_LINE)
    subject = _line(200, required=True)
    body = _text(20_000, required=True)
    language = fields.String(load_default="ar", validate=LANGUAGE)


# Answers


class UserAnswer(Shape):
    id = fields.Integer()
    email = fields.String()
    full_name = fields.String()
    language = fields.String()
    is_admin = fields.Boolean()
    wallet_balance_minor = fields.Integer()


class ProductAnswer(Shape):
    id = fields.Integer()
    sku = fields.String()
    name_ar = fields.String()
    name_en = fields.String()
    price_minor = fields.Integer()
    stock = fields.Integer()


class OrderItemAnswer(Shape):
    product_id = fields.Integer()
    name_ar = fields.String()
    name_en = fields.String()
    quantity = fields.Integer()
    unit_price_minor = fields.Integer()
    line_minor = fields.Integer()


class OrderAnswer(Shape):
    id = fields.Integer()
    number = fields.String()
    status = fields.String()
    refusal_reason = fields.String(allow_none=True)
    total_minor = fields.Integer()
    delivery_address = fields.String()
    items = fields.List(fields.Nested(OrderItemAnswer))
    created_at = fields.DateTime()
    decided_at = fields.DateTime(allow_none=True)
    confirmed_at = fields.DateTime(allow_none=True)


class InvoiceAnswer(Shape):
    number = fields.String()
    total_minor = fields.Integer()
    file = fields.String()
    sha256 = fields.String()
    created_at = fields.DateTime()


class CommissionAnswer(Shape):
    marketer_id = fields.Integer(allow_none=True)
    amount_minor = fields.Integer()
    rate_basis_points = fields.Integer()
    commission_minor = fields.Integer()


class AnalyticsAnswer(Shape):
    event_type = fields.String()
    data = fields.Dict()
    created_at = fields.DateTime()


class NotificationAnswer(Shape):
    id = fields.Integer()
    type = fields.String()
    title = fields.String()
    body = fields.String()
    data = fields.Dict()
    created_at = fields.DateTime()
    pushed_at = fields.DateTime(allow_none=True)


class SentEmailAnswer(Shape):
    message_id = fields.String()
    recipient = fields.String()
    subject = fields.String()
    file = fields.String(allow_none=True)
    sent_at = fields.DateTime()


class OutcomeAnswer(Shape):
    """What the jobs of an order have done so far; null and empty where they have not yet."""

    invoice = fields.Nested(InvoiceAnswer, allow_none=True)
    commission = fields.Nested(CommissionAnswer, allow_none=True)
    analytics = fields.List(fields.Nested(AnalyticsAnswer))
    notifications = fields.List(fields.Nested(NotificationAnswer))
    emails = fields.List(fields.Nested(SentEmailAnswer))


class QueueAnswer(Shape):
    name = fields.String()
    counts = fields.Dict()
    is_paused = fields.Boolean()
