"""Bull's cron dialect, against cron-parser 4.9's own answers (S-107, S-133 … S-136, Q-40)."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bthwani_jobs.core.cron import next_match, validate_cron, validate_zone
from bthwani_jobs.errors import InvalidRepeat

#: Made by make_cron_vectors.js; its header says how to read it.
VECTORS = json.loads(gzip.decompress(Path(__file__).with_name("cron_vectors.json.gz").read_bytes()))


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def runs(expression: str, tz: str | None, after: str, count: int) -> list[str]:
    """The next matches in UTC."""
    found: list[str] = []
    moment = ms(after)
    for _ in range(count):
        match = next_match(expression, tz, moment)
        assert match is not None
        moment = match
        found.append(datetime.fromtimestamp(moment / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    return found


def answer(expression: str, tz: str, start: int, count: int) -> list[int] | None:
    moment, found = start, []
    try:
        for _ in range(count):
            match = next_match(expression, tz, moment)
            assert match is not None
            moment = match
            found.append((moment - start) // 1000)
    except InvalidRepeat:
        return None
    return found


@pytest.mark.parametrize(("corpus", "size", "count"), [("changes", 300, 5), ("random", 1500, 1)])
def test_answers_are_cron_parsers(corpus: str, size: int, count: int) -> None:
    vectors: list[list[Any]] = VECTORS[corpus]
    assert len(vectors) == size
    wrong = [
        (case, found) for case in vectors if (found := answer(case[0], case[1], case[2], count)) != case[3]
    ]
    assert wrong == []


def test_midnight_in_tokyo() -> None:
    """S-133."""
    assert runs("0 0 * * *", "Asia/Tokyo", "2026-11-24T00:00:00Z", 1) == ["2026-11-24T15:00:00Z"]


@pytest.fixture
def process_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Madrid")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_without_a_zone_the_process_decides(process_zone: None) -> None:
    """S-107, S-133, through both changes of its clocks."""
    assert runs("0 0 * * *", None, "2026-11-24T00:00:00Z", 1) == ["2026-11-24T23:00:00Z"]
    for after in ("2026-03-28T12:00:00Z", "2026-10-24T12:00:00Z"):
        for expression in ("30 2 * * *", "*/30 * * * *"):
            assert runs(expression, None, after, 60) == runs(expression, "Europe/Madrid", after, 60)


def test_a_skipped_time_moves_and_a_repeated_one_counts_once() -> None:
    """S-134."""
    assert runs("30 2 * * *", "Europe/Madrid", "2026-03-28T12:00:00Z", 2) == [
        "2026-03-29T01:30:00Z",
        "2026-03-30T00:30:00Z",
    ]
    assert runs("30 2 * * *", "Europe/Madrid", "2026-10-24T12:00:00Z", 2) == [
        "2026-10-25T00:30:00Z",
        "2026-10-26T01:30:00Z",
    ]


def test_every_half_hour_is_a_real_one() -> None:
    assert runs("*/30 * * * *", "Europe/Madrid", "2026-10-24T23:45:00Z", 5) == [
        "2026-10-25T00:00:00Z",
        "2026-10-25T00:30:00Z",
        "2026-10-25T01:00:00Z",
        "2026-10-25T01:30:00Z",
        "2026-10-25T02:00:00Z",
    ]


def test_a_midnight_that_the_change_skips_moves_too() -> None:
    """Deviation: cron-parser 4.9.0 leaves the day out; the same call gave 2026-04-24T21:00:00Z first."""
    assert runs("0 0 * * *", "Africa/Cairo", "2026-04-22T22:00:00Z", 2) == [
        "2026-04-23T22:00:00Z",
        "2026-04-24T21:00:00Z",
    ]


def test_all_skipped_times_move_even_when_asked_one_by_one() -> None:
    """Deviation: asked anew at 03:10, cron-parser 4.9.0 forgets 03:50; it gave 2021-03-15T06:10:00Z."""
    assert runs("10,50 2 * * *", "America/New_York", "2021-03-14T00:00:00Z", 3) == [
        "2021-03-14T07:10:00Z",
        "2021-03-14T07:50:00Z",
        "2021-03-15T06:10:00Z",
    ]


def test_both_days_restricted_means_either() -> None:
    """S-135."""
    assert runs("0 0 13 * 5", "UTC", "2026-11-01T00:00:00Z", 3) == [
        "2026-11-06T00:00:00Z",
        "2026-11-13T00:00:00Z",
        "2026-11-20T00:00:00Z",
    ]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("*/20 * * * * *", ["2026-11-24T10:17:20Z", "2026-11-24T10:17:40Z", "2026-11-24T10:18:00Z"]),
        ("@daily", ["2026-11-25T00:00:00Z"]),
        ("0 0 L * *", ["2026-11-30T00:00:00Z", "2026-12-31T00:00:00Z"]),
        ("0 0 * * 5L", ["2026-11-27T00:00:00Z", "2026-12-25T00:00:00Z"]),
        ("0 0 * * 2#1", ["2026-12-01T00:00:00Z", "2027-01-05T00:00:00Z"]),
        ("0 0 1 JAN Mon", ["2027-01-01T00:00:00Z", "2027-01-04T00:00:00Z"]),
        ("0 0 ? * 7", ["2026-11-29T00:00:00Z"]),
        ("5 *", ["2027-05-01T00:00:00Z", "2027-05-01T00:01:00Z"]),
        ("0 0 29 2 *", ["2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"]),
        ("0 0 31 4,5 *", ["2027-05-31T00:00:00Z"]),
        ("0 0 31 6 1", None),
    ],
)
def test_the_dialect(expression: str, expected: list[str] | None) -> None:
    """S-136 and section 6.7; fewer than five fields stand at the right."""
    if expected is None:
        with pytest.raises(InvalidRepeat):
            validate_cron(expression)
    else:
        assert runs(expression, "UTC", "2026-11-24T10:17:03Z", len(expected)) == expected


def test_matches_come_strictly_after() -> None:
    on_the_minute = ms("2026-11-24T10:17:00Z")
    assert next_match("* * * * *", "UTC", on_the_minute) == on_the_minute + 60_000
    assert next_match("* * * * *", "UTC", on_the_minute - 1) == on_the_minute
    assert next_match("* * * * * *", "UTC", on_the_minute + 500) == on_the_minute + 1000


@pytest.mark.parametrize(
    ("refused", "reason"),
    [
        ("", "it is empty"),
        ("   ", "it is empty"),
        ("61 * * * *", "got value 61 for the minute, expected range 0-59"),
        ("* * * * * * *", "it has 7 fields"),
        ("@midnight", "cannot be used"),
        ("@annually", "cannot be used"),
        ("0 0 * * und", '"und" is not the name of a day of the week'),
        ("22-2 * * * *", "the range 22-2 of the minute runs backwards"),
        ("0 0 15W * *", "holds characters that do not belong there"),
        ("0 0 30 2 *", "that month does not have this day"),
        ("0 0 31 4,6 *", "names no date that ever comes"),
        ("0 0 13 * *#1", "names no date that ever comes"),
        ("0 0 * * 1#6", "the number after # must be 1 to 5"),
        ("0 0 * * 1,2#1", "# goes with one day of the week only"),
        ("0 0 L * 1#1", "L and # cannot be combined"),
        ("0 0 * * L", "L is the last day of a month, 5L its last Friday"),
        ("0 0 1,, * *", '"" in the day of the month is not a number'),
        ("*/0 * * * *", "a step must be at least 1"),
        ("5/ * * * *", '"" in the minute is not a number'),
        ("5-x * * * *", "holds characters"),
        ("٥ * * * *", "holds characters"),
        (5, "must be text"),
    ],
)
def test_impossible_expressions_are_refused_at_once(refused: object, reason: str) -> None:
    """S-136, Q-40: what never comes must neither be accepted nor searched for long."""
    with pytest.raises(InvalidRepeat, match=reason):
        validate_cron(refused)


def test_an_unknown_zone_names_the_near_miss() -> None:
    with pytest.raises(InvalidRepeat, match=r'Unknown time zone "Asia/Adn"\. Did you mean "Asia/Aden"'):
        validate_zone("Asia/Adn")


@pytest.mark.parametrize("zone", ["../etc/passwd", "/etc/localtime", "a\x00b", "Asia", "", 5])
def test_other_zones_that_are_refused(zone: object) -> None:
    with pytest.raises(InvalidRepeat):
        validate_zone(zone)
