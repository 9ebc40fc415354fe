"""What an idle runner sleeps on."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
import redis

from bthwani_jobs import Queue
from bthwani_jobs.runtime.limits import RunLimits
from bthwani_jobs.runtime.waiting import Bell, MarkerWait, sleep
from bthwani_jobs.store.claiming import set_marker


@pytest.fixture
def bell() -> Iterator[Bell]:
    made = Bell()
    yield made
    made.close()


@pytest.fixture
def wait(queue: Queue, connection: redis.Redis) -> Iterator[MarkerWait]:
    made = MarkerWait(connection, queue.store.keys.marker)
    yield made
    made.drop()


def test_a_bell_rung_before_the_sleep_wakes_at_once(bell: Bell, wait: MarkerWait) -> None:
    bell.ring()
    bell.ring()
    assert sleep(bell, wait, 10) == (True, False)
    bell.silence()
    assert sleep(bell, wait, 0) == (False, False)


def test_a_bell_never_goes_deaf(bell: Bell, wait: MarkerWait) -> None:
    """Rung and silenced by two threads as fast as they can: a ring after the last silence is heard."""
    for _ in range(50):
        ringer = threading.Thread(target=lambda: [bell.ring() for _ in range(50)])
        ringer.start()
        for _ in range(50):
            bell.silence()
        ringer.join()
        bell.silence()
        bell.ring()
        assert sleep(bell, wait, 1) == (True, False)
        bell.silence()


def test_a_closed_bell_may_still_be_rung() -> None:
    bell = Bell()
    bell.close()
    bell.ring()


def test_a_marker_wakes_one_sleeper(queue: Queue, bell: Bell, wait: MarkerWait) -> None:
    wait.begin(5)
    set_marker(queue.store)
    assert sleep(bell, wait, 5) == (False, True)
    assert wait.take() is True
    assert not wait.is_pending
    assert queue.connection.zcard(queue.store.keys.marker) == 0


def test_a_marker_that_was_there_before_is_found(queue: Queue, bell: Bell, wait: MarkerWait) -> None:
    set_marker(queue.store)
    wait.begin(5)
    assert sleep(bell, wait, 5) == (False, True)
    assert wait.take() is True


def test_the_end_of_the_wait_is_no_marker(bell: Bell, wait: MarkerWait) -> None:
    wait.begin(0.05)
    assert sleep(bell, wait, 5) == (False, True)
    assert wait.take() is False
    assert not wait.is_pending


def test_a_sleep_ends_by_itself(bell: Bell, wait: MarkerWait) -> None:
    wait.begin(10)
    began = time.monotonic()
    assert sleep(bell, wait, 0.05) == (False, False)
    assert 0.045 <= time.monotonic() - began < 2
    assert wait.is_pending


def test_a_cut_connection_is_an_error_and_the_next_wait_a_new_one(
    queue: Queue, connection: redis.Redis, bell: Bell, wait: MarkerWait
) -> None:
    wait.begin(10)
    blocked = [client["id"] for client in connection.client_list() if client["cmd"] == "bzpopmin"]
    for client_id in blocked:
        connection.client_kill_filter(_id=client_id)
    assert sleep(bell, wait, 5) == (False, True)
    with pytest.raises((redis.ConnectionError, OSError)):
        wait.take()
    wait.drop()
    set_marker(queue.store)
    wait.begin(5)
    assert sleep(bell, wait, 5) == (False, True)
    assert wait.take() is True


def test_limits_without_a_number_of_jobs_grant_everything() -> None:
    limits = RunLimits(burst=True)
    assert limits.take(7) == 7
    limits.give_back(3)
    assert not limits.is_used_up


def test_a_number_of_jobs_is_shared_and_what_was_not_used_comes_back() -> None:
    limits = RunLimits(max_jobs=5)
    assert (limits.take(3), limits.take(4)) == (3, 2)
    assert limits.is_used_up
    limits.give_back(1)
    assert not limits.is_used_up
    assert limits.take(9) == 1
