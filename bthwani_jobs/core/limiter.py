"""The rate limiter's options, and the group a job belongs to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from ..errors import InvalidOption, InvalidSetting
from .numbers import MAX_MS, flag, whole_number
from .spelling import snake_keys

#: The group of a job whose data has nothing under ``group_key``; Bull's own word for it.
NO_GROUP = "undefined"


@dataclass(frozen=True, slots=True)
class Limiter:
    """At most ``max`` starts in ``duration`` ms, for the whole queue or for each group (contract 7)."""

    max: int
    duration: int
    #: dotted path into the data: jobs with different values there are limited apart
    group_key: str | None = None
    #: leave what is too much at the head of the queue instead of delaying it
    bounce_back: bool = False

    @classmethod
    def of(cls, given: Limiter | Mapping[str, Any] | None) -> Self | Limiter | None:
        """In Python's or Bull's spelling; None is no limiter. Raises ``InvalidSetting`` or
        ``UnknownOption``."""
        if given is None or isinstance(given, Limiter):
            return given
        if not isinstance(given, Mapping):
            raise InvalidSetting(
                f'limiter must be a mapping such as {{"max": 10, "duration": 1000}}, found {given!r:.80}.'
            )
        values = snake_keys(given, tuple(each.name for each in fields(cls)), "limiter option")
        # Bull's own condition and words: 0 is as good as absent (S-142).
        if values.get("max") in (None, 0) or values.get("duration") in (None, 0):
            raise InvalidSetting("Limiter requires `max` and `duration` options")
        try:
            return cls(
                whole_number(values["max"], "limiter.max", 1),
                whole_number(values["duration"], "limiter.duration", 1, MAX_MS),
                _group_key(values.get("group_key")),
                flag(values.get("bounce_back", False), "limiter.bounce_back"),
            )
        except InvalidOption as error:
            raise InvalidSetting(str(error)) from None


def _group_key(value: Any) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise InvalidSetting(
            f'limiter.group_key must be a path into the data such as "user.id", found {value!r:.80}.'
        )
    return value


def group_of(data: Any, path: str) -> str:
    """The text of what lies under a dotted path; list items by number.

    >>> group_of({"user": {"id": 7}}, "user.id"), group_of({}, "user.id")
    ('7', 'undefined')
    """
    found = data
    for step in path.split("."):
        if isinstance(found, Mapping):
            found = found.get(step)
        elif isinstance(found, (list, tuple)) and step.isascii() and step.isdigit():
            found = found[int(step)] if int(step) < len(found) else None
        else:
            found = None
    if found is None:
        return NO_GROUP
    return found if isinstance(found, str) else json.dumps(found, ensure_ascii=False, sort_keys=True)


def limiter_text(limiter: Limiter | None) -> str:
    """As step.lua takes it: ``<max>:<duration ms>:<flags>``, flags g = by group, b = bounce back; "" = no
    limiter."""
    if limiter is None:
        return ""
    flags = ("g" if limiter.group_key else "") + ("b" if limiter.bounce_back else "")
    return f"{limiter.max}:{limiter.duration}:{flags}"
