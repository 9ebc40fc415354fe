"""The scheduler: exact, woken in time, any number at once; its table; rq-scheduler's methods."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
import redis
from rq_scheduler import Scheduler as RqScheduler

from bthwani_jobs import Queue
from scheduler.repeatables import Repeatable
from scheduler.scheduler import Scheduler
from tests.chaos.invariants import assert_consistent
from tests.conftest import MakeQueue
from tests.support.timing import EARLY_MS, now_ms
from tests.support.waiting import wait_until

HOUR_MS = 3_600_000


class QuietScheduler(Scheduler):
    """Runs in a thread of a test: signals are the main thread's."""

    def _install_signal_handlers(self) -> None:
        """None."""


StartScheduler = Callable[..., Scheduler]


@pytest.fixture
def start_scheduler(connection: redis.Redis) -> Iterator[StartScheduler]:
    """`start_scheduler(queue, …)`: running in a thread until the test's end."""
    started: list[tuple[Scheduler, threading.Thread]] = []

    def start(*queues: Queue) -> Scheduler:
        made = QuietScheduler(queues, connection)
        thread = threading.Thread(target=made.run)
        thread.start()
        started.append((made, thread))
        wait_until(lambda: connection.exists(made.key))
        return made

    yield start
    for made, thread in started:
        made.stop()
        thread.join(10)


@pytest.fixture
def scheduler(queue: Queue, connection: redis.Redis) -> Iterator[Scheduler]:
    """One that is not running."""
    made = Scheduler([queue], connection)
    yield made
    connection.delete(made.registered_key)


def test_a_delayed_job_is_moved_at_its_time(queue: Queue, start_scheduler: StartScheduler) -> None:
    start_scheduler(queue)
    jobs = [queue.add("a", {}, delay=delay) for delay in (120, 40, 80)]
    for job in sorted(jobs, key=lambda each: each.delay):
        wait_until(job.is_waiting)
        assert now_ms() >= job.timestamp + job.delay - EARLY_MS
    assert [job.id for job in queue.get_waiting()] == ["2", "3", "1"]


def test_something_sooner_wakes_it(queue: Queue, start_scheduler: StartScheduler) -> None:
    """It sleeps until the next due job; one that is due before that is not late."""
    queue.add("later", {}, delay=HOUR_MS)
    start_scheduler(queue)
    sooner = queue.add("sooner", {}, delay=30)
    wait_until(sooner.is_waiting, 2000)


def test_several_queues_each_with_its_own_times(
    make_queue: MakeQueue, queue: Queue, start_scheduler: StartScheduler
) -> None:
    other = make_queue(f"{queue.name}-b")
    start_scheduler(queue, other)
    jobs = [queue.add("a", {}, delay=60), other.add("b", {}, delay=30), queue.add("c", {}, delay=30)]
    for job in jobs:
        wait_until(job.is_waiting, 2000)


def test_two_at_once_move_each_job_once(
    queue: Queue, connection: redis.Redis, start_scheduler: StartScheduler
) -> None:
    due_ms = queue.store.server_ms()
    entries = [{"name": "a", "opts": {"timestamp": due_ms, "delay": 1 + n % 300}} for n in range(1500)]
    start_scheduler(queue)
    start_scheduler(queue)
    queue.add_bulk(entries)
    wait_until(lambda: queue.get_waiting_count() == 1500)

    ids = [job.id for job in queue.get_waiting()]
    assert len(set(ids)) == 1500
    assert_consistent(connection, queue.name)


def test_a_burst_moves_what_is_due_and_ends(queue: Queue, connection: redis.Redis) -> None:
    queue.add("due", {}, timestamp=1_800_000, delay=1)
    queue.add("later", {}, delay=HOUR_MS)
    made = QuietScheduler([queue], connection)
    made.run(burst=True)

    assert queue.get_job_counts("waiting", "delayed") == {"waiting": 1, "delayed": 1}


def test_its_record_is_there_while_it_runs(
    queue: Queue, connection: redis.Redis, start_scheduler: StartScheduler
) -> None:
    made = start_scheduler(queue)
    assert 0 < connection.ttl(made.key) <= 60
    connection.delete(made.key)
    made.heartbeat()
    assert connection.exists(made.key) == 1
    made.stop()
    wait_until(lambda: not connection.exists(made.key) or connection.hexists(made.key, "death"))


@pytest.mark.contract("S-045", "S-193")
def test_a_move_is_announced_globally_only(queue: Queue, start_scheduler: StartScheduler) -> None:
    local: list[str] = []
    everywhere: list[str] = []
    queue.on("waiting", lambda job_id: local.append(job_id))
    queue.on("global:waiting", lambda job_id: everywhere.append(job_id))
    start_scheduler(queue)
    queue.add("a", {}, delay=20)
    wait_until(lambda: everywhere == ["1"])
    assert local == []


# The table of repeatables


def _names(queue: Queue) -> list[str]:
    return sorted(chain["name"] for chain in queue.get_repeatable_jobs())


def test_registering_a_table_twice_is_registering_it_once(
    queue: Queue, connection: redis.Redis, scheduler: Scheduler
) -> None:
    table = [
        Repeatable(queue.name, "daily", {"cron": "0 0 * * *", "tz": "Asia/Aden"}),
        Repeatable(queue.name, "hourly", {"every": HOUR_MS}),
    ]
    for _ in range(3):
        scheduler.register(table)

    assert _names(queue) == ["daily", "hourly"]
    assert queue.get_delayed_count() == 2
    assert_consistent(connection, queue.name)


def test_what_has_left_the_table_is_removed_and_what_others_registered_stays(
    queue: Queue, connection: redis.Redis, scheduler: Scheduler
) -> None:
    queue.add("of another", {}, repeat={"every": HOUR_MS})
    kept = Repeatable(queue.name, "kept", {"every": HOUR_MS})
    scheduler.register([kept, Repeatable(queue.name, "dropped", {"every": HOUR_MS})])
    # A new process, with a new table.
    Scheduler([queue], connection).register([kept])

    assert _names(queue) == ["kept", "of another"]
    assert queue.get_delayed_count() == 2
    Scheduler([queue], connection).register([])
    assert _names(queue) == ["of another"]
    assert_consistent(connection, queue.name)


def test_an_entry_whose_time_was_changed_is_replaced(
    queue: Queue, connection: redis.Redis, scheduler: Scheduler
) -> None:
    scheduler.register([Repeatable(queue.name, "report", {"every": HOUR_MS})])
    scheduler.register([Repeatable(queue.name, "report", {"cron": "0 6 * * *"})])

    (chain,) = queue.get_repeatable_jobs()
    assert (chain["cron"], chain["every"]) == ("0 6 * * *", None)
    assert queue.get_delayed_count() == 1
    assert_consistent(connection, queue.name)


def test_a_table_for_some_queues_leaves_those_of_other_queues_alone(
    make_queue: MakeQueue, queue: Queue, connection: redis.Redis, scheduler: Scheduler
) -> None:
    other = make_queue(f"{queue.name}-b")
    elsewhere = Scheduler([other], connection)
    elsewhere.register([Repeatable(other.name, "elsewhere", {"every": HOUR_MS})])
    scheduler.register([])
    assert _names(other) == ["elsewhere"]


def test_an_entry_whose_occurrence_is_being_run_is_not_taken_for_one_that_left(
    queue: Queue, connection: redis.Redis, scheduler: Scheduler
) -> None:
    """Its current occurrence may have run and gone (remove_on_complete) in between."""
    table = [Repeatable(queue.name, "hourly", {"every": HOUR_MS})]
    scheduler.register(table)
    queue.get_delayed()[0].remove()
    scheduler.register(table)

    assert _names(queue) == ["hourly"]
    assert queue.get_delayed_count() == 1
    assert_consistent(connection, queue.name)


# rq-scheduler's methods


def test_it_is_an_rq_scheduler(scheduler: Scheduler) -> None:
    assert isinstance(scheduler, RqScheduler)


@pytest.mark.parametrize(
    "when",
    [
        lambda at: at,
        lambda at: at.replace(tzinfo=None),
        lambda at: at.astimezone(timezone(timedelta(hours=3))),
        lambda at: at.astimezone(timezone(timedelta(hours=-9, minutes=-30))),
    ],
    ids=["utc", "naive is utc", "aden", "west"],
)
def test_enqueue_at_a_time(scheduler: Scheduler, queue: Queue, when: Callable[[datetime], datetime]) -> None:
    at = datetime.now(UTC) + timedelta(minutes=10, milliseconds=250)
    job = scheduler.enqueue_at(when(at), "a", {"n": 1}, priority=3)

    assert abs(job.timestamp + job.delay - at.timestamp() * 1000) < 100
    assert (job.data, job.priority, job.get_state()) == ({"n": 1}, 3, "delayed")
    assert job in scheduler


def test_a_time_that_has_passed_is_now(scheduler: Scheduler) -> None:
    job = scheduler.enqueue_at(datetime.now(UTC) - timedelta(days=1), "a")
    assert job.get_state() == "waiting"
    assert job not in scheduler


def test_enqueue_in_fractions_of_a_second(scheduler: Scheduler) -> None:
    assert scheduler.enqueue_in(timedelta(seconds=1.2345), "a").delay in (1234, 1235)


def test_cron_and_interval(scheduler: Scheduler, queue: Queue) -> None:
    scheduler.cron("0 6 * * *", "report", {"n": 1}, tz="Asia/Aden", repeat=3)
    scheduler.schedule(datetime.now(UTC), "tick", interval=2.5)
    chains = {chain["name"]: chain for chain in queue.get_repeatable_jobs()}

    assert (chains["report"]["cron"], chains["report"]["tz"]) == ("0 6 * * *", "Asia/Aden")
    assert chains["tick"]["every"] == 2500


def test_other_queues_by_name(make_queue: MakeQueue, queue: Queue, connection: redis.Redis) -> None:
    other = make_queue(f"{queue.name}-b")
    made = Scheduler([queue, other], connection)
    made.enqueue_in(timedelta(hours=1), "a")
    made.enqueue_in(timedelta(hours=1), "b", queue_name=other.name)

    assert [job.name for job in made.get_jobs()] == ["a", "b"]
    assert made.count() == 2


def test_cancel_and_what_cannot_be_changed(scheduler: Scheduler) -> None:
    job = scheduler.enqueue_in(timedelta(hours=1), "a")
    with pytest.raises(NotImplementedError, match="remove it and add it again"):
        scheduler.change_execution_time(job, datetime.now(UTC))
    scheduler.cancel(job)
    assert scheduler.count() == 0
