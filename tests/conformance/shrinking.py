"""Makes a sequence that differs as short as it still differs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def shrink(
    scenario: dict[str, Any], still_differs: Callable[[dict[str, Any]], bool], tries: int
) -> dict[str, Any]:
    """A shorter sequence that still differs: steps are left out in ever smaller runs, ``tries`` at most."""
    steps: list[dict[str, Any]] = scenario["steps"]
    size = max(1, len(steps) // 2)
    while tries:
        start = 0
        shrunk = False
        while start < len(steps) and tries:
            shorter = steps[:start] + steps[start + size :]
            tries -= 1
            if shorter and still_differs({**scenario, "steps": shorter}):
                steps, shrunk = shorter, True
            else:
                start += size
        if size == 1 and not shrunk:
            break
        size = max(1, size // 2)
    return {**scenario, "steps": steps}
