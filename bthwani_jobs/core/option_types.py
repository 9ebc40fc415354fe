"""The options that are small mappings themselves: backoff, retention and repeat.

Each is frozen, has attributes, and reads as a mapping of the fields that are set, equal to the plain dict.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any, Self

from ..errors import InvalidJobId, InvalidOption, InvalidOptionType, InvalidRepeat, UnknownBackoffStrategy
from .cron import validate_cron, validate_zone
from .ids import validate_job_id
from .numbers import MAX_MS, MAX_TIMESTAMP, whole_number
from .payload import fault_of
from .spelling import snake_keys

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)

BUILT_IN_STRATEGIES = frozenset({"fixed", "exponential", "doubling"})


class OptionMapping(Mapping[str, Any]):
    """A frozen dataclass that is also the mapping of those of its fields that are not None."""

    __slots__ = ()

    def __getitem__(self, name: str) -> Any:
        value = getattr(self, name, None) if name in _field_names(type(self)) else None
        if value is None:
            raise KeyError(name)
        return value

    def __iter__(self) -> Iterator[str]:
        return (name for name in _field_names(type(self)) if getattr(self, name) is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)


@cache
def _field_names(kind: type[Any]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


@dataclass(frozen=True, slots=True, eq=False)
class Backoff(OptionMapping):
    """The wait between two attempts; ``delay`` in ms, ``options`` for a custom strategy."""

    type: str
    delay: int | None = None
    options: Any = None

    @classmethod
    def of(cls, value: Any, strategies: Collection[str] = ()) -> Self:
        """A number means ``fixed``. A type that is neither built in nor in ``strategies`` raises
        ``UnknownBackoffStrategy`` (Q-19)."""
        if not isinstance(value, Mapping):
            return cls("fixed", whole_number(value, "backoff", 0, MAX_MS))
        given = snake_keys(value, _field_names(cls), "backoff option")
        kind = given.get("type")
        if not isinstance(kind, str) or not kind:
            raise InvalidOption(
                f"backoff needs a type, such as fixed or exponential, found {dict(value)!r:.80}."
            )
        if kind not in BUILT_IN_STRATEGIES and kind not in strategies:
            raise UnknownBackoffStrategy(kind)
        delay = given.get("delay")
        options = given.get("options")
        if options is not None:
            options = _copied(options, "backoff.options")
        return cls(kind, None if delay is None else whole_number(delay, "backoff.delay", 0, MAX_MS), options)


@dataclass(frozen=True, slots=True, eq=False)
class Keep(OptionMapping):
    """Which finished jobs stay: at most ``count``, none older than ``age`` **seconds**; neither means all."""

    age: int | None = None
    count: int | None = None

    @classmethod
    def of(cls, value: Mapping[str, Any], option: str) -> Self:
        given = snake_keys(value, _field_names(cls), f"{option} option")
        age, count = given.get("age"), given.get("count")
        return cls(
            None if age is None else whole_number(age, f"{option}.age", 0, MAX_MS // 1000),
            None if count is None else whole_number(count, f"{option}.count", 0),
        )


def retention_of(value: Any, option: str) -> bool | int | Keep:
    """``remove_on_complete`` or ``remove_on_fail``: a bool, a count (-1 keeps all), or age and count.

    Text that is not a number is refused (Q-21: in Bull any text removes).
    """
    if value is True or value is False:
        return bool(value)
    if isinstance(value, Mapping):
        return Keep.of(value, option)
    try:
        return whole_number(value, option, -1)
    except InvalidOptionType:
        raise InvalidOptionType(
            f'{option} must be True, False, a number of jobs to keep, or {{"age": seconds, "count": jobs}}, '
            f"found {value!r:.80}."
        ) from None


def keep_text(value: bool | int | Keep | None) -> str:
    """The retention as the scripts take it: ``""`` keeps all, else ``<count>:<age in ms>``, one may be empty.

    >>> keep_text(True), keep_text(5), keep_text(Keep(age=7)), keep_text(False)
    ('0:', '5:', ':7000', '')
    """
    if value is None or value is False or value == -1:
        return ""
    if value is True:
        return "0:"
    if not isinstance(value, Keep):
        return f"{value}:"
    if value.count is None and value.age is None:
        return ""
    count = "" if value.count is None else value.count
    return f"{count}:{'' if value.age is None else value.age * 1000}"


@dataclass(frozen=True, slots=True, eq=False)
class Repeat(OptionMapping):
    """When a job comes again: by ``cron`` or ``every`` (ms). Dates in ms. The queue fills in ``key``."""

    cron: str | None = None
    every: int | None = None
    tz: str | None = None
    start_date: int | None = None
    end_date: int | None = None
    limit: int | None = None
    count: int | None = None
    key: str | None = None
    job_id: str | None = None

    @classmethod
    def of(cls, value: Any) -> Self:
        """Validates all that can be known beforehand (Q-40): anything wrong raises ``InvalidRepeat``, an
        unknown name ``UnknownOption``. A ``key`` given by the caller is left out."""
        if not isinstance(value, Mapping):
            raise InvalidRepeat(f'repeat must be a mapping such as {{"every": 60000}}, found {value!r:.80}.')
        given = snake_keys(value, _field_names(cls), "repeat option")
        try:
            return cls(
                **_schedule_of(given),
                start_date=_moment(given.get("start_date"), "start_date"),
                end_date=_moment(given.get("end_date"), "end_date"),
                limit=_count(given.get("limit"), "limit"),
                count=_count(given.get("count"), "count"),
                job_id=_id_of(given.get("job_id")),
            )
        except InvalidOption as error:
            raise InvalidRepeat(str(error)) from None


def _schedule_of(given: Mapping[str, Any]) -> dict[str, Any]:
    cron, every, tz = given.get("cron"), given.get("every"), given.get("tz")
    if cron is not None and every is not None:
        raise InvalidRepeat("Both .cron and .every options are defined for this repeatable job")
    if cron is None and every is None:
        raise InvalidRepeat('repeat needs either cron, such as "0 0 * * *", or every, in milliseconds.')
    if tz is not None and tz != "":
        validate_zone(tz)
    if cron is not None:
        validate_cron(cron)
    return {
        "cron": cron,
        "every": None if every is None else whole_number(every, "repeat.every", 1, MAX_MS),
        "tz": tz or None,
    }


def _count(value: Any, name: str) -> int | None:
    return None if value is None else whole_number(value, f"repeat.{name}", 0)


def _id_of(value: Any) -> str | None:
    try:
        return validate_job_id(value)
    except InvalidJobId as error:
        raise InvalidRepeat(f"repeat.job_id: {error}") from None


def _moment(value: Any, name: str) -> int | None:
    """Milliseconds of a date given as such, as a date object or as ISO text.

    As in JavaScript, a time without a zone is local and a day without a time begins in UTC.
    """
    if value is None:
        return None
    if isinstance(value, str) and not value.strip().lstrip("+-").isdigit():
        value = _parsed(value, name)
    if isinstance(value, datetime):
        return whole_number((value.astimezone(UTC) - _EPOCH) // _MS, f"repeat.{name}", 0, MAX_TIMESTAMP)
    if isinstance(value, date):
        return _moment(datetime(value.year, value.month, value.day, tzinfo=UTC), name)
    return whole_number(value, f"repeat.{name}", 0, MAX_TIMESTAMP)


def _parsed(text: str, name: str) -> datetime | date:
    try:
        return date.fromisoformat(text) if len(text) <= 10 else datetime.fromisoformat(text)
    except ValueError:
        raise InvalidRepeat(
            f'repeat.{name} must be a date such as "2026-12-31T23:59:59Z" or in ms, found {text!r:.60}.'
        ) from None


def _copied(value: Any, name: str) -> Any:
    """A copy that the caller cannot change afterwards, of something that must be JSON."""
    fault = fault_of(value, name)
    if fault:
        raise InvalidOptionType(f"{fault}. It must be JSON.")
    return deepcopy(value)
