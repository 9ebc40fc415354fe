"""Every scenario runs on Bull and on this library, and both report the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from .compare import listed_deviations
from .sides import Sides

SCENARIOS = sorted((Path(__file__).parent / "scenarios").glob("*.json"))


@pytest.mark.timeout(180)
@pytest.mark.parametrize("file", SCENARIOS, ids=lambda file: file.stem)
def test_alike(file: Path, sides: Sides, record_property: Callable[[str, object], None]) -> None:
    scenario = json.loads(file.read_text(encoding="utf-8"))
    listed = listed_deviations(file.stem)
    record_property("scenario", file.stem)
    record_property("deviations", len(listed))

    found = sides.differences(scenario)

    unlisted = [each for each in found if not any(deviation.covers(each) for deviation in listed)]
    gone = [deviation for deviation in listed if not any(deviation.covers(each) for each in found)]
    text = "\n".join(map(str, unlisted))
    assert not unlisted, f"{file.stem}: {scenario['title']}\n{text}"
    assert not gone, f"{file.stem}: listed deviations that do not show: {gone}"
