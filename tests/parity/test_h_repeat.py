"""Contract section 14.H: repeatable jobs, what is scheduled. What runs when: test_h_repeat_runs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from hashlib import md5
from typing import Any

import pytest

from bthwani_jobs import Job, Queue
from bthwani_jobs.errors import BthwaniJobsError
from tests.conftest import MakeQueue
from tests.support.timing import now_ms

contract = pytest.mark.contract

HOUR = 3_600_000
MINUTE = 60_000


def ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def the_entry(queue: Queue) -> dict[str, Any]:
    """The only registered chain."""
    (entry,) = queue.get_repeatable_jobs()
    return entry


def next_of(queue: Queue, **repeat: Any) -> datetime:
    """When a chain of its own with this repeat option would run first, UTC."""
    job = queue.add(f"n{time.monotonic_ns()}", {}, repeat=repeat)
    assert job is not None
    moment = next(entry["next"] for entry in queue.get_repeatable_jobs() if entry["name"] == job.name)
    return datetime.fromtimestamp(moment / 1000, UTC)


def due(job: Job) -> int:
    return job.timestamp + job.delay


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """`zone("Asia/Tokyo")` makes that the process's local time, until the test ends."""

    def use(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield use
    monkeypatch.undo()
    time.tzset()


@contract("S-106")
def test_every_runs_on_the_grid_of_the_epoch(queue: Queue) -> None:
    before = now_ms()
    job = queue.add("n", {}, repeat={"every": HOUR})
    after = now_ms()
    expected = {moment // HOUR * HOUR + HOUR for moment in (before, after)}
    assert the_entry(queue)["next"] in expected
    assert due(job) in expected
    assert job.opts.prev_millis in expected
    assert (queue.get_delayed_count(), queue.count()) == (1, 1)


@contract("S-107")
def test_cron_runs_at_the_next_local_midnight(queue: Queue) -> None:
    job = queue.add("n", {}, repeat={"cron": "0 0 * * *"})
    tomorrow = date.today() + timedelta(days=1)
    midnight = ms(datetime(tomorrow.year, tomorrow.month, tomorrow.day).astimezone())
    entry = the_entry(queue)
    assert (entry["cron"], entry["every"], entry["tz"], entry["next"]) == ("0 0 * * *", None, None, midnight)
    assert due(job) == midnight
    assert queue.get_delayed_count() == 1


@contract("S-108")
def test_adding_the_same_repeatable_again_is_idempotent(make_queue: MakeQueue) -> None:
    first, second = make_queue(), make_queue()
    with ThreadPoolExecutor(4) as pool:
        jobs = list(pool.map(lambda queue: queue.add("n", {}, repeat={"every": HOUR}), [first, second] * 4))
    assert len({job.id for job in jobs}) == 1
    assert first.get_delayed_count() == 1
    assert len(first.get_repeatable_jobs()) == first.get_repeatable_count() == 1


@contract("S-111")
def test_cron_and_every_exclude_each_other(queue: Queue) -> None:
    with pytest.raises(BthwaniJobsError) as caught:
        queue.add("n", {}, repeat={"cron": "0 0 * * *", "every": 1000})
    assert str(caught.value) == "Both .cron and .every options are defined for this repeatable job"
    assert queue.count() == 0


@contract("S-112")
@pytest.mark.parametrize(
    ("name", "repeat", "options", "key"),
    [
        ("a", {"cron": "0 0 * * *"}, {}, "a::::0 0 * * *"),
        ("a", {"cron": "0 0 * * *", "tz": "Europe/Madrid"}, {}, "a:::Europe/Madrid:0 0 * * *"),
        ("a", {"cron": "0 0 * * *", "endDate": 4070908800000}, {}, "a::4070908800000::0 0 * * *"),
        ("a", {"every": 60000}, {"jobId": "id1"}, "a:id1::60000"),
        ("__default__", {"every": 60000, "limit": 5, "count": 1}, {"attempts": 3}, "__default__:::60000"),
    ],
)
def test_the_key_of_a_repeatable(
    queue: Queue, name: str, repeat: dict[str, Any], options: dict[str, Any], key: str
) -> None:
    job = queue.add(name, {}, {"repeat": repeat, **options})
    assert the_entry(queue)["key"] == key
    assert job.opts.repeat.key == key


@contract("S-113")
def test_the_id_of_an_occurrence(queue: Queue) -> None:
    job = queue.add("r", {}, repeat={"every": 60000}, job_id="id1")
    digest = md5(("r" + "id1:" + md5(b"r:id1::60000").hexdigest()).encode()).hexdigest()
    assert job.id == f"repeat:{digest}:{the_entry(queue)['next']}"


@contract("S-114")
def test_job_ids_keep_equal_schedules_apart(queue: Queue) -> None:
    for job_id in ("customjobone", "customjobtwo"):
        queue.add("n", {}, repeat={"cron": "0 0 * * *"}, job_id=job_id)
    assert queue.get_delayed_count() == 2
    assert {entry["id"] for entry in queue.get_repeatable_jobs()} == {"customjobone", "customjobtwo"}


@contract("S-116")
@pytest.mark.parametrize(
    "repeat", [{"limit": 0}, {"limit": 5, "count": 5}, {"endDate": 1_600_000_000_000}], ids=str
)
def test_a_chain_that_is_over_before_it_begins_adds_nothing(queue: Queue, repeat: dict[str, Any]) -> None:
    assert queue.add("n", {}, repeat={"every": 1000, **repeat}) is None
    assert queue.count() == 0
    assert queue.get_repeatable_jobs() == [], "a chain that ended is unregistered"


@contract("S-120")
def test_a_start_date_on_a_match_is_skipped(queue: Queue) -> None:
    minute = now_ms() // MINUTE * MINUTE + 10 * MINUTE
    after = next_of(queue, cron="0 * * * * *", startDate=minute)
    on_it = next_of(queue, cron="0 * * * * *", startDate=minute - 1)
    assert ms(after) == minute + MINUTE
    assert ms(on_it) == minute


@contract("S-121")
def test_every_ignores_the_start_date(queue: Queue) -> None:
    moment = ms(next_of(queue, every=HOUR, startDate=now_ms() + 100 * HOUR))
    assert moment <= now_ms() + HOUR


@contract("S-122")
def test_adding_again_does_not_change_what_is_pending(queue: Queue) -> None:
    first = queue.add("n", {"v": 1}, repeat={"every": HOUR})
    again = queue.add("n", {"v": 2}, repeat={"every": HOUR, "limit": 7})
    assert again.id == first.id
    stored = queue.get_job(first.id)
    assert stored is not None
    assert (stored.data, stored.opts.repeat.limit) == ({"v": 1}, None)


@contract("S-124")
def test_another_cron_is_another_chain(queue: Queue) -> None:
    queue.add("n", {}, repeat={"cron": "0 0 * * *"})
    queue.add("n", {}, repeat={"cron": "0 1 * * *"})
    assert (len(queue.get_repeatable_jobs()), queue.get_delayed_count()) == (2, 2)


@contract("S-125")
def test_removing_by_name_and_options(queue: Queue) -> None:
    repeat = {"cron": "0 0 * * *", "tz": "Asia/Aden"}
    queue.add("n", {}, repeat=repeat)
    queue.add("other", {}, repeat=repeat)
    queue.remove_repeatable("n", {"cron": "0 0 * * *"})
    assert len(queue.get_repeatable_jobs()) == 2, "the zone is part of the key"
    for _ in range(2):
        queue.remove_repeatable("n", repeat)
        assert [entry["name"] for entry in queue.get_repeatable_jobs()] == ["other"]
        assert queue.get_delayed_count() == 1


@contract("S-126")
def test_removing_by_key(queue: Queue) -> None:
    queue.add("n", {}, repeat={"every": HOUR}, job_id="mine")
    queue.remove_repeatable_by_key(the_entry(queue)["key"])
    assert queue.get_repeatable_jobs() == []
    assert queue.get_delayed_count() == 0
    queue.remove_repeatable_by_key("no:such::key")


@contract("S-133")
def test_the_zone_of_a_cron(queue: Queue, zone: Any) -> None:
    assert next_of(queue, cron="0 0 * * *", tz="Asia/Tokyo").hour == 15
    zone("Asia/Aden")
    assert next_of(queue, cron="0 0 * * *").hour == 21
    zone("America/New_York")
    assert next_of(queue, cron="0 12 * * *").hour in (16, 17)


@contract("S-134")
def test_daylight_saving(queue: Queue) -> None:
    year = datetime.now(UTC).year + 1
    spring, autumn = last_sunday(year, 3), last_sunday(year, 10)

    def after(moment: datetime) -> datetime:
        return next_of(queue, cron="30 2 * * *", tz="Europe/Madrid", startDate=ms(moment))

    assert after(spring - timedelta(hours=12)) == spring + timedelta(hours=1, minutes=30)
    only_once = autumn + timedelta(minutes=30)
    assert after(autumn - timedelta(hours=12)) == only_once
    assert after(only_once) == autumn + timedelta(days=1, hours=1, minutes=30)


@contract("S-134")
def test_half_hours_pass_through_both_changes(queue: Queue) -> None:
    year = datetime.now(UTC).year + 1
    for change in (last_sunday(year, 3), last_sunday(year, 10)):
        moment = change
        for _ in range(6):
            following = next_of(queue, cron="*/30 * * * *", tz="Europe/Madrid", startDate=ms(moment))
            assert following - moment == timedelta(minutes=30)
            moment = following


@contract("S-135")
def test_both_day_fields_mean_either(queue: Queue) -> None:
    start = datetime(datetime.now(UTC).year + 1, 1, 1, tzinfo=UTC)
    expected = [start + timedelta(days=n) for n in range(60)]
    expected = [day for day in expected if day.day == 13 or day.weekday() == 4]
    moment, found = start - timedelta(milliseconds=1), []
    while len(found) < len(expected):
        moment = next_of(queue, cron="0 0 13 * 5", tz="UTC", startDate=ms(moment))
        found.append(moment)
    assert found == expected


@contract("S-136")
def test_seconds_and_aliases(queue: Queue) -> None:
    minute = now_ms() // MINUTE * MINUTE + 10 * MINUTE
    moments = [minute - 1]
    for _ in range(4):
        moments.append(ms(next_of(queue, cron="*/20 * * * * *", startDate=moments[-1])))
    assert moments[1:] == [minute, minute + 20_000, minute + 40_000, minute + 60_000]
    daily = next_of(queue, cron="@daily", tz="UTC")
    assert (daily.hour, daily.minute, daily.second) == (0, 0, 0)


@contract("S-136", "Q-40")
@pytest.mark.parametrize(
    "cron", ["@midnight", "@annually", "61 * * * *", "* * * * * * *", "soon", "0 0 15W * *", ""]
)
def test_impossible_crons_are_refused(queue: Queue, cron: str) -> None:
    with pytest.raises(BthwaniJobsError):
        queue.add("n", {}, repeat={"cron": cron})
    assert queue.count() == 0


@contract("S-138")
def test_repeatables_are_listed_by_their_next_run(queue: Queue) -> None:
    minute = now_ms() // MINUTE * MINUTE + 10 * MINUTE
    for name, wait in (("b", 20), ("c", 30), ("a", 10)):
        queue.add(name, {}, repeat={"cron": "0 * * * * *", "startDate": minute + wait * MINUTE})
    assert [entry["name"] for entry in queue.get_repeatable_jobs()] == ["c", "b", "a"]
    assert [entry["name"] for entry in queue.get_repeatable_jobs(0, -1, True)] == ["a", "b", "c"]


@contract("Q-36")
def test_the_end_of_a_range_of_repeatables_is_inclusive(queue: Queue) -> None:
    for every in (HOUR, 2 * HOUR, 24 * HOUR):
        queue.add(f"n{every}", {}, repeat={"every": every})
    assert len(queue.get_repeatable_jobs(0, 0)) == 1
    assert len(queue.get_repeatable_jobs(1, 2)) == 2


@contract("Q-37")
def test_a_name_with_colons_is_listed_and_removed(queue: Queue) -> None:
    queue.add("a:b:c", {}, repeat={"every": HOUR}, job_id="x:y")
    entry = the_entry(queue)
    assert (entry["name"], entry["id"], entry["every"]) == ("a:b:c", "x:y", HOUR)
    queue.remove_repeatable_by_key(entry["key"])
    assert (queue.get_repeatable_jobs(), queue.count()) == ([], 0)


def last_sunday(year: int, month: int) -> datetime:
    """Midnight UTC of the last Sunday, when Europe changes its clocks (at 01:00 UTC)."""
    last = datetime(year, month, 31, tzinfo=UTC)
    return last - timedelta(days=(last.weekday() + 1) % 7)
