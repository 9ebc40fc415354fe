"""What producers and handlers agree on: queues, their slots and options, job names, the data of each job.

Job data is written as Bull's users write it (`userId`, `orderId`) and read in snake_case through the job's
schema. Amounts are whole numbers of minor units. Fields a schema does not know are dropped, because jobs in
Redis outlive the release that wrote them.
"""

from __future__ import annotations

from typing import Any

from marshmallow import EXCLUDE, Schema, fields, validate
from marshmallow.fields import Field

from processors.settings import Settings

NOTIFICATIONS = "notifications"
EMAILS = "emails"
ORDERS = "orders"
REPORTS = "reports"

#: Jobs of one queue that one worker runs at a time.
SLOTS = {NOTIFICATIONS: 4, ORDERS: 4, EMAILS: 2, REPORTS: 1}
QUEUES = tuple(SLOTS)

SEND_NOTIFICATION = "send-notification"
SEND_ORDER_UPDATE = "send-order-update"
SEND_REMINDER = "send-reminder"

SEND_EMAIL = "send-email"
SEND_ORDER_CONFIRMATION = "send-order-confirmation"
SEND_WELCOME_EMAIL = "send-welcome-email"

PROCESS_ORDER = "process-order"
GENERATE_INVOICE = "generate-invoice"
CALCULATE_COMMISSION = "calculate-commission"
UPDATE_ANALYTICS = "update-analytics"

DAILY_REPORT = "daily-report"
CLEANUP_CACHE = "cleanup-cache"

#: For what becomes a header or a row of a list: control characters would break it.
ONE_LINE = validate.Regexp(
    r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]*\Z", error="Must be one line without control characters."
)


def default_job_options(settings: Settings) -> dict[str, Any]:
    """The options of every job of the four queues that does not bring its own."""
    return {
        "attempts": settings.queue_attempts,
        "backoff": {"type": "exponential", "delay": settings.queue_backoff_delay},
    }


def _camel_case(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


class JobData(Schema):
    """snake_case inside, camelCase on the wire."""

    class Meta:
        unknown = EXCLUDE

    def on_bind_field(self, field_name: str, field_obj: Field[Any]) -> None:
        field_obj.data_key = field_obj.data_key or _camel_case(field_name)


def _amount(**options: Any) -> fields.Integer:
    return fields.Integer(strict=True, validate=validate.Range(min=0), **options)


def _text(longest: int, **options: Any) -> fields.String:
    return fields.String(validate=validate.Length(min=1, max=longest), **options)


def _line(longest: int, **options: Any) -> fields.String:
    return fields.String(validate=[validate.Length(min=1, max=longest), ONE_LINE], **options)


class SendNotification(JobData):
    user_id = fields.Integer(required=True)
    title = _text(200, required=True)
    body = _text(2000, required=True)
    type = _text(40, load_default="general")
    data = fields.Dict(keys=fields.String(), load_default=dict)


class SendOrderUpdate(JobData):
    order_id = fields.Integer(required=True)
    user_id = fields.Integer(required=True)
    status = fields.String(required=True, validate=validate.OneOf(["processed", "refused", "confirmed"]))


class SendReminder(JobData):
    user_id = fields.Integer(required=True)
    message = _text(2000, required=True)


class SendEmail(JobData):
    to = fields.Email(required=True)
    subject = _line(200, required=True)
    body = _text(20_000, required=True)
    language = fields.String(load_default="ar", validate=validate.OneOf(["ar", "en"]))


class SendOrderConfirmation(JobData):
    """The handler reads the order itself from the database, so no details travel through Redis."""

    order_id = fields.Integer(required=True)
    email = fields.Email(required=True)


class SendWelcomeEmail(JobData):
    email = fields.Email(required=True)
    name = _text(200, required=True)
    language = fields.String(load_default="ar", validate=validate.OneOf(["ar", "en"]))


class OrderedItem(JobData):
    product_id = fields.Integer(required=True)
    quantity = fields.Integer(required=True, strict=True, validate=validate.Range(min=1))


class ProcessOrder(JobData):
    order_id = fields.Integer(required=True)
    user_id = fields.Integer(required=True)
    items = fields.List(fields.Nested(OrderedItem), load_default=list)
    total_amount = _amount(load_default=None, allow_none=True)


class GenerateInvoice(JobData):
    order_id = fields.Integer(required=True)
    user_id = fields.Integer(required=True)


class CalculateCommission(JobData):
    order_id = fields.Integer(required=True)
    amount = _amount(required=True)
    marketer_id = fields.Integer(load_default=None, allow_none=True)


class UpdateAnalytics(JobData):
    order_id = fields.Integer(required=True)
    event_type = _text(80, required=True)
    data = fields.Dict(keys=fields.String(), load_default=dict)


class Nothing(JobData):
    """For jobs that are only told to run."""
