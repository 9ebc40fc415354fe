"""The comparison itself: it sees what differs, lets pass only what is listed, and shrinks to what matters."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from typing import Any

import pytest

from .bull import NODE_FOLDER
from .compare import DEVIATIONS_FILE, NOT_REACHED, Deviation, Difference, differences
from .generator import SequenceGenerator
from .shrinking import shrink
from .test_scenarios import SCENARIOS

SCENARIO: dict[str, Any] = {
    "trace": ["starts", "times", "events", "global_events"],
    "steps": [{"do": "add"}, {"do": "count", "expect": 1}],
}
TRACE: dict[str, Any] = {
    "answers": [{"id": "1"}, 1],
    "starts": [{"job": "1", "name": "a", "attemptsMade": 0, "occurrence": None, "ms": 10}],
    "events": {"main": [["waiting", "1"], ["active", {"job": "1"}], ["completed", {"job": "1"}, 5]]},
    "global_events": [["waiting", "1"], ["completed", "1", "5", "active"], ["drained"]],
}


def with_change(*path: Any, value: Any) -> dict[str, Any]:
    changed = deepcopy(TRACE)
    inner: Any = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return changed


def test_equal_traces_are_alike() -> None:
    assert differences(SCENARIO, TRACE, deepcopy(TRACE)) == []


@pytest.mark.parametrize(
    ("ours", "where"),
    [
        (with_change("answers", 0, "id", value="2"), "answers/0"),
        (with_change("starts", 0, "attemptsMade", value=1), "starts"),
        (with_change("starts", 0, "ms", value=900), "times"),
        (with_change("starts", value=[]), "starts"),
        (with_change("events", "main", 2, 2, value=6), "events/main/active"),
        (with_change("events", "main", 0, 1, value="2"), "events/main/waiting"),
        (with_change("events", value={}), "events/main/active"),
        (with_change("global_events", 1, 2, value="6"), "global_events/waiting"),
        (with_change("global_events", 2, value=["paused"]), "global_events/drained"),
    ],
)
def test_a_difference_is_found(ours: dict[str, Any], where: str) -> None:
    assert where in [found.where for found in differences(SCENARIO, TRACE, ours)]


def test_a_start_within_the_tolerance_and_an_event_in_another_voice_pass() -> None:
    ours = with_change("starts", 0, "ms", value=100)
    ours["events"]["main"] = [ours["events"]["main"][index] for index in (1, 0, 2)]
    assert differences(SCENARIO, TRACE, ours) == []


def test_sides_that_are_alike_but_not_as_expected_differ() -> None:
    both = with_change("answers", 1, value=3)
    assert [found.where for found in differences(SCENARIO, both, deepcopy(both))] == ["answers/1, expected 1"]
    scenario = {**SCENARIO, "expect_starts": ["2"]}
    assert [found.where for found in differences(scenario, TRACE, TRACE)] == ['starts, expected ["2"]']


def test_a_condition_that_neither_side_reached_is_no_agreement() -> None:
    both = with_change("answers", 0, value=NOT_REACHED)
    assert [found.where for found in differences(SCENARIO, both, deepcopy(both))] == ["answers/0"]


def test_a_deviation_covers_exactly_what_it_lists() -> None:
    listed = Deviation("file", "answers/0", "Q-07", {"id": "2"}, "<refused>")
    assert listed.covers(Difference("answers/0", {"id": "2"}, {"error": "any text"}))
    assert not listed.covers(Difference("answers/0", {"id": "3"}, {"error": "any text"}))
    assert not listed.covers(Difference("answers/0", {"id": "2"}, {"id": "3"}))
    assert not listed.covers(Difference("answers/0", {"id": "2"}, NOT_REACHED))
    assert not listed.covers(Difference("answers/1", {"id": "2"}, {"error": "any text"}))


def test_a_sequence_shrinks_to_the_steps_that_matter() -> None:
    scenario = {"title": "t", "steps": [{"do": number} for number in range(40)]}

    def still_differs(shorter: dict[str, Any]) -> bool:
        return {7, 23} <= {step["do"] for step in shorter["steps"]}

    assert shrink(scenario, still_differs, tries=200)["steps"] == [{"do": 7}, {"do": 23}]
    assert len(shrink(scenario, still_differs, tries=6)["steps"]) < 40


def test_a_seed_always_draws_the_same_sequence() -> None:
    first, again, other = (SequenceGenerator(seed).sequence(60) for seed in ("a", "a", "b"))
    assert first == again != other


@pytest.mark.parametrize("seed", range(50))
def test_sequences_stay_within_what_is_defined_alike(seed: int) -> None:
    options = json.dumps(SequenceGenerator(str(seed)).sequence(60))
    assert not ('"lifo"' in options and '"priority"' in options)
    assert not re.search(r'"jobId": "\d', options)


@pytest.mark.parametrize("file", SCENARIOS, ids=lambda file: file.stem)
def test_a_scenario_says_what_it_covers(file: Any) -> None:
    scenario = json.loads(file.read_text(encoding="utf-8"))
    assert scenario["title"]
    assert scenario["covers"]
    assert all(re.fullmatch(r"[SQ]-\d{2,3}", statement) for statement in scenario["covers"])


def test_every_deviation_names_its_scenario_and_its_reason() -> None:
    names = {file.stem for file in SCENARIOS}
    for row in json.loads(DEVIATIONS_FILE.read_text(encoding="utf-8")):
        assert row["scenario"] in names
        assert re.search(r"\bQ-\d\d\b|section 15", row["cites"])


def test_bull_is_locked_to_its_exact_version_and_to_no_registry() -> None:
    lock = (NODE_FOLDER / "package-lock.json").read_text(encoding="utf-8")
    assert json.loads(lock)["packages"]["node_modules/bull"]["version"] == "4.16.5"
    assert '"resolved"' not in lock
