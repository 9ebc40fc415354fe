"""Random command sequences on both sides; one that differs is shrunk and printed for a replay.

``SEED`` chooses other sequences than CI's, ``SEQUENCES`` more of them. A printed sequence goes into a file
and is replayed with ``python -m tests.conformance <file>``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable

import pytest

from .generator import SequenceGenerator, shrink
from .sides import Sides

SEED = os.environ.get("SEED", "bthwani")
SEQUENCES = int(os.environ.get("SEQUENCES", "32"))
_LENGTH = 60
_JOBS = 30
_SHRINKING_TRIES = 120


@pytest.mark.timeout(240)
@pytest.mark.parametrize("number", range(SEQUENCES))
def test_a_random_sequence_is_alike(
    number: int, sides: Sides, record_property: Callable[[str, object], None]
) -> None:
    generator = SequenceGenerator(f"{SEED}-{number}")
    scenario = generator.draining(_JOBS) if number % 4 == 3 else generator.sequence(_LENGTH)
    record_property("commands", len(scenario["steps"]))

    if not sides.differences(scenario):
        return
    shortest = shrink(scenario, lambda shorter: bool(sides.differences(shorter)), _SHRINKING_TRIES)
    found = "\n".join(map(str, sides.differences(shortest))) or "(not every run of it differs)"
    replay = json.dumps(shortest, ensure_ascii=False)
    pytest.fail(f"SEED={SEED}, sequence {number} differs:\n{found}\nReplay:\n{replay}")
