"""How long a job waits after a failed attempt."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from copy import deepcopy
from typing import Any

from ..errors import UnknownBackoffStrategy
from .arity import positional_count
from .numbers import MAX_MS
from .option_types import Backoff

#: What a strategy may answer: ms, -1 to fail at once, nothing or 0 to retry at once.
Delay = int | float | None


def delay_for(
    backoff: Backoff | None,
    attempts_made: int,
    error: BaseException,
    strategies: Mapping[str, Callable[..., Any] | None],
) -> Delay | Awaitable[Delay]:
    """The wait in ms after the ``attempts_made``-th failure; the answer of an asynchronous strategy is to be
    awaited.

    A custom strategy goes before a built-in of its name (S-071) and is called with as many of (attempts_made,
    error, options) as it takes (S-067). What it raises is not caught. Raises ``UnknownBackoffStrategy``.
    """
    if backoff is None:
        return 0
    custom = strategies.get(backoff.type)
    if custom is not None:
        # A copy, because options objects are shared by all jobs with the same options.
        arguments = (attempts_made, error, deepcopy(backoff.options))
        return custom(*arguments[: positional_count(custom)])
    built_in = _BUILT_IN.get(backoff.type)
    if built_in is None:
        raise UnknownBackoffStrategy(backoff.type)
    return built_in(backoff.delay or 0, attempts_made)


def _fixed(delay: int, attempts_made: int) -> int:
    return delay


def _exponential(delay: int, attempts_made: int) -> int:
    # Bull's: 1, 3, 7, 15 … times the delay (S-057).
    return _bounded(delay, (1 << min(attempts_made, _MAX_SHIFT)) - 1)


def _doubling(delay: int, attempts_made: int) -> int:
    return _bounded(delay, 1 << min(attempts_made - 1, _MAX_SHIFT))


#: Beyond this many doublings even 1 ms has reached the longest delay there is.
_MAX_SHIFT = MAX_MS.bit_length()

_BUILT_IN: Mapping[str, Callable[[int, int], int]] = {
    "fixed": _fixed,
    "exponential": _exponential,
    "doubling": _doubling,
}


def _bounded(delay: int, factor: int) -> int:
    return min(delay * factor, MAX_MS)
