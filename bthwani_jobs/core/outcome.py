"""What becomes of a job after a failed attempt, and what is noted about the failure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from ..errors import InvalidOption
from .numbers import MAX_MS


@dataclass(frozen=True, slots=True)
class RetryNow:
    """Back into the queue."""


@dataclass(frozen=True, slots=True)
class RetryAfter:
    """Into the delayed jobs for ``delay_ms``."""

    delay_ms: int


@dataclass(frozen=True, slots=True)
class Fail:
    """Failed for good."""


Decision = RetryNow | RetryAfter | Fail

_RETRY_NOW = RetryNow()
_FAIL = Fail()


def wants_retry(*, attempts_made: int, attempts: int, discarded: bool) -> bool:
    """Whether a delay need be worked out at all; ``attempts_made`` includes the failure at hand."""
    return attempts_made < attempts and not discarded


def after_failure(*, attempts_made: int, attempts: int, discarded: bool, delay_ms: Any) -> Decision:
    """Bull's rule of section 5. ``attempts_made`` includes the failure at hand; ``delay_ms`` is what the
    strategy answered.

    -1 fails at once (S-068); 0, None, NaN and other negative numbers retry at once. What is not a number
    raises ``InvalidOption``, which the caller treats as a strategy that failed (Q-19).
    """
    if not wants_retry(attempts_made=attempts_made, attempts=attempts, discarded=discarded):
        return _FAIL
    if delay_ms is None:
        return _RETRY_NOW
    if not isinstance(delay_ms, (int, float)):
        raise InvalidOption(f"A backoff strategy must give milliseconds, found {delay_ms!r:.80}.")
    if delay_ms == -1:
        return _FAIL
    if not delay_ms > 0:
        return _RETRY_NOW
    return RetryAfter(ceil(min(delay_ms, MAX_MS)))


def appended_trace(traces: Sequence[str], text: str, limit: int | None) -> list[str]:
    """The tracebacks with one more, the newest ``limit`` of them; None and 0 keep all (S-083, Q-52)."""
    appended = [*traces, text]
    return appended[-limit:] if limit else appended


def failure_reason(error: BaseException) -> str:
    """What Bull calls ``failedReason``: the message, or the name of the class where there is none (Q-60)."""
    try:
        reason = str(error)
    except Exception:  # an exception whose __str__ raises must not lose the job
        reason = ""
    # Lone surrogates, as in undecodable file names, cannot be stored.
    return (reason or type(error).__name__).encode(errors="backslashreplace").decode()
