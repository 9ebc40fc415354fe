"""Handlers of the queue `reports`: yesterday's orders, and the removal of files nobody needs any more."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bthwani_jobs import Job, Processor
from processors import contracts
from processors.database import insert_once
from processors.files import remove_older, write_whole
from processors.lookups import PAID
from processors.money import formatted
from processors.records import CURRENCY, DailyReport, Order, OrderStatus, now
from processors.resources import resources
from processors.settings import BUSINESS_TIMEZONE
from processors.texts import text

HOUR = 60 * 60
DAY = 24 * HOUR

#: Folders below the data folder, and after how many seconds a file in them is rubbish: drafts that a killed
#: process left, counts of the development mailer, pushes that a phone would have fetched long ago.
EXPIRING = {"tmp": DAY, "mail/tmp": 36 * HOUR, "mail-refusals": DAY, "push/drafts": DAY, "push": 30 * DAY}

reports = Processor(contracts.REPORTS, concurrency=contracts.SLOTS[contracts.REPORTS])


@dataclass(frozen=True)
class _Line:
    status: OrderStatus
    orders: int
    value_minor: int


@reports.process(contracts.DAILY_REPORT, schema=contracts.Nothing)
def daily_report(job: Job) -> dict[str, Any]:
    """Count the orders placed on the day before the one the job was due, by the calendar of Aden."""
    have = resources()
    day = _day_before(job)
    with have.database.reading() as session:
        lines = _count(session, day)
    file = have.settings.data_dir / "reports" / f"orders-{day:%Y-%m-%d}.csv"
    write_whole(file, _as_csv(day, lines), scratch=have.settings.data_dir / "tmp")
    values = {
        "day": day,
        "orders_by_status": {str(line.status): line.orders for line in lines},
        "orders_total": sum(line.orders for line in lines),
        "revenue_minor": sum(line.value_minor for line in lines if line.status in PAID),
        "file": str(file),
    }
    with have.database.transaction() as session:
        insert_once(session, DailyReport, **values)
    return {"day": f"{day:%Y-%m-%d}", "orders": values["orders_total"], "file": str(file)}


@reports.process(contracts.CLEANUP_CACHE, schema=contracts.Nothing)
def cleanup_cache(job: Job) -> dict[str, Any]:
    """Delete what `EXPIRING` lists."""
    data_dir = resources().settings.data_dir
    results = [remove_older(data_dir / Path(folder), seconds) for folder, seconds in EXPIRING.items()]
    removed, freed = (sum(column) for column in zip(*results, strict=True))
    job.log(f"{removed} files, {freed} bytes")
    return {"removedFiles": removed, "freedBytes": freed}


def _day_before(job: Job) -> date:
    """A job that runs late reports the day it was due for; one promoted early, a day that is over."""
    due = datetime.fromtimestamp((job.timestamp + (job.opts.delay or 0)) / 1000, UTC)
    return min(due, now()).astimezone(ZoneInfo(BUSINESS_TIMEZONE)).date() - timedelta(days=1)


def _count(session: Session, day: date) -> list[_Line]:
    """One line for each status, also for those that no order has."""
    begin = datetime.combine(day, time(), ZoneInfo(BUSINESS_TIMEZONE))
    query = (
        select(Order.status, func.count(), func.sum(Order.total_minor))
        .where(Order.created_at >= begin, Order.created_at < begin + timedelta(days=1))
        .group_by(Order.status)
    )
    found = {status: _Line(status, count, total) for status, count, total in session.execute(query)}
    return [found.get(status, _Line(status, 0, 0)) for status in OrderStatus]


def _as_csv(day: date, lines: list[_Line]) -> bytes:
    """With a byte order mark, without which spreadsheets take Arabic for Latin letters."""
    content = io.StringIO()
    table = csv.writer(content)
    table.writerow(["اليوم / Day", "الحالة / Status", "الطلبات / Orders", f"القيمة / Value ({CURRENCY})"])
    for line in lines:
        value = formatted(line.value_minor).replace(",", "")
        table.writerow([f"{day:%Y-%m-%d}", text("ar", f"status.{line.status}"), line.orders, value])
    return content.getvalue().encode("utf-8-sig")
