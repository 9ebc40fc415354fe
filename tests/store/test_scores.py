"""Scores: milliseconds and a sequence. Exact order without ties, never early, never read as seconds."""

from __future__ import annotations

import redis

from bthwani_jobs import Queue
from bthwani_jobs.store import adding
from bthwani_jobs.store.calling import QueueStore
from tests.chaos.invariants import FIRST_SCORE, assert_consistent, snapshot
from tests.store.stepping import Stepper, completed

K = 1024
NOW = 1_800_000_000_000
YEAR_2200 = 7_258_118_400_000


def _at(queue: Queue, now_ms: int) -> QueueStore:
    return QueueStore(queue.connection, queue.store.keys, now_ms)


def _add_due(queue: Queue, due_ms: int, count: int) -> None:
    entry = {"name": "a", "opts": {"timestamp": due_ms - 1, "delay": 1}}
    queue.add_bulk([entry] * count)


def test_more_than_1024_jobs_due_in_one_millisecond_keep_their_order(
    queue: Queue, connection: redis.Redis
) -> None:
    _add_due(queue, NOW, 2500)
    scores = snapshot(connection, queue.name).scores["delayed"]
    in_order = [scores[f"{queue.name}__{n}"] for n in range(1, 2501)]

    assert in_order == sorted(set(in_order))
    assert in_order[0] == NOW * K
    assert in_order[1023] == NOW * K + 1023
    assert in_order[1024] == (NOW + 1) * K
    assert in_order[2499] // K == NOW + 2


def test_spilled_jobs_are_moved_in_order_and_not_early(queue: Queue, connection: redis.Redis) -> None:
    _add_due(queue, NOW, 1100)
    _, due_ms, moved = adding.move_due(_at(queue, NOW - 1), 5000)
    assert (moved, due_ms) == ([], NOW)
    _, due_ms, moved = adding.move_due(_at(queue, NOW), 5000)
    assert (len(moved), due_ms) == (1024, NOW + 1)
    _, due_ms, rest = adding.move_due(_at(queue, NOW + 1), 5000)
    assert (len(rest), due_ms) == (76, None)

    assert [job.id for job in queue.get_waiting()] == [str(n) for n in range(1, 1101)]
    assert_consistent(connection, queue.name)


def test_a_spill_makes_room_among_jobs_due_a_little_later(queue: Queue, connection: redis.Redis) -> None:
    _add_due(queue, NOW + 1, 3)
    _add_due(queue, NOW, 1030)
    scores = snapshot(connection, queue.name).scores["delayed"]

    assert len(set(scores.values())) == 1033
    assert scores[f"{queue.name}__3"] < scores[f"{queue.name}__1028"]


def test_only_as_many_as_asked_for_are_moved(queue: Queue) -> None:
    _add_due(queue, NOW, 10)
    now_ms, due_ms, moved = adding.move_due(_at(queue, NOW), 4)

    assert (now_ms, due_ms, len(moved)) == (NOW, NOW, 4)


def test_a_due_time_of_long_ago_is_still_no_number_of_seconds(queue: Queue, connection: redis.Redis) -> None:
    queue.add("a", {}, timestamp=1000, delay=1)
    (score,) = snapshot(connection, queue.name).scores["delayed"].values()

    assert score == FIRST_SCORE
    assert len(adding.move_due(_at(queue, NOW), 10)[2]) == 1


def test_times_far_ahead_stay_exact(queue: Queue, connection: redis.Redis) -> None:
    for n in range(5):
        queue.add("a", {}, job_id=str(n), timestamp=YEAR_2200, delay=1 + n % 2)
    scores = snapshot(connection, queue.name).scores["delayed"]

    expected = {"0": (1, 0), "2": (1, 1), "4": (1, 2), "1": (2, 0), "3": (2, 1)}
    assert scores == {
        f"{queue.name}__{n}": (YEAR_2200 + ms) * K + sequence for n, (ms, sequence) in expected.items()
    }
    assert adding.move_due(_at(queue, NOW), 10)[1] == YEAR_2200 + 1


def test_finished_jobs_keep_their_order_when_the_clock_steps_back(
    queue: Queue, connection: redis.Redis
) -> None:
    stepper = Stepper(connection, queue.name)
    queue.add_bulk([{"name": "a"}] * 4)
    for now_ms in (NOW, NOW, NOW - 60_000, NOW + 1):
        (claimed,) = stepper.claim(now_ms=now_ms)
        assert stepper.step(completed(*claimed), now_ms=now_ms).lost == {}
    scores = list(snapshot(connection, queue.name).scores["completed"].values())

    assert [job.id for job in queue.get_completed()] == ["4", "3", "2", "1"]
    assert scores == sorted(set(scores))
    assert scores[2] == NOW * K + 2


def test_an_entry_of_rq_s_among_the_finished_does_not_shift_ours(
    queue: Queue, connection: redis.Redis
) -> None:
    connection.zadd(f"rq:finished:{queue.name}", {"stock": 2_000_000_000, "for-ever": float("inf")})
    queue.add("a")
    stepper = Stepper(connection, queue.name)
    (claimed,) = stepper.claim(now_ms=NOW)
    stepper.step(completed(*claimed), now_ms=NOW)

    assert connection.zscore(f"rq:finished:{queue.name}", claimed[0]) == NOW * K
