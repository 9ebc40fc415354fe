from __future__ import annotations

import csv
import os
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace

from processors.contracts import Nothing
from processors.records import DailyReport, Order, OrderStatus
from processors.reports import EXPIRING, cleanup_cache, daily_report
from processors.resources import Resources
from tests.processors.conftest import FakeJob, at_once, job_of

#: Midnight of 2 March in Aden is nine in the evening of 1 March in UTC.
MIDNIGHT = datetime(2026, 3, 1, 21, 0, tzinfo=UTC)
DAY_MS = 24 * 60 * 60 * 1000


def _due_at(moment: datetime) -> FakeJob:
    """As a repeated job is stored: added at the occurrence before, delayed until its own."""
    added = int(moment.timestamp() * 1000) - DAY_MS
    return job_of("daily-report", Nothing, {}, timestamp=added, opts=SimpleNamespace(delay=DAY_MS))


def _report(have: Resources) -> DailyReport:
    with have.database.reading() as session:
        (report,) = session.query(DailyReport)
    return report


def test_a_report_counts_the_day_of_aden_that_just_ended(
    have: Resources, make_order: Callable[..., Order]
) -> None:
    inside = [datetime(2026, 2, 28, 21, 0, tzinfo=UTC), datetime(2026, 3, 1, 20, 59, 59, tzinfo=UTC)]
    outside = [datetime(2026, 2, 28, 20, 59, 59, tzinfo=UTC), MIDNIGHT]
    for moment in inside + outside:
        make_order(status=OrderStatus.CONFIRMED, created_at=moment)
    make_order(status=OrderStatus.REFUSED, created_at=inside[0])
    result = daily_report(_due_at(MIDNIGHT))
    report = _report(have)
    assert result == {"day": "2026-03-01", "orders": 3, "file": report.file}
    assert report.day == date(2026, 3, 1)
    assert report.orders_by_status == {
        "pending": 0,
        "processing": 0,
        "processed": 0,
        "refused": 1,
        "confirmed": 2,
    }
    assert (report.orders_total, report.revenue_minor) == (3, 2 * 3_925_000)


def test_the_table_opens_in_a_spreadsheet(have: Resources, make_order: Callable[..., Order]) -> None:
    make_order(status=OrderStatus.CONFIRMED, created_at=datetime(2026, 3, 1, 9, tzinfo=UTC))
    file = Path(daily_report(_due_at(MIDNIGHT))["file"])
    assert file.read_bytes().startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(file.read_text("utf-8-sig").splitlines()))
    assert rows[0][0] == "اليوم / Day" and len(rows) == 1 + len(OrderStatus)
    assert rows[-1] == ["2026-03-01", "مؤكد", "1", "39250.00"]


def test_a_day_is_reported_once(have: Resources) -> None:
    results = at_once(3, lambda: daily_report(_due_at(MIDNIGHT)))
    results.append(daily_report(_due_at(MIDNIGHT)))
    assert results == [{"day": "2026-03-01", "orders": 0, "file": _report(have).file}] * 4


def test_a_report_promoted_early_takes_a_day_that_is_over(have: Resources) -> None:
    daily_report(_due_at(datetime(2999, 1, 1, tzinfo=UTC)))
    assert _report(have).day < datetime.now(UTC).date()


def test_rubbish_is_removed_and_nothing_else(have: Resources) -> None:
    data_dir = have.settings.data_dir
    for folder, seconds in EXPIRING.items():
        (data_dir / folder).mkdir(parents=True, exist_ok=True)
        for name, age in (("old", seconds + 60), ("young", seconds - 60)):
            path = data_dir / folder / name
            path.write_bytes(b"12345")
            os.utime(path, (time.time() - age,) * 2)
    kept = data_dir / "invoices" / "INV-000001.pdf"
    kept.parent.mkdir()
    kept.write_bytes(b"")
    os.utime(kept, (0, 0))
    job = job_of("cleanup-cache", Nothing, {})
    assert cleanup_cache(job) == {"removedFiles": len(EXPIRING), "freedBytes": 5 * len(EXPIRING)}
    assert cleanup_cache(job) == {"removedFiles": 0, "freedBytes": 0}
    assert kept.exists() and all((data_dir / folder / "young").exists() for folder in EXPIRING)
