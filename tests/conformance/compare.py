"""Compares the traces of one scenario: what differs, and which differences are listed deviations."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

DEVIATIONS_FILE = Path(__file__).parent / "deviations.json"
NOT_REACHED = {"error": "not reached in time"}
_REFUSED = "<refused>"
_TOLERANCE_MS = 200
#: Events that come from different places at once (the worker's slots, pub/sub in Bull, the caller of pause):
#: each place keeps its order, there is none between them (contract 10.2).
_LOCAL_VOICES = (
    ("active", "progress", "completed", "failed", "stalled", "drained", "removed"),
    ("waiting", "duplicated"),
    ("paused", "resumed"),
)
_GLOBAL_VOICES = (
    ("waiting", "active", "progress", "completed", "failed", "stalled", "paused", "resumed", "duplicated"),
    ("drained",),
)

Scenario = Mapping[str, Any]
Trace = Mapping[str, Any]


@dataclass(frozen=True)
class Difference:
    """One place of the traces where the sides differ, or where one is not as the scenario expects."""

    where: str
    bull: Any
    ours: Any
    step: Any = None

    @property
    def is_between_sides(self) -> bool:
        return bool(self.bull != self.ours)

    def __str__(self) -> str:
        lines = [f"at {self.where}"]
        if self.step is not None:
            lines.append(f"  step: {_text(self.step)}")
        return "\n".join([*lines, f"  Bull: {_text(self.bull)}", f"  ours: {_text(self.ours)}"])


@dataclass(frozen=True)
class Deviation:
    """A difference that stands in contract section 13 or 15, with what each side does there.

    ``"<refused>"`` stands for an error with any text.
    """

    scenario: str
    where: str
    cites: str
    bull: Any
    ours: Any

    def covers(self, difference: Difference) -> bool:
        sides = ((self.bull, difference.bull), (self.ours, difference.ours))
        return self.where == difference.where and all(_is(listed, found) for listed, found in sides)


def _is(listed: Any, found: Any) -> bool:
    if listed == _REFUSED:
        return _is_error(found) and found != NOT_REACHED
    return bool(listed == found)


def _is_error(answer: Any) -> bool:
    return isinstance(answer, dict) and answer.keys() == {"error"}


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
        for queue, voice in product(bull["events"], _LOCAL_VOICES):
            theirs, mine = bull["events"][queue], ours["events"].get(queue, [])
            found += _voice(f"events/{queue}", voice, theirs, mine, ignored)
    if "global_events" in traced:
        for voice in _GLOBAL_VOICES:
            found += _voice("global_events", voice, bull["global_events"], ours["global_events"], ignored)
    return found


def _answers(scenario: Scenario, bull: Sequence[Any], ours: Sequence[Any]) -> Iterator[Difference]:
    for (where, step), theirs, mine in zip(_places(scenario), bull, ours, strict=True):
        if step is not None and step.get("quiet") and not _is_error(theirs) and not _is_error(mine):
            continue
        expected = theirs if step is None else step.get("expect", theirs)
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
            yield f"{where}/snapshot", None


def _starts(scenario: Scenario, bull: Sequence[Any], ours: Sequence[Any]) -> Iterator[Difference]:
    theirs, mine = (
        [[start[key] for key in ("job", "name", "attemptsMade", "occurrence")] for start in each]
        for each in (bull, ours)
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


def _voice(
    where: str, voice: Sequence[str], bull: Sequence[Any], ours: Sequence[Any], ignored: Iterable[str]
) -> Iterator[Difference]:
    spoken = set(voice) - set(ignored)
    theirs, mine = ([row for row in each if row[0] in spoken] for each in (bull, ours))
    if theirs != mine:
        yield Difference(f"{where}/{voice[0]}", theirs, mine)


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
