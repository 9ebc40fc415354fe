"""Random command sequences on both sides; one that differs is shrunk and printed for a replay.

``SEED`` chooses other sequences than CI's, ``SEQUENCES`` more of them. A printed sequence goes into a file
and is replayed with ``python -m tests.conformance <file>``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import pytest

from .compare import Difference
from .generator import SequenceGenerator
from .shrinking import shrink
from .sides import Sides

SEED = os.environ.get("SEED", "bthwani")
SEQUENCES = int(os.environ.get("SEQUENCES", "36"))
_LENGTH = 60
_JOBS = 30
_SHRINKING_TRIES = 120


@pytest.mark.timeout(240)
@pytest.mark.parametrize("number", range(SEQUENCES))
def test_a_random_sequence_is_alike(
    number: int, sides: Sides, record_property: Callable[[str, object], None]
) -> None:
    generator = SequenceGenerator(f"{SEED}-{number}")
    scenario = _scenario(generator, number % 6)
    record_property("commands", len(scenario["steps"]))

    found = sides.differences(scenario)
    if found:
        pytest.fail(f"SEED={SEED}, sequence {number} differs.\n{_report(scenario, found, sides)}")


def _scenario(generator: SequenceGenerator, kind: int) -> dict[str, Any]:
    if kind == 4:
        return generator.repeating(_LENGTH)
    return generator.draining(_JOBS) if kind == 5 else generator.sequence(_LENGTH)


def _report(scenario: dict[str, Any], found: list[Difference], sides: Sides) -> str:
    """The differences of the shortest sequence that shows them, or of the first run if no other shows any."""

    def differs(shorter: dict[str, Any]) -> bool:
        nonlocal found
        now = sides.differences(shorter)
        if not any(difference.is_between_sides for difference in now):
            return False
        found = now
        return True

    steadiness = "" if differs(scenario) else "Only its first run did.\n"
    shortest = scenario if steadiness else shrink(scenario, differs, _SHRINKING_TRIES)
    differences = "\n".join(map(str, found))
    return f"{steadiness}{differences}\nReplay:\n{json.dumps(shortest, ensure_ascii=False)}"
