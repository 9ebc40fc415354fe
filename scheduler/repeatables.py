"""What the application repeats. Only this table says so; the scheduler registers it at its start."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from processors import contracts
from processors.settings import BUSINESS_TIMEZONE

HOUR_MS = 60 * 60 * 1000


@dataclass(frozen=True)
class Repeatable:
    queue: str
    name: str
    #: the `repeat` option of `Queue.add`
    repeat: dict[str, Any]
    data: dict[str, Any] = field(default_factory=dict)


REPEATABLES = (
    Repeatable(contracts.REPORTS, contracts.DAILY_REPORT, {"cron": "0 0 * * *", "tz": BUSINESS_TIMEZONE}),
    Repeatable(contracts.REPORTS, contracts.CLEANUP_CACHE, {"every": HOUR_MS}),
)
