"""The advanced settings of a queue, with Bull's names and defaults."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from ..errors import InvalidOption, InvalidSetting
from .numbers import MAX_MS, seconds, whole_number
from .spelling import snake_keys

#: Called with the number of failed attempts, the error and ``backoff.options``; gives ms, or an awaitable.
Strategy = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """Milliseconds, except ``drain_delay``: seconds, as in Bull."""

    #: how long a claim on a job lasts without renewal
    lock_duration: int = 30_000
    #: how often a running job's claim is renewed; half of ``lock_duration`` unless given
    lock_renew_time: int = 15_000
    #: how often to look for jobs whose worker died; 0 never (Q-25)
    stalled_interval: int = 30_000
    #: how many times a stalled job is run again before it fails
    max_stalled_count: int = 1
    #: the longest time between two looks at the delayed jobs
    guard_interval: int = 5_000
    #: how long a worker's slot rests after an internal error
    retry_process_delay: int = 5_000
    #: how long one wait for a job lasts while the queue is empty, in seconds
    drain_delay: int | float = 5
    #: custom backoff strategies by name; None where only the worker has the function (Q-19)
    backoff_strategies: Mapping[str, Strategy | None] = field(default_factory=dict)
    #: the largest data of a job, in bytes of JSON
    max_data_bytes: int = 1_048_576

    @classmethod
    def of(cls, given: QueueSettings | Mapping[str, Any] | None = None) -> QueueSettings:
        """Reads settings in Python's or Bull's spelling; None means not given.

        Raises ``InvalidSetting``, or ``UnknownOption`` for an unknown name.
        """
        if not given:
            return cls()
        if isinstance(given, QueueSettings):
            return given
        if not isinstance(given, Mapping):
            raise InvalidSetting(
                f'settings must be a mapping such as {{"lock_duration": 30000}}, found {given!r:.80}.'
            )
        values = snake_keys(given, tuple(each.name for each in fields(cls)), "setting")
        try:
            parsed = {name: _PARSERS[name](value, name) for name, value in values.items()}
        except InvalidOption as error:
            raise InvalidSetting(str(error)) from None
        # As in Bull, 0 means the default, which follows the duration.
        if not parsed.get("lock_renew_time"):
            parsed["lock_renew_time"] = max(1, parsed.get("lock_duration", cls().lock_duration) // 2)
        return cls(**parsed)


def _duration(value: Any, name: str) -> int:
    return whole_number(value, name, 1, MAX_MS)


def _duration_or_zero(value: Any, name: str) -> int:
    return whole_number(value, name, 0, MAX_MS)


def _strategies(value: Any, name: str) -> dict[str, Strategy | None]:
    if isinstance(value, Mapping):
        found = dict(value)
    elif isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
        found = dict.fromkeys(value)
    else:
        raise InvalidSetting(f"{name} must map names to functions, or list names, found {value!r:.80}.")
    for strategy, function in found.items():
        if not isinstance(strategy, str) or not strategy:
            raise InvalidSetting(f"{name}: the name of a strategy must be text, found {strategy!r:.80}.")
        if function is not None and not callable(function):
            raise InvalidSetting(f'{name}: "{strategy}" must be a function, found {function!r:.80}.')
    return found


_PARSERS: Mapping[str, Callable[[Any, str], Any]] = {
    "lock_duration": _duration,
    "lock_renew_time": _duration_or_zero,
    "stalled_interval": _duration_or_zero,
    "max_stalled_count": lambda value, name: whole_number(value, name, 0),
    "guard_interval": _duration,
    "retry_process_delay": _duration_or_zero,
    "drain_delay": seconds,
    "backoff_strategies": _strategies,
    "max_data_bytes": lambda value, name: whole_number(value, name, 1),
}
