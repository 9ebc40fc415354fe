"""The options of a job: one frozen object, validated when it is made, with one default per field."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, Self

from ..errors import InvalidOption, InvalidOptionType
from .ids import validate_job_id
from .numbers import MAX_MS, MAX_TIMESTAMP, flag, whole_number
from .option_types import Backoff, Keep, Repeat, keep_text, retention_of
from .settings import QueueSettings
from .spelling import snake_keys

__all__ = ["DEFAULT", "Backoff", "JobOptions", "Keep", "QueueSettings", "Repeat", "keep_text"]


@dataclass(frozen=True, slots=True)
class JobOptions:
    """How one job is run, in Bull's terms and milliseconds. Made by ``JobOptions.of``."""

    attempts: int = 1
    backoff: Backoff | None = None
    delay: int = 0
    priority: int = 0
    lifo: bool = False
    timeout: int | None = None
    job_id: str | None = None
    remove_on_complete: bool | int | Keep = False
    remove_on_fail: bool | int | Keep = False
    repeat: Repeat | None = None
    #: keep the tracebacks of the newest N failed attempts; None and 0 keep all (Q-52)
    stack_trace_limit: int | None = None
    prevent_parsing_data: bool = False
    timestamp: int | None = None
    #: the nominal time of an occurrence of a repeatable; only the queue sets it
    prev_millis: int | None = None

    @classmethod
    def of(
        cls,
        given: Mapping[str, Any] | None = None,
        keywords: Mapping[str, Any] | None = None,
        *,
        defaults: JobOptions | Mapping[str, Any] | None = None,
        strategies: Collection[str] = (),
    ) -> JobOptions:
        """Keywords over ``given`` over ``defaults``, key by key (S-021), in Python's or Bull's spelling.

        None means not given. The caller's mappings are left as they are (S-013). ``defaults`` may be the
        ``JobOptions`` that an earlier call made of them, which saves validating them for every job.
        ``strategies`` are the names of custom backoff strategies. Raises the branches of ``InvalidInput``.
        """
        if not isinstance(defaults, JobOptions):
            defaults = _built(DEFAULT, defaults, strategies) if defaults else DEFAULT
        options = _built(defaults, given, strategies) if given else defaults
        if keywords:
            options = _built(options, keywords, strategies)
        if options.timestamp is not None and options.timestamp + options.delay > MAX_TIMESTAMP:
            raise InvalidOption(f"timestamp + delay must not exceed {MAX_TIMESTAMP}, in the year 2248.")
        return options

    def replace(self, **changes: Any) -> Self:
        """A copy with some fields changed, which are taken as they are; ``KeyError`` for an unknown one."""
        # dataclasses.replace() takes four times as long, and this runs for every job with an id of its own.
        copy = object.__new__(type(self))
        for set_field, value in zip(_SETTERS.values(), _values_of(self), strict=True):
            set_field(copy, value)
        for name, value in changes.items():
            _SETTERS[name](copy, value)
        return copy


_FIELDS = tuple(field.name for field in fields(JobOptions))
_SETTERS = {name: getattr(JobOptions, name).__set__ for name in _FIELDS}
_values_of = attrgetter(*_FIELDS)

#: What a job without options has.
DEFAULT = JobOptions()


def _duration(value: Any, name: str) -> int:
    return whole_number(value, name, 0, MAX_MS)


_PARSERS: Mapping[str, Callable[[Any, str], Any]] = {
    "attempts": lambda value, name: whole_number(value, name, 1),
    "delay": _duration,
    "priority": lambda value, name: whole_number(value, name, 0),
    "lifo": flag,
    "timeout": lambda value, name: whole_number(value, name, 1, MAX_MS),
    "job_id": lambda value, name: validate_job_id(value),
    "remove_on_complete": retention_of,
    "remove_on_fail": retention_of,
    "repeat": lambda value, name: Repeat.of(value),
    "stack_trace_limit": lambda value, name: whole_number(value, name, 0),
    "prevent_parsing_data": flag,
    "timestamp": lambda value, name: whole_number(value, name, 0, MAX_TIMESTAMP),
}

#: The options a caller may give.
OPTION_NAMES = tuple(name for name in _FIELDS if name != "prev_millis")


def _built(base: JobOptions, given: Mapping[str, Any], strategies: Collection[str]) -> JobOptions:
    if not isinstance(given, Mapping):
        raise InvalidOptionType(f'Options must be a mapping such as {{"attempts": 3}}, found {given!r:.80}.')
    changes = snake_keys(given, OPTION_NAMES, "option")
    if not changes:
        return base
    for name, value in changes.items():
        changes[name] = Backoff.of(value, strategies) if name == "backoff" else _PARSERS[name](value, name)
    return base.replace(**changes)
