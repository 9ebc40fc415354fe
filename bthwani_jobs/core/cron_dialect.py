"""What a cron expression means to cron-parser 4.9, as plain expressions that croniter reads the same way.

cron-parser's own way with days: both day fields restricted means either, a field counts as unrestricted by
the number of its values, ``#`` restricts all days to one week of the month.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ..errors import InvalidRepeat

_ALIASES = {
    "@yearly": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES, 1)}
_WEEKDAYS = {name: number for number, name in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"))}
_DAYS_IN_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_DEFAULTS = ("0", "*", "*", "*", "*", "*")
_NAME = re.compile("[a-z]{3}", re.IGNORECASE)
_PLAIN = re.compile("[,*0-9/-]+")
_WITH_LAST = re.compile("[?,*0-9L/-]+")
_LAST = "L"


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    low: int
    high: int
    names: Mapping[str, int]
    characters: re.Pattern[str]


_FIELDS = (
    _Field("second", 0, 59, {}, _PLAIN),
    _Field("minute", 0, 59, {}, _PLAIN),
    _Field("hour", 0, 23, {}, _PLAIN),
    _Field("day of the month", 1, 31, {}, _WITH_LAST),
    _Field("month", 1, 12, _MONTHS, _PLAIN),
    _Field("day of the week", 0, 7, _WEEKDAYS, _WITH_LAST),
)

#: The values of one field in the order they were written, repetitions included: a number, ``L`` or ``5L``.
_Values = list[int | str]


#: An hour field that means every hour.
EVERY_HOUR = "*"


@dataclass(frozen=True, slots=True)
class Rule:
    """Times that match all of its fields: the day of month *and* the day of week."""

    second: str
    minute: str
    hour: str
    day_of_month: str
    month: str
    day_of_week: str

    @property
    def expression(self) -> str:
        return f"{self.second} {self.minute} {self.hour} {self.day_of_month} {self.month} {self.day_of_week}"


def rules_of(expression: str) -> tuple[Rule, ...]:
    """The rules of which at least one must match. Raises ``InvalidRepeat`` for what cron-parser refuses."""
    try:
        atoms = _atoms(expression)
        atoms[5], week = _split_week(atoms[5])
        fields = [_values(field, atom) for field, atom in zip(_FIELDS, atoms, strict=True)]
        _check_month(fields[3], fields[4])
        return tuple(_rules(fields, week))
    except ValueError as error:
        raise InvalidRepeat(f'The cron expression "{expression}" cannot be used: {error}.') from None


def _atoms(expression: str) -> list[str]:
    atoms = _ALIASES.get(expression, expression).split()
    if not atoms:
        raise ValueError("it is empty")
    if len(atoms) > len(_FIELDS):
        raise ValueError(f"it has {len(atoms)} fields, expected five, or six with seconds first")
    return [*_DEFAULTS[: len(_FIELDS) - len(atoms)], *atoms]


def _split_week(day_of_week: str) -> tuple[str, int | None]:
    """``2#1`` is the first Tuesday."""
    days, sign, week = day_of_week.partition("#")
    if not sign:
        return day_of_week, None
    if any(character in days for character in ",/-L"):
        raise ValueError("# goes with one day of the week only")
    if week not in {"1", "2", "3", "4", "5"}:
        raise ValueError(f'the number after # must be 1 to 5, found "{week}"')
    return days, int(week)


def _values(field: _Field, atom: str) -> _Values:
    if field.names:
        atom = _NAME.sub(lambda found: str(_named(field, found[0])), atom)
    if not field.characters.fullmatch(atom):
        raise ValueError(f'the {field.name} "{atom}" holds characters that do not belong there')
    return [value for part in atom.split(",") for value in _part(field, part)]


def _named(field: _Field, name: str) -> int:
    try:
        return field.names[name.lower()]
    except KeyError:
        raise ValueError(f'"{name}" is not the name of a {field.name}') from None


def _part(field: _Field, part: str) -> Iterable[int | str]:
    if part.endswith(_LAST):
        return [_last(field, part)]
    span, slash, step_text = part.partition("/")
    step = _number(step_text, field) if slash else 1
    if step < 1:
        raise ValueError(f"a step must be at least 1, found {step_text}")
    if span in {"*", "?"}:
        low, high = field.low, field.high
    elif "-" in span:
        first, _, last = span.partition("-")
        low, high = _number(first, field), _number(last, field)
    else:
        low = _number(span, field)
        if not slash:
            return [_checked(low, field) % 7 if field.high == 7 else _checked(low, field)]
        high = field.high
    if _checked(low, field) > _checked(high, field):
        raise ValueError(f"the range {low}-{high} of the {field.name} runs backwards")
    return _range(field, low, high, step)


def _range(field: _Field, low: int, high: int, step: int) -> list[int | str]:
    values: list[int | str] = list(range(low, high + 1, step))
    if field.high == 7 and high == 7 and low > 0 and 0 not in values:
        # A range that ends in 7 has its Sunday whatever the step, as 0 beside the 7 that may be there.
        values.append(0)
    return values


def _last(field: _Field, part: str) -> str:
    day = part.removesuffix(_LAST)
    if field.name == "day of the month" and day == "":
        return _LAST
    if field.name == "day of the week" and len(day) == 1 and day in "01234567":
        return f"{_LAST}{int(day) % 7}"
    raise ValueError(f'"{part}" is no {field.name}: L is the last day of a month, 5L its last Friday')


def _number(text: str, field: _Field) -> int:
    if not text.isdigit():
        raise ValueError(f'"{text}" in the {field.name} is not a number')
    return int(text)


def _checked(value: int, field: _Field) -> int:
    if not field.low <= value <= field.high:
        raise ValueError(f"got value {value} for the {field.name}, expected range {field.low}-{field.high}")
    return value


def _check_month(days: _Values, months: _Values) -> None:
    numbers = _numbers(days)
    if len(months) == 1 and numbers and min(numbers) > _DAYS_IN_MONTH[_numbers(months)[0] - 1]:
        raise ValueError("that month does not have this day")


def _rules(fields: list[_Values], week: int | None) -> Iterator[Rule]:
    seconds, minutes, hours, days, months, weekdays = fields
    times = (_text(seconds, 60), _text(minutes, 60), _text(hours, 24))
    if len(weekdays) == 8:
        for day in _day_texts(days, week):
            yield Rule(*times, day, _text(months, 12), "*")
        return
    for weekday in _weekday_texts(weekdays):
        yield Rule(*times, "*" if week is None else _text(_days_of(week), 31), _text(months, 12), weekday)
    # In a month that has no more days than are named, the day of month counts as unrestricted.
    restricted: _Values = [month for month in _numbers(months) if len(days) < _DAYS_IN_MONTH[month - 1]]
    for day in _day_texts(days, week) if restricted else ():
        yield Rule(*times, day, _text(restricted, 12), "*")


def _day_texts(days: _Values, week: int | None) -> Iterator[str]:
    if _LAST in days:
        if week is not None:
            raise ValueError("L and # cannot be combined")
        yield "L"
    numbers = [day for day in _numbers(days) if week is None or day in _days_of(week)]
    if numbers:
        yield _text(numbers, 31)


def _weekday_texts(weekdays: _Values) -> Iterator[str]:
    # One rule each: croniter takes "L5" as a restriction of whatever stands beside it.
    yield from sorted({day for day in weekdays if isinstance(day, str)})
    numbers = [day % 7 for day in _numbers(weekdays)]
    if numbers:
        yield _text(numbers, 7)


def _days_of(week: int) -> range:
    """The days of the month on which the n-th Monday, Tuesday … can fall."""
    return range(7 * week - 6, min(7 * week, 31) + 1)


def _numbers(values: Iterable[int | str]) -> list[int]:
    return [value for value in values if isinstance(value, int)]


def _text(values: Iterable[int | str], size: int) -> str:
    numbers = sorted(set(_numbers(values)))
    return "*" if len(numbers) == size else ",".join(map(str, numbers))
