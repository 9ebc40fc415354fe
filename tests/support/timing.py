"""The clock of timed tests, and how far this machine is behind an idle one right now."""

from __future__ import annotations

import time

from tests.support.waiting import wait_until

EARLY_MS = 2
"""How much before its due time a job may seem to start: two roundings to whole milliseconds."""

_PROBES = 25
_PROBE_MS = 4.0
_TYPICAL_LATENESS_MS = 0.4
_LEAST, _MOST = 2.0, 12.0


def now_ms() -> int:
    """Unix time in milliseconds: the clock that job timestamps are written with."""
    return time.time_ns() // 1_000_000


def wait_past(moment: float) -> None:
    """Let time go by until after this moment (Unix time in ms)."""
    wait_until(lambda: now_ms() > moment, within_ms=moment - now_ms() + 5000)


def load_factor() -> float:
    """How many times an upper bound for an idle machine is to be stretched: 2 (idle) … 12 (overloaded)."""
    worst = 0.0
    for _ in range(_PROBES):
        before = time.monotonic()
        time.sleep(_PROBE_MS / 1000)
        worst = max(worst, (time.monotonic() - before) * 1000 - _PROBE_MS)
    return min(max(_LEAST, worst / _TYPICAL_LATENESS_MS), _MOST)
