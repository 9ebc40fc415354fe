"""Reading back what a journey left: over HTTP, from Redis with RQ's own eyes, and from the files."""

from __future__ import annotations

import email
import email.policy
import hashlib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import redis

from bthwani_jobs import Queue
from launcher.api import Api
from launcher.journey import QUANTITY, Seen
from processors import contracts

#: What a loaded machine may add to a wait; less than nothing is never right.
SLACK_MS = 5000
ORDER_JOBS = (
    contracts.SEND_NOTIFICATION,
    contracts.PROCESS_ORDER,
    contracts.SEND_ORDER_UPDATE,
    contracts.SEND_ORDER_CONFIRMATION,
    contracts.GENERATE_INVOICE,
    contracts.CALCULATE_COMMISSION,
    contracts.UPDATE_ANALYTICS,
)


@dataclass(frozen=True)
class Check:
    """One claim; `found` is what was there instead when it is not true."""

    claim: str
    true: bool
    found: str = ""


class ReadBack:
    """`data_dir`: of the processes; `prefix`: RQ's key prefix."""

    def __init__(
        self, seen: Seen, *, customer: Api, data_dir: Path, client: redis.Redis, prefix: str
    ) -> None:
        self._seen = seen
        self._customer = customer
        self._data_dir = data_dir
        self._redis = client
        self._prefix = prefix

    def all(self) -> list[Check]:
        return [*self._over_http(), *self._from_redis(), *self._from_files(), *self._times()]

    def _over_http(self) -> Iterator[Check]:
        seen = self._seen
        shown = self._customer.get(f"/orders/{seen.order['id']}")
        order, outcome = shown["order"], shown["outcome"]
        total = order["totalMinor"]
        yield _same("the order is confirmed", order["status"], "confirmed")
        yield _same("its total is that of its items", total, QUANTITY * seen.product["priceMinor"])
        yield _same("it has its invoice", (outcome["invoice"] or {}).get("totalMinor"), total)
        yield _same("it has its commission", (outcome["commission"] or {}).get("amountMinor"), total)
        events = [event["eventType"] for event in outcome["analytics"]]
        yield _same("it was counted once", events, ["order_confirmed"])
        mails = [mail["recipient"] for mail in outcome["emails"]]
        yield _same("it was mailed once, to the customer", mails, [seen.customer_email])
        products = {product["id"]: product for product in self._customer.get("/products")["products"]}
        stock = products[seen.product["id"]]["stock"]
        yield _same("the stock went down by what was ordered", stock, seen.product["stock"] - QUANTITY)
        yield from self._inbox(order["number"])

    def _inbox(self, order_number: str) -> Iterator[Check]:
        rows = self._customer.get("/notifications")["notifications"]
        about_order = [row for row in rows if order_number in row["title"] + row["body"]]
        yield _holds("the inbox tells of the order", len(about_order) >= 2, f"{len(about_order)} lines")
        reminders = [row["type"] for row in rows].count("reminder")
        yield _same("the reminder came once", reminders, 1)
        unpushed = [row["title"] for row in rows if row["pushedAt"] is None]
        yield _same("every line was pushed to the phone", unpushed, [])

    def _from_redis(self) -> Iterator[Check]:
        for name, job in self._seen.jobs.items():
            with closing(Queue(job.ref.queue, self._redis)) as queue:
                stored = queue.get_job(job.ref.id)
                state = None if stored is None else stored.get_state()
            yield _same(f"{name} is completed", state, "completed")
            rq_id = "" if stored is None else stored.rq_id
            finished = self._redis.zscore(f"{self._prefix}:finished:{job.ref.queue}", rq_id)
            yield _holds(f"{name} is in RQ's registry of finished jobs", finished is not None, rq_id)
        missing = [name for name in ORDER_JOBS if name not in self._seen.jobs]
        yield _same("every job of the order was seen to end", missing, [])
        for name in contracts.QUEUES:
            with closing(Queue(name, self._redis)) as queue:
                counts = queue.get_job_counts()
            left = {state: counts[state] for state in ("waiting", "active", "failed", "paused")}
            yield _same(f"nothing is left over in {name}", left, dict.fromkeys(left, 0))
        names = {entry["name"] for entry in self._seen.repeatables}
        yield _same(
            "both repeatables are registered", names, {contracts.DAILY_REPORT, contracts.CLEANUP_CACHE}
        )

    def _from_files(self) -> Iterator[Check]:
        invoice = self._customer.get(f"/orders/{self._seen.order['id']}")["outcome"]["invoice"] or {}
        content = _content(invoice.get("file"))
        yield _holds("the invoice is a PDF", content.startswith(b"%PDF-"), repr(content[:8]))
        digest = hashlib.sha256(content).hexdigest()
        yield _same("the invoice is the file that the API names", digest, invoice.get("sha256"))
        confirmations = self._mails_to(self._seen.customer_email, self._seen.order["number"])
        yield _same("one confirmation lies in the maildir", len(confirmations), 1)
        for mail in confirmations:
            yield from _arabic_mail(mail, self._seen.order["number"])
        busy = self._mails_to(self._seen.busy_address, "")
        yield _same("the mail that was refused twice lies there once", len(busy), 1)

    def _mails_to(self, address: str, subject_part: str) -> list[EmailMessage]:
        found = []
        for path in sorted((self._data_dir / "mail" / "new").glob("*")):
            mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            assert isinstance(mail, EmailMessage)
            if mail["To"].addresses[0].addr_spec == address and subject_part in mail["Subject"]:
                found.append(mail)
        return found

    def _times(self) -> Iterator[Check]:
        seen = self._seen
        late = seen.reminder_late_ms
        yield _holds("the reminder was not early, and in time", 0 <= late < SLACK_MS, f"{late} ms late")
        for wait, wanted in zip(seen.waits_ms, (1000, 3000), strict=False):
            in_time = wanted <= wait < wanted + SLACK_MS
            yield _holds(f"an attempt came {wanted} ms after the one before", in_time, f"{wait} ms")
        yield _same("the refused mail had three attempts", len(seen.waits_ms), 2)


def report(checks: list[Check], seen: Seen) -> dict[str, Any]:
    """What `.data/demo.json` holds."""
    return {
        "passed": all(check.true for check in checks),
        "order": seen.order,
        "confirmed_in_ms": round(seen.confirmed_in_ms, 1),
        "jobs": {
            name: {"queue": job.ref.queue, "id": job.ref.id, "state": job.state, "run_ms": job.run_ms}
            for name, job in seen.jobs.items()
        },
        "retry_waits_ms": seen.waits_ms,
        "reminder_late_ms": seen.reminder_late_ms,
        "repeatables": seen.repeatables,
        "checks": [asdict(check) for check in checks],
    }


def _same(claim: str, found: object, expected: object) -> Check:
    return Check(
        claim, found == expected, "" if found == expected else f"expected {expected!r}, found {found!r}"
    )


def _holds(claim: str, true: bool, found: str) -> Check:
    return Check(claim, true, "" if true else f"found {found}")


def _content(path: str | None) -> bytes:
    return Path(path).read_bytes() if path and Path(path).is_file() else b""


def _arabic_mail(mail: EmailMessage, order_number: str) -> Iterator[Check]:
    text, html = _part(mail, "plain"), _part(mail, "html")
    yield _holds("its HTML runs from right to left", 'dir="rtl"' in html, html[:80])
    yield _holds("its HTML names the order", order_number in html, html[:80])
    yield _holds("its text names the order", order_number in text, text[:80])


def _part(mail: EmailMessage, subtype: Any) -> str:
    part = mail.get_body((subtype,))
    return "" if part is None else str(part.get_content())


def settled(customer: Api) -> Callable[[], bool]:
    """Whether no queue has a job waiting or running: what the journey did not follow has ended too."""

    def is_settled() -> bool:
        queues = customer.get("/queues")["queues"]
        return all(queue["counts"][state] == 0 for queue in queues for state in ("waiting", "active"))

    return is_settled
