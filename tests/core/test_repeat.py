"""Repeatable jobs: validation, keys, ids and the scheduler's step (contract 6.2 and 6.3, S-106 … S-137)."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from bthwani_jobs.core.options import DEFAULT, JobOptions, Repeat
from bthwani_jobs.core.repeat import Occurrence, next_occurrence, next_run, occurrence_id, repeat_key
from bthwani_jobs.errors import InvalidRepeat, UnknownOption

HOUR = 3_600_000
#: 2026-11-24T10:17:03Z
NOW = 1_795_515_423_000


def step(options: JobOptions, prev_ms: int | None, now_ms: int) -> Occurrence:
    occurrence = next_occurrence("r", options, prev_ms, now_ms)
    assert occurrence is not None
    return occurrence


def chain(given: dict[str, Any], starts: list[int], **options: Any) -> list[int]:
    """The slots of a chain whose occurrences begin at ``starts``, or at their slots once these run out."""
    made: JobOptions = JobOptions.of({"repeat": given, **options})
    slots: list[int] = []
    prev_ms: int | None = None
    while len(slots) < 20:
        now_ms = starts[len(slots)] if len(slots) < len(starts) else (prev_ms or 0)
        occurrence = next_occurrence("r", made, prev_ms, now_ms)
        if occurrence is None:
            return slots
        slots.append(occurrence.next_ms)
        made, prev_ms = occurrence.options, occurrence.next_ms
    return slots


# Keys and ids


@pytest.mark.parametrize(
    ("name", "repeat", "key"),
    [
        ("a", {"cron": "0 0 * * *"}, "a::::0 0 * * *"),
        ("a", {"cron": "0 0 * * *", "tz": "Europe/Madrid"}, "a:::Europe/Madrid:0 0 * * *"),
        ("a", {"cron": "0 0 * * *", "endDate": 4070908800000}, "a::4070908800000::0 0 * * *"),
        ("a", {"every": 60000, "jobId": "id1"}, "a:id1::60000"),
        ("__default__", {"every": "60000"}, "__default__:::60000"),
        ("a", {"every": 60000, "limit": 5, "count": 1, "startDate": 7, "tz": "Asia/Aden"}, "a:::60000"),
    ],
)
def test_keys_are_bulls(name: str, repeat: dict[str, Any], key: str) -> None:
    """S-112."""
    assert repeat_key(name, Repeat.of(repeat)) == key


def test_the_id_of_an_occurrence_is_bulls() -> None:
    """S-113."""

    def md5(text: str) -> str:
        return hashlib.md5(text.encode()).hexdigest()

    repeat = Repeat.of({"every": 60000, "jobId": "id1"})
    expected = f"repeat:{md5('r' + 'id1:' + md5('r:id1::60000'))}:1795515480000"
    assert occurrence_id("r", repeat, repeat_key("r", repeat), 1_795_515_480_000) == expected
    assert step(JobOptions.of({"repeat": {"every": 60000}, "jobId": "id1"}), None, NOW).job_id == expected


def test_a_user_id_becomes_part_of_the_key_once() -> None:
    """S-114: the occurrence's own id must not be taken for it in the next step."""
    first = step(JobOptions.of({"repeat": {"every": 1000}, "jobId": "mine"}), None, NOW)
    assert first.key == "r:mine::1000"
    second = step(first.options, first.next_ms, first.next_ms)
    assert second.key == first.key
    assert second.options.repeat is not None and second.options.repeat.job_id == "mine"


# When


def test_every_runs_on_the_grid_of_the_epoch() -> None:
    """S-106: not an hour after the add."""
    repeat = Repeat.of({"every": HOUR})
    assert next_run(repeat, None, NOW) == NOW - NOW % HOUR + HOUR
    assert next_run(repeat, None, 2 * HOUR) == 3 * HOUR


def test_every_ignores_a_start() -> None:
    """S-121."""
    assert next_run(Repeat.of({"every": 1000, "startDate": NOW * 2}), None, 500) == 1000


def test_the_base_is_the_later_of_now_and_the_slot() -> None:
    """S-137: promoted early, the next slot is the one after its own."""
    repeat = Repeat.of({"every": 1000})
    assert next_run(repeat, 3000, 500) == 4000
    assert next_run(repeat, 3000, 7400) == 8000


def test_late_starts_drop_the_slots_they_passed() -> None:
    """S-130: period 1000 and a handler of 1500 ms; S-110: no catching up."""
    assert chain({"every": 1000, "limit": 3}, [5, 1005, 2510]) == [1000, 2000, 3000]
    assert chain({"every": 500, "limit": 3}, [0, 2726, 3000]) == [500, 3000, 3500]


def test_every_does_not_run_beyond_its_end() -> None:
    """S-118, S-119, Q-39: Bull adds 1100 in the second case."""
    assert chain({"every": 100, "endDate": 1000}, [0]) == list(range(100, 1001, 100))
    assert chain({"every": 300, "endDate": 1000}, [0]) == [300, 600, 900]


def test_cron_includes_a_match_at_the_end() -> None:
    """S-117."""
    assert chain({"cron": "* * * * * *", "endDate": 3000, "tz": "UTC"}, [0]) == [1000, 2000, 3000]


def test_a_start_on_a_match_is_skipped() -> None:
    """S-120."""
    minute = NOW - NOW % 60_000 + 600_000
    on_it = Repeat.of({"cron": "0 * * * * *", "startDate": minute, "tz": "UTC"})
    before_it = Repeat.of({"cron": "0 * * * * *", "startDate": minute - 1, "tz": "UTC"})
    assert next_run(on_it, None, NOW) == minute + 60_000
    assert next_run(before_it, None, NOW) == minute


def test_an_end_that_is_past() -> None:
    """S-116; the very millisecond still counts."""
    for schedule in ({"every": 1000}, {"cron": "* * * * * *"}):
        assert next_run(Repeat.of({**schedule, "endDate": 1000}), None, 1001) is None
        assert next_run(Repeat.of({**schedule, "endDate": 2000}), None, 1000) == 2000


# The step


def test_limits() -> None:
    """S-115, S-116, S-123."""
    assert chain({"every": 1000, "limit": 3}, [0]) == [1000, 2000, 3000]
    assert chain({"every": 1000, "limit": 0}, [0]) == []
    assert chain({"every": 1000, "limit": 5, "count": 5}, [0]) == []
    last = step(JobOptions.of({"repeat": {"every": 1000, "limit": 5, "count": 4}}), None, 0)
    assert last.options.repeat is not None and last.options.repeat.count == 5
    assert next_occurrence("r", last.options, last.next_ms, last.next_ms) is None


def test_the_options_of_an_occurrence() -> None:
    """S-132: all inherited but what the schedule sets; the delay given is overwritten."""
    options = JobOptions.of(
        {
            "repeat": {"every": 1000, "limit": 9},
            "attempts": 2,
            "priority": 3,
            "removeOnComplete": True,
            "delay": 77,
            "timestamp": 5,
        }
    )
    first = step(options, None, 1400)
    assert first.next_ms == 2000
    assert first.options == options.replace(
        job_id=first.job_id,
        delay=600,
        timestamp=None,
        prev_millis=2000,
        repeat=Repeat(every=1000, limit=9, count=1, key="r:::1000"),
    )
    second = step(first.options, first.next_ms, 2005)
    assert second.options.repeat is not None
    assert (second.next_ms, second.options.delay, second.options.repeat.count) == (3000, 995, 2)
    assert options.repeat == {"every": 1000, "limit": 9}


def test_running_a_slot_again_leads_to_the_same_occurrence() -> None:
    """S-108, S-131: equal adds and re-runs meet in one id."""
    options = JobOptions.of({"repeat": {"every": 1000}})
    assert step(options, None, 10).job_id == step(options, None, 990).job_id
    assert step(options, 1000, 2506).job_id == step(options, 2000, 2100).job_id


def test_options_without_repeat_have_no_successor() -> None:
    with pytest.raises(ValueError, match='Job "r" has no repeat option'):
        next_occurrence("r", DEFAULT, None, 0)


# What a caller may give


def test_dates_in_all_forms_are_milliseconds() -> None:
    aden = timezone(timedelta(hours=3))
    expected = int(datetime(2026, 12, 31, 21, 0, 0, 500_000, tzinfo=UTC).timestamp() * 1000)
    for given in (
        expected,
        str(expected),
        datetime(2027, 1, 1, 0, 0, 0, 500_999, tzinfo=aden),
        "2026-12-31T21:00:00.500Z",
        "2027-01-01T00:00:00.500+03:00",
    ):
        assert Repeat.of({"every": 1000, "endDate": given}).end_date == expected
    midnight = int(datetime(2027, 1, 1, tzinfo=UTC).timestamp() * 1000)
    assert Repeat.of({"every": 1000, "endDate": "2027-01-01"}).end_date == midnight
    assert Repeat.of({"every": 1000, "endDate": date(2027, 1, 1)}).end_date == midnight
    local = datetime(2027, 1, 1, 12)
    assert Repeat.of({"every": 1000, "startDate": local}).start_date == int(local.timestamp() * 1000)
    assert Repeat.of({"every": 1000, "startDate": "2027-01-01T12:00:00"}).start_date == int(
        local.timestamp() * 1000
    )


@pytest.mark.parametrize(
    ("repeat", "reason"),
    [
        (
            {"cron": "* * * * *", "every": 5},
            "^Both .cron and .every options are defined for this repeatable job$",
        ),
        ({}, "repeat needs either cron"),
        ({"every": None}, "repeat needs either cron"),
        ({"every": 0}, r"repeat\.every must be a whole number"),
        ({"every": -5}, r"repeat\.every"),
        ({"every": 1.5}, r"repeat\.every"),
        ({"every": "hourly"}, r"repeat\.every"),
        ({"cron": ""}, "it is empty"),
        ({"cron": "61 * * * *"}, "expected range 0-59"),
        ({"cron": "0 0 30 2 *"}, "does not have this day"),
        ({"cron": "* * * * *", "tz": "Mars/Base"}, 'Unknown time zone "Mars/Base"'),
        ({"every": 5, "tz": 3}, r"repeat\.tz must be the name of a zone"),
        ({"every": 5, "limit": -1}, r"repeat\.limit"),
        ({"every": 5, "count": 1.5}, r"repeat\.count"),
        ({"every": 5, "endDate": "2026-02-30"}, r"repeat\.end_date must be a date"),
        ({"every": 5, "endDate": "tomorrow"}, r"repeat\.end_date must be a date"),
        ({"every": 5, "startDate": -1}, r"repeat\.start_date"),
        ({"every": 5, "startDate": True}, r"repeat\.start_date"),
        ({"every": 5, "startDate": datetime(9999, 1, 1, tzinfo=UTC)}, r"repeat\.start_date"),
        ("0 0 * * *", "repeat must be a mapping"),
    ],
)
def test_repeats_that_are_refused(repeat: Any, reason: str) -> None:
    """S-111, S-136, Q-40."""
    with pytest.raises(InvalidRepeat, match=reason):
        JobOptions.of({"repeat": repeat})


def test_bullmqs_options_are_not_bulls() -> None:
    with pytest.raises(UnknownOption, match='Unknown repeat option "immediately"'):
        Repeat.of({"every": 5, "immediately": True})


def test_a_key_is_not_the_callers_to_give() -> None:
    listed = {"every": 1000, "key": "someone:else::1", "jobId": None, "endDate": None, "tz": ""}
    assert Repeat.of(listed) == {"every": 1000}
