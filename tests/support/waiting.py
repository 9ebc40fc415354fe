"""Waiting for a condition instead of sleeping for a guess."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_FIRST_PAUSE_S = 0.002
_LONGEST_PAUSE_S = 0.025


class NotInTime(AssertionError):
    """A condition did not come true within its time."""


def wait_until(
    predicate: Callable[[], T], within_ms: float = 5000, what: str | Callable[[], str] | None = None
) -> T:
    """Call `predicate` until it returns something true, and return that.

    `what` names the condition in the failure message (a function: asked only then), else the predicate's
    source line does. What the predicate raises is not swallowed.
    """
    deadline = time.monotonic() + within_ms / 1000
    pause = _FIRST_PAUSE_S
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() >= deadline:
            condition = what() if callable(what) else what or _source_of(predicate)
            raise NotInTime(f"Waited {within_ms:.0f} ms for: {condition}. The last value was {value!r}.")
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE_S)


def _source_of(predicate: Callable[[], object]) -> str:
    try:
        lines = inspect.getsource(predicate).split("\n")
    except (OSError, TypeError):
        return repr(predicate)
    return " ".join(line.strip() for line in lines if line.strip())
