"""Waits between attempts (S-056 … S-071)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest

from bthwani_jobs.core.backoff import delay_for
from bthwani_jobs.core.numbers import MAX_MS
from bthwani_jobs.core.options import Backoff
from bthwani_jobs.errors import UnknownBackoffStrategy

ERROR = ValueError("boom")


def waits(backoff: Backoff | None, failures: int) -> list[Any]:
    return [delay_for(backoff, made, ERROR, {}) for made in range(1, failures + 1)]


def test_exponential_is_bulls() -> None:
    """S-057, and S-056 for the three attempts of Bthwani's document: 1000, then 3000."""
    assert waits(Backoff("exponential", 1000), 6) == [1000, 3000, 7000, 15000, 31000, 63000]


def test_doubling_is_the_documents_table() -> None:
    assert waits(Backoff("doubling", 1000), 4) == [1000, 2000, 4000, 8000]


def test_fixed() -> None:
    assert waits(Backoff("fixed", 1000), 3) == [1000, 1000, 1000]


@pytest.mark.parametrize("backoff", [None, Backoff("fixed", 0), Backoff("exponential"), Backoff("doubling")])
def test_without_a_delay_retries_are_immediate(backoff: Backoff | None) -> None:
    """S-060."""
    assert waits(backoff, 3) == [0, 0, 0]


@pytest.mark.parametrize("kind", ["exponential", "doubling"])
def test_many_attempts_end_at_the_longest_wait_there_is(kind: str) -> None:
    assert waits(Backoff(kind, 1), 50)[-1] == MAX_MS
    assert delay_for(Backoff(kind, MAX_MS), 1_000_000, ERROR, {}) == MAX_MS


def test_a_custom_strategy_gets_attempts_error_and_options() -> None:
    """S-066, S-067."""
    calls: list[tuple[Any, ...]] = []

    def mine(attempts_made: int, error: BaseException, options: Any = None) -> int:
        calls.append((attempts_made, error, options))
        return attempts_made * 1000

    assert delay_for(Backoff("mine", options={"k": 1}), 1, ERROR, {"mine": mine}) == 1000
    assert delay_for(Backoff("mine"), 2, ERROR, {"mine": mine}) == 2000
    assert calls == [(1, ERROR, {"k": 1}), (2, ERROR, None)]


def test_a_strategy_that_takes_fewer_arguments_gets_the_first_ones() -> None:
    assert delay_for(Backoff("a"), 3, ERROR, {"a": lambda: 7}) == 7
    assert delay_for(Backoff("a"), 3, ERROR, {"a": lambda attempts_made: attempts_made}) == 3
    assert delay_for(Backoff("a"), 3, ERROR, {"a": lambda *all_of_them: len(all_of_them)}) == 3


def test_a_strategy_cannot_change_the_options_of_other_jobs() -> None:
    backoff = Backoff("mine", options={"steps": [1]})
    delay_for(backoff, 1, ERROR, {"mine": lambda made, error, options: options["steps"].clear()})
    assert backoff.options == {"steps": [1]}


def test_a_custom_strategy_replaces_a_built_in_of_its_name() -> None:
    """S-071."""
    assert delay_for(Backoff("fixed", 5), 1, ERROR, {"fixed": lambda made: 99}) == 99
    assert delay_for(Backoff("fixed", 5), 1, ERROR, {"fixed": None}) == 5


def test_an_asynchronous_strategy_gives_something_to_await() -> None:
    """S-070."""

    async def later(attempts_made: int) -> int:
        return attempts_made * 10

    answer = delay_for(Backoff("later"), 2, ERROR, {"later": later})
    assert isinstance(answer, Awaitable)

    async def wait() -> Any:
        return await answer

    assert asyncio.run(wait()) == 20


def test_a_strategy_that_this_process_lacks() -> None:
    """S-072, Q-19: a producer may know the name only."""
    with pytest.raises(UnknownBackoffStrategy, match=r"^Unknown backoff strategy mine\. If a custom"):
        delay_for(Backoff("mine"), 1, ERROR, {"mine": None})


def test_what_a_strategy_raises_comes_out() -> None:
    def broken() -> int:
        raise LookupError("no table")

    with pytest.raises(LookupError, match="no table"):
        delay_for(Backoff("broken"), 1, ERROR, {"broken": broken})
