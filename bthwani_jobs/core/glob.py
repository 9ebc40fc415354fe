"""Redis' patterns (``*``, ``?``, ``[a-z]``, ``[^a]``, ``\\x``) on texts that Redis holds encoded."""

from __future__ import annotations

import re

_SPECIAL = "*?[\\"


def literal_head(pattern: str) -> str:
    """What every matching text begins with."""
    ends = [pattern.index(character) for character in _SPECIAL if character in pattern]
    return pattern[: min(ends)] if ends else pattern


def glob(pattern: str) -> re.Pattern[str]:
    """To be used with ``fullmatch``. Characters count, where in Redis bytes do: ``?`` is one letter of any
    script."""
    parts, at = [], 0
    while at < len(pattern):
        character = pattern[at]
        if character == "[":
            text, at = _class(pattern, at + 1)
            parts.append(text)
            continue
        if character == "\\" and at + 1 < len(pattern):
            at += 1
            parts.append(re.escape(pattern[at]))
        elif character == "*":
            if parts[-1:] != [".*"]:
                parts.append(".*")
        else:
            parts.append("." if character == "?" else re.escape(character))
        at += 1
    return re.compile("".join(parts), re.DOTALL)


def _class(pattern: str, at: int) -> tuple[str, int]:
    """A class from behind its bracket: its regular expression, and where the pattern goes on. As in Redis one
    that is not closed ends with the pattern."""
    negated = pattern[at : at + 1] == "^"
    at += negated
    members = []
    while at < len(pattern) and pattern[at] != "]":
        if pattern[at] == "\\" and at + 1 < len(pattern):
            members.append(re.escape(pattern[at + 1]))
            at += 2
        elif pattern[at + 1 : at + 2] == "-" and at + 2 < len(pattern):
            low, high = sorted((pattern[at], pattern[at + 2]))
            members.append(f"{re.escape(low)}-{re.escape(high)}")
            at += 3
        else:
            members.append(re.escape(pattern[at]))
            at += 1
    if not members:
        return ("." if negated else "(?!)"), at + 1
    return f"[{'^' if negated else ''}{''.join(members)}]", at + 1
