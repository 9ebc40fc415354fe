"""Messages that people ask for by hand: a reminder for later, a mail written by an administrator."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from bthwani_jobs import Job, Queue
from processors import contracts
from processors.database import Database
from processors.records import Notification, User
from web.services.adding import add_job


class Messaging:
    def __init__(self, database: Database, notifications: Queue, emails: Queue) -> None:
        self._database = database
        self._notifications = notifications
        self._emails = emails

    def inbox(self, user: User) -> list[Notification]:
        """The user's notifications, newest first."""
        newest_first = (Notification.created_at.desc(), Notification.id.desc())
        with self._database.reading() as session:
            mine = select(Notification).where(Notification.user_id == user.id).order_by(*newest_first)
            return list(session.scalars(mine.limit(200)))

    def remind(self, user: User, message: str, delay_ms: int) -> Job:
        """Add ``send-reminder``, due after ``delay_ms`` milliseconds."""
        data = {"userId": user.id, "message": message}
        return add_job(self._notifications, contracts.SEND_REMINDER, data, delay=delay_ms, priority=1)

    def send_email(self, message: dict[str, Any]) -> Job:
        """Add ``send-email`` with three attempts, a second and more apart."""
        backoff = {"type": "exponential", "delay": 1000}
        return add_job(self._emails, contracts.SEND_EMAIL, message, attempts=3, backoff=backoff)
