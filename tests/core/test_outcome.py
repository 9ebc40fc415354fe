"""What follows a failed attempt (contract section 5; S-054, S-068, S-069, S-073, S-083, Q-60)."""

from __future__ import annotations

import math
from typing import Any

import pytest

from bthwani_jobs.core.numbers import MAX_MS
from bthwani_jobs.core.outcome import (
    Decision,
    Fail,
    RetryAfter,
    RetryNow,
    after_failure,
    appended_trace,
    failure_reason,
    wants_retry,
)
from bthwani_jobs.errors import InvalidOption


def decided(delay_ms: Any, *, attempts_made: int = 1, attempts: int = 3, discarded: bool = False) -> Decision:
    return after_failure(
        attempts_made=attempts_made, attempts=attempts, discarded=discarded, delay_ms=delay_ms
    )


@pytest.mark.parametrize(("attempts_made", "more"), [(1, True), (2, True), (3, False), (4, False)])
def test_attempts_count_all_runs(attempts_made: int, more: bool) -> None:
    """S-054; a manual retry of an exhausted job (S-075) fails at once, too."""
    assert wants_retry(attempts_made=attempts_made, attempts=3, discarded=False) is more
    assert decided(0, attempts_made=attempts_made) == (RetryNow() if more else Fail())


def test_a_discarded_job_fails() -> None:
    """S-073."""
    assert decided(1000, discarded=True) == Fail()


@pytest.mark.parametrize("delay_ms", [0, None, math.nan, -5, 0.0, False])
def test_no_delay_is_a_retry_at_once(delay_ms: Any) -> None:
    """S-069."""
    assert decided(delay_ms) == RetryNow()


@pytest.mark.parametrize("delay_ms", [-1, -1.0])
def test_minus_one_fails(delay_ms: Any) -> None:
    """S-068."""
    assert decided(delay_ms) == Fail()


@pytest.mark.parametrize(
    ("delay_ms", "waited"), [(1000, 1000), (0.2, 1), (1500.5, 1501), (math.inf, MAX_MS), (10**30, MAX_MS)]
)
def test_a_delay_is_never_shortened_nor_beyond_what_can_be_kept(delay_ms: Any, waited: int) -> None:
    assert decided(delay_ms) == RetryAfter(waited)


@pytest.mark.parametrize("answer", ["1000", [1000], object()])
def test_an_answer_that_is_no_number(answer: Any) -> None:
    with pytest.raises(InvalidOption, match="A backoff strategy must give milliseconds"):
        decided(answer)


def test_the_newest_traces_are_kept() -> None:
    """S-083, Q-52."""
    assert appended_trace(["1", "2"], "3", 2) == ["2", "3"]
    assert appended_trace(["1", "2"], "3", None) == appended_trace(("1", "2"), "3", 0) == ["1", "2", "3"]


def test_the_reason_is_the_message_or_the_class() -> None:
    """S-064, Q-60."""

    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert failure_reason(ValueError("Job Failed")) == "Job Failed"
    assert failure_reason(KeyError()) == "KeyError"
    assert failure_reason(Mute()) == "Mute"
    assert failure_reason(ValueError("فشل \ud800")) == "فشل \\ud800"
