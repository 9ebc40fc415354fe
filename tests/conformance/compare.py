"""Compares the traces of one scenario: what differs, and which differences are listed deviations."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DEVIATIONS_FILE = Path(__file__).parent / "deviations.json"
NOT_REACHED = {"error": "not reached in time"}
_TOLERANCE_MS = 200
#: In Bull these come back through pub/sub, so that their place among the other local events is open.
_PUBLISHED_LOCALLY = ("waiting", "duplicated")

Scenario = Mapping[str, Any]
Trace = Mapping[str, Any]


@dataclass(frozen=True)
class Difference:
    """One place of the traces where the sides differ, or where one is not as the scenario expects."""

    where: str
    bull: Any
    ours: Any
    step: Any = None

    def __str__(self) -> str:
        lines = [f"at {self.where}"]
        if self.step is not None:
            lines.append(f"  step: {_text(self.step)}")
        return "\n".join([*lines, f"  Bull: {_text(self.bull)}", f"  ours: {_text(self.ours)}"])


@dataclass(frozen=True)
class Deviation:
    """A difference that stands in contract section 13 or 15, with what each side does there."""

    scenario: str
    where: str
    cites: str
    bull: Any
    ours: Any

    def covers(self, difference: Difference) -> bool:
        return (self.where, self.bull, self.ours) == (difference.where, difference.bull, difference.ours)


def listed_deviations(scenario: str) -> list[Deviation]:
    """Those of one scenario."""
    rows = json.loads(DEVIATIONS_FILE.read_text(encoding="utf-8"))
    return [Deviation(**row) for row in rows if row["scenario"] == scenario]


def differences(scenario: Scenario, bull: Trace, ours: Trace) -> list[Difference]:
    """Every place where the two sides, or a side and the scenario's own expectation, differ."""
    traced = scenario.get("trace", [])
    ignored = scenario.get("ignore_events", [])
    found = list(_answers(scenario, bull["answers"], ours["answers"]))
    if "starts" in traced:
        found += _starts(scenario, bull["starts"], ours["starts"])
    if "times" in traced:
        found += _times(scenario, bull["starts"], ours["starts"])
    if "events" in traced:
        for queue in bull["events"]:
            found += _local_events(queue, bull["events"][queue], ours["events"].get(queue, []), ignored)
    if "global_events" in traced:
        found += _rows("global_events", bull["global_events"], ours["global_events"], ignored)
    return found


def _answers(scenario: Scenario, bull: Sequence[Any], ours: Sequence[Any]) -> Iterator[Difference]:
    for (where, step), theirs, mine in zip(_places(scenario), bull, ours, strict=True):
        expected = step.get("expect", theirs) if step else theirs
        if theirs != mine or NOT_REACHED in (theirs, mine):
            yield Difference(where, theirs, mine, step)
        elif theirs != expected:
            yield Difference(f"{where}, expected {_text(expected)}", theirs, mine, step)


def _places(scenario: Scenario) -> Iterator[tuple[str, Any]]:
    """The name of each answer, and its step; a stepped scenario has a snapshot after each."""
    for index, step in enumerate(scenario["steps"]):
        where = f"answers/{step.get('id', index)}"
        yield where, step
        if scenario.get("stepped"):
            yield f"{where}/snapshot", step


def _starts(scenario: Scenario, bull: Sequence[Any], ours: Sequence[Any]) -> Iterator[Difference]:
    theirs, mine = (
        [[start["job"], start["name"], start["attemptsMade"]] for start in each] for each in (bull, ours)
    )
    expected = scenario.get("expect_starts", [job for job, *_ in theirs])
    if theirs != mine:
        yield Difference("starts", theirs, mine)
    elif [job for job, *_ in theirs] != expected:
        yield Difference(f"starts, expected {_text(expected)}", theirs, mine)


def _times(scenario: Scenario, bull: Sequence[Any], ours: Sequence[Any]) -> Iterator[Difference]:
    theirs, mine = ([start["ms"] for start in each] for each in (bull, ours))
    allowed = scenario.get("tolerance_ms", _TOLERANCE_MS)
    if any(abs(first - second) > allowed for first, second in zip(theirs, mine, strict=False)):
        yield Difference("times", theirs, mine)


def _local_events(
    queue: str, bull: Sequence[Any], ours: Sequence[Any], ignored: Iterable[str]
) -> Iterator[Difference]:
    yield from _rows(f"events/{queue}", bull, ours, (*ignored, *_PUBLISHED_LOCALLY))
    theirs, mine = ([row for row in each if row[0] in _PUBLISHED_LOCALLY] for each in (bull, ours))
    yield from _rows(f"events/{queue}/published", theirs, mine, ignored)


def _rows(
    where: str, bull: Sequence[Any], ours: Sequence[Any], ignored: Iterable[str]
) -> Iterator[Difference]:
    dropped = set(ignored)
    theirs, mine = ([row for row in each if row[0] not in dropped] for each in (bull, ours))
    if theirs != mine:
        yield Difference(where, theirs, mine)


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
