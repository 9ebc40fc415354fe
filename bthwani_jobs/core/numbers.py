"""Whole numbers and flags as options give them (Q-09, Q-69).

Bull coerces almost anything to a number; here a number, or a whole number written as text, is expected.
"""

from __future__ import annotations

from typing import Any

from ..errors import InvalidInput, InvalidOption, InvalidOptionType

#: The longest duration in ms, about 139 years: added to now, its order in Redis is still exact.
MAX_MS = 2**42
#: The latest time in ms that Redis can keep in exact order, in the year 2248.
MAX_TIMESTAMP = 2**43 - 1
#: The largest whole number that Redis' Lua and JavaScript hold exactly.
MAX_SAFE = 2**53 - 1


def whole_number(value: Any, name: str, minimum: int, maximum: int = MAX_SAFE) -> int:
    """``value`` as an int within bounds, else ``InvalidOption``; for another kind ``InvalidOptionType``."""
    if type(value) is not int:
        value = _converted(value, name)
    if not minimum <= value <= maximum:
        bounds = (
            f"of {minimum} or more"
            if maximum == MAX_SAFE and value < minimum
            else f"from {minimum} to {maximum}"
        )
        raise InvalidOption(f"{name} must be a whole number {bounds}, found {value}.")
    return int(value)


def flag(value: Any, name: str) -> bool:
    if value is True or value is False:
        return bool(value)
    raise InvalidOptionType(f"{name} must be True or False, found {value!r:.80}.")


def seconds(value: Any, name: str) -> int | float:
    """A duration in seconds, which alone may be fractional, above zero."""
    if isinstance(value, str):
        value = whole_number(value, name, 1)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidOptionType(f"{name} must be a number of seconds, found {value!r:.80}.")
    if not 0 < value <= MAX_MS / 1000:
        raise InvalidOption(f"{name} must be a number of seconds above 0, found {value}.")
    return value


def _converted(value: Any, name: str) -> int:
    if isinstance(value, str):
        text = value.strip()
        digits = text[1:] if text[:1] in ("-", "+") else text
        # Bounded: int() takes ever longer, and refuses in its own words, for thousands of digits.
        if digits.isascii() and digits.isdigit() and len(digits) <= 20:
            return int(text)
        raise _not_whole(value, name, InvalidOptionType)
    if isinstance(value, float):
        if value.is_integer():
            return int(value)
        raise _not_whole(value, name, InvalidOption)
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    raise _not_whole(value, name, InvalidOptionType)


def _not_whole(value: Any, name: str, error: type[InvalidInput]) -> InvalidInput:
    return error(f"{name} must be a whole number, found {value!r:.80}.")
