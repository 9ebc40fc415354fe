"""A customer's way through the shop, over its own HTTP API, told as it happens."""

from __future__ import annotations

import secrets
import time
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from bthwani_jobs import Queue
from launcher.api import Answer, Api, ApiProblem
from launcher.narration import Narration
from launcher.watching import JobRef, JobSeen, TooLate, Watch, refs
from processors import contracts

REMINDER_DELAY_MS = 3000
PROCESSED_WITHIN_S = 30.0
REGISTERED_WITHIN_S = 15.0
QUANTITY = 2


@dataclass
class Seen:
    """What the journey did and saw, for whoever wants to check it."""

    customer_email: str
    product: dict[str, Any]
    credited_minor: int
    order: dict[str, Any] = field(default_factory=dict)
    confirmed_in_ms: float = 0.0
    #: by job name
    jobs: dict[str, JobSeen] = field(default_factory=dict)
    #: milliseconds between the beginnings of two attempts of the refused mail
    waits_ms: list[int] = field(default_factory=list)
    busy_address: str = ""
    reminder_late_ms: int = 0
    repeatables: list[dict[str, Any]] = field(default_factory=list)


class Journey:
    """`guest`: a client nobody is logged in with; `redis_url`: for what the API does not show."""

    def __init__(self, guest: Api, redis_url: str, narration: Narration) -> None:
        self._guest = guest
        self._redis_url = redis_url
        self._tell = narration

    def sign_in(self, email: str, password: str) -> Api:
        token = self._guest.post("/auth/login", {"email": email, "password": password}).body["token"]
        return Api(self._guest.base_url, token)

    def travel(self, admin: Api) -> tuple[Seen, Api]:
        """All of it. Returns what was seen and the customer's client. Raises `ApiProblem`, `TooLate`."""
        watch = Watch(admin)
        customer, seen = self._arrive(admin)
        order_id = self._order(customer, watch, seen)
        self._confirm(customer, watch, seen, order_id)
        self._mail_and_reminder(customer, admin, watch, seen)
        self._repeatables(seen)
        return seen, customer

    def _arrive(self, admin: Api) -> tuple[Api, Seen]:
        self._tell.chapter("A customer registers and logs in", "عميلة تسجّل وتدخل")
        email, password = f"layla-{secrets.token_hex(4)}@bthwani.example", secrets.token_urlsafe(12)
        person = {"email": email, "password": password, "fullName": "ليلى الحاج", "phone": "+967777123456"}
        registered = self._guest.post("/auth/register", person)
        self._tell.request("POST", "/auth/register", registered, email)
        customer = self.sign_in(email, password)
        product = max(self._guest.get("/products")["products"], key=lambda product: product["stock"])
        credit = QUANTITY * product["priceMinor"]
        user_id = registered.body["user"]["id"]
        credited = admin.post(f"/users/{user_id}/credit", {"amountMinor": credit})
        self._tell.request("POST", f"/users/{user_id}/credit", credited, f"wallet: {credit / 100:,.2f} YER")
        return customer, Seen(email, product, credit)

    def _order(self, customer: Api, watch: Watch, seen: Seen) -> int:
        self._tell.chapter("An order is placed", "طلب جديد")
        lines = [{"productId": seen.product["id"], "quantity": QUANTITY}]
        placed = customer.post("/orders", {"items": lines, "deliveryAddress": "صنعاء، شارع حدة 12"})
        order = placed.body["order"]
        what = f"{order['number']}: {QUANTITY} × {seen.product['nameEn']}"
        self._tell.request("POST", "/orders", placed, what)
        self._follow(watch, placed, seen)
        return int(order["id"])

    def _confirm(self, customer: Api, watch: Watch, seen: Seen, order_id: int) -> None:
        self._tell.chapter(
            "It is confirmed: the API answers, five jobs do the work", "تأكيد الطلب: خمسة أعمال"
        )
        path = f"/orders/{order_id}/confirm"
        confirmed = self._confirmed(customer, path)
        seen.order, seen.confirmed_in_ms = confirmed.body["order"], confirmed.took_ms
        self._tell.request("POST", path, confirmed, f"{len(confirmed.body['jobs'])} jobs added")
        ended = self._follow(watch, confirmed, seen)
        total = sum(job.run_ms for job in ended)
        self._tell.fact(
            f"The customer waited {confirmed.took_ms:.0f} ms; the jobs took {total} ms altogether."
        )
        self._tell.fact(f"انتظرت العميلة {confirmed.took_ms:.0f} م.ث، واستغرقت الأعمال معًا {total} م.ث")

    def _confirmed(self, customer: Api, path: str) -> Answer:
        """A client obeys Retry-After while the order is still in work."""
        deadline = time.monotonic() + PROCESSED_WITHIN_S
        while True:
            answer = customer.send("POST", path, {})
            if answer.status == 200:
                return answer
            if answer.retry_after_s is None or time.monotonic() > deadline:
                raise ApiProblem(f"POST {path}: expected 200, found {answer.status}: {answer.body}")
            time.sleep(answer.retry_after_s)

    def _mail_and_reminder(self, customer: Api, admin: Api, watch: Watch, seen: Seen) -> None:
        self._tell.chapter(
            "A mail whose gateway refuses twice, and a reminder for later", "بريد يُرفض مرتين، وتذكير مؤجل"
        )
        seen.busy_address = f"busy-2@{secrets.token_hex(2)}.example"
        mail = {"to": seen.busy_address, "subject": "عرض خاص", "body": "خصم 10٪ على طلبك القادم"}
        sent = admin.post("/emails", mail)
        self._tell.request("POST", "/emails", sent, "three attempts, backoff exponential from 1000 ms")
        wanted = {"message": "لا تنسَ تقييم طلبك", "delay": REMINDER_DELAY_MS}
        reminded = customer.post("/reminders", wanted)
        self._tell.request("POST", "/reminders", reminded, f"due in {REMINDER_DELAY_MS} ms")
        (mail_ref,), (reminder_ref,) = refs([sent.body["job"]]), refs([reminded.body["job"]])
        self._retries(watch, mail_ref, seen)
        self._reminder(watch, reminder_ref, seen)

    def _retries(self, watch: Watch, ref: JobRef, seen: Seen) -> None:
        began: list[int] = []
        for job in watch.attempts(ref):
            began.append(job.started_ms or 0)
            number = len(began)
            if number > 1:
                seen.waits_ms.append(began[-1] - began[-2])
            after = f", {seen.waits_ms[-1]} ms after the one before" if number > 1 else ""
            outcome = "accepted" if job.state == "completed" else f"refused: {job.body['failedReason']}"
            self._tell.detail(f"attempt {number}{after}: {outcome}")
            seen.jobs[ref.name] = job

    def _reminder(self, watch: Watch, ref: JobRef, seen: Seen) -> None:
        for job in watch.until_ended([ref]):
            seen.jobs[ref.name] = job
            due = job.added_ms + REMINDER_DELAY_MS
            seen.reminder_late_ms = (job.started_ms or 0) - due
            self._tell.detail(f"reminder: due {_clock(due)}, started {seen.reminder_late_ms} ms after that")

    def _repeatables(self, seen: Seen) -> None:
        self._tell.chapter("What repeats by itself", "أعمال دورية")
        seen.repeatables = self._registered()
        for entry in seen.repeatables:
            rhythm = entry["cron"] or f"every {int(entry['every']) // 1000} s"
            zone = f" ({entry['tz']})" if entry["tz"] else ""
            self._tell.detail(
                f"{entry['name']:<14} {rhythm}{zone}: next run {_moment(entry['next'], entry['tz'])}"
            )

    def _registered(self) -> list[dict[str, Any]]:
        """The repeatables of the queue `reports`; a scheduler just started may need a moment."""
        deadline = time.monotonic() + REGISTERED_WITHIN_S
        with closing(Queue(contracts.REPORTS, self._redis_url)) as queue:
            while not (entries := queue.get_repeatable_jobs(asc=True)):
                if time.monotonic() > deadline:
                    raise TooLate(f"No repeatable is registered after {REGISTERED_WITHIN_S:.0f} s.")
                time.sleep(0.1)
        return entries

    def _follow(self, watch: Watch, answer: Answer, seen: Seen) -> list[JobSeen]:
        ended = []
        for job in watch.until_ended(refs(answer.body["jobs"])):
            self._tell.ended(job)
            seen.jobs[job.ref.name] = job
            ended.append(job)
        lost = [job for job in ended if job.state == "failed"]
        if lost:
            raise TooLate(f"{lost[0].ref} failed for good: {lost[0].body['failedReason']}")
        return ended


def _clock(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000):%H:%M:%S}.{ms % 1000:03}"


def _moment(ms: int, zone: str | None) -> str:
    """In the zone of the schedule, or of this machine where it has none."""
    moment = datetime.fromtimestamp(ms / 1000, UTC).astimezone(ZoneInfo(zone) if zone else None)
    return f"{moment:%Y-%m-%d %H:%M:%S %z}"
