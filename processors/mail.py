"""Letters: composed in both directions and languages, and handed to the mailer once for each job."""

from __future__ import annotations

import email.policy
from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from bthwani_jobs import Job
from processors.contracts import EMAILS
from processors.database import insert_once
from processors.files import digest
from processors.money import formatted
from processors.records import Order, SentEmail
from processors.resources import resources
from processors.settings import BUSINESS_TIMEZONE
from processors.texts import DIRECTIONS, isolated, text, with_numbers_isolated

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, kw_only=True)
class Letter:
    """What one mail says, before anything is drawn."""

    to: str
    language: str
    subject: str
    paragraphs: list[str]
    greeting: str = ""
    #: shown as a table below the text; its items are loaded
    order: Order | None = None


def deliver_once(job: Job, letter: Letter) -> dict[str, Any]:
    """Hand the letter to the mailer, unless an earlier run of this job did.

    A run killed between the two steps below sends again, under the same Message-ID: mail programs show one.
    Raises what the mailer raises when it does not take the mail.
    """
    have = resources()
    sender = have.settings.mail_from
    message_id = f"<{job.name}.{digest(EMAILS, job.id, str(job.timestamp))}@{sender.partition('@')[2]}>"
    with have.database.reading() as session:
        sent = session.get(SentEmail, message_id)
    if sent is not None:
        return {"messageId": message_id, "file": sent.file}
    sent_at = datetime.fromtimestamp(job.timestamp / 1000, UTC)
    file = have.mailer.deliver(compose(letter, sender=sender, message_id=message_id, sent_at=sent_at))
    values = {
        "message_id": message_id,
        "recipient": letter.to,
        "subject": letter.subject,
        "file": None if file is None else str(file),
    }
    with have.database.transaction() as session:
        insert_once(session, SentEmail, **values)
    return {"messageId": message_id, "file": values["file"]}


def compose(letter: Letter, *, sender: str, message_id: str, sent_at: datetime) -> EmailMessage:
    """The whole message, in seven-bit safe parts; the same letter always gives the same bytes."""
    message = EmailMessage(policy=email.policy.default)
    message["Subject"] = letter.subject
    message["From"] = Address(text(letter.language, "brand"), addr_spec=sender)
    message["To"] = Address(addr_spec=letter.to)
    message["Date"] = sent_at
    message["Message-ID"] = message_id
    message["Auto-Submitted"] = "auto-generated"
    view = _view(letter)
    message.set_content(_templates().get_template("mail.txt.j2").render(view), cte="base64")
    html = _templates().get_template("mail.html.j2").render(view)
    message.add_alternative(html, subtype="html", cte="base64")
    message["Content-Language"] = letter.language
    message.set_boundary(f"=_{digest(message_id)}")
    return message


def _view(letter: Letter) -> dict[str, Any]:
    language = letter.language
    return {
        "letter": letter,
        "language": language,
        "direction": DIRECTIONS[language],
        "text": lambda key: text(language, key),
        "amount": formatted,
        "aden_time": lambda instant: f"{instant.astimezone(ZoneInfo(BUSINESS_TIMEZONE)):%Y-%m-%d %H:%M}",
        "isolated": lambda value: isolated(language, value),
        "as_written": with_numbers_isolated,
    }


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=lambda name: name is not None and name.endswith(".html.j2"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
