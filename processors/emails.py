"""Handlers of the queue `emails`: one message a job, under one Message-ID however often it runs."""

from __future__ import annotations

import logging
from typing import Any

from bthwani_jobs import Job, Processor
from processors import contracts
from processors.lookups import paid_order
from processors.mail import Letter, deliver_once
from processors.resources import resources
from processors.texts import isolated, text

logger = logging.getLogger(__name__)

emails = Processor(contracts.EMAILS, concurrency=contracts.SLOTS[contracts.EMAILS])


@emails.process(contracts.SEND_EMAIL, schema=contracts.SendEmail)
def send_email(job: Job) -> dict[str, Any]:
    """A blank line in the body starts a new paragraph."""
    data = job.data
    paragraphs = [part.strip() for part in data["body"].split("\n\n") if part.strip()]
    letter = Letter(
        to=data["to"], language=data["language"], subject=data["subject"], paragraphs=paragraphs or [""]
    )
    return deliver_once(job, letter)


@emails.process(contracts.SEND_ORDER_CONFIRMATION, schema=contracts.SendOrderConfirmation)
def send_order_confirmation(job: Job) -> dict[str, Any]:
    """In the customer's language, with the items and the total as the database has them."""
    with resources().database.reading() as session:
        order = paid_order(session, job.data["order_id"])
    language = order.user.language
    number = isolated(language, order.number)
    letter = Letter(
        to=job.data["email"],
        language=language,
        subject=text(language, "confirmation.subject", number=order.number),
        greeting=text(language, "greeting", name=order.user.full_name),
        paragraphs=[text(language, "confirmation.body", number=number)],
        order=order,
    )
    return deliver_once(job, letter)


@emails.process(contracts.SEND_WELCOME_EMAIL, schema=contracts.SendWelcomeEmail)
def send_welcome_email(job: Job) -> dict[str, Any]:
    data = job.data
    language = data["language"]
    letter = Letter(
        to=data["email"],
        language=language,
        subject=text(language, "welcome.subject"),
        greeting=text(language, "greeting", name=data["name"]),
        paragraphs=[text(language, "welcome.body")],
    )
    return deliver_once(job, letter)


@emails.on("failed")
def log_failure(job: Job, error: BaseException) -> None:
    """Each failed attempt, also those that will be repeated."""
    logger.warning("%s %s failed at attempt %s: %s", job.name, job.id, job.attempts_made, error)
