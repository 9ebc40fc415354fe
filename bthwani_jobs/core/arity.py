"""Calling a function with as many arguments as it takes, as JavaScript does."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any


def positional_count(function: Callable[..., Any]) -> int | None:
    """How many positional arguments ``function`` takes; None if there is no limit or it cannot be told."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(each.kind is each.VAR_POSITIONAL for each in parameters):
        return None
    return sum(each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD) for each in parameters)
