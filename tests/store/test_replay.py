"""The same call number again: the same answer, and nothing done twice."""

from __future__ import annotations

from itertools import repeat

import pytest
import redis

from bthwani_jobs import Queue
from bthwani_jobs.store import adding, admin, claiming
from bthwani_jobs.store.adding import NewJob
from bthwani_jobs.store.calling import QueueStore
from tests.chaos.invariants import assert_consistent
from tests.store.stepping import LEASE_MS, Stepper, completed

NOW = 1_800_000_000_000


@pytest.fixture
def stuck(queue: Queue) -> QueueStore:
    """A caller whose every call carries the same number, as if each were a repetition of the first."""
    store = QueueStore(queue.connection, queue.store.keys)
    store._caller.numbers = repeat(7)  # type: ignore[assignment]
    return store


def test_add(queue: Queue, stuck: QueueStore, connection: redis.Redis) -> None:
    new = [NewJob("", "a", "{}", ""), NewJob(f"{queue.name}__x", "b", "{}", "", priority=2)]
    first = adding.add_jobs(stuck, new)
    queue.add("between")
    second = adding.add_jobs(stuck, new)

    assert second == first
    assert [added.is_new for added in second] == [True, True]
    assert [job.id for job in queue.get_waiting()] == ["x", "1", "3"]
    assert_consistent(connection, queue.name)


def test_the_same_number_of_another_caller_is_another_call(queue: Queue) -> None:
    for _ in range(2):
        store = QueueStore(queue.connection, queue.store.keys)
        store._caller.numbers = repeat(7)  # type: ignore[assignment]
        adding.add_jobs(store, [NewJob("", "a", "{}", "")])

    assert queue.get_waiting_count() == 2


def test_commands_on_a_job(queue: Queue, stuck: QueueStore, connection: redis.Redis) -> None:
    job = queue.add("a", {}, delay=60_000)
    assert adding.promote(stuck, job.rq_id) is adding.promote(stuck, job.rq_id) is True
    assert queue.get_waiting_count() == 1


def test_log(queue: Queue, stuck: QueueStore) -> None:
    job = queue.add("a")
    assert [admin.add_log(stuck, job.rq_id, "row") for _ in range(3)] == [1, 1, 1]
    assert queue.get_job_logs(job.id)["count"] == 1


def test_remove(queue: Queue, stuck: QueueStore, connection: redis.Redis) -> None:
    job = queue.add("a")
    assert admin.remove_job(stuck, job.rq_id) == 1
    queue.add("b", {}, job_id=job.id)
    assert admin.remove_job(stuck, job.rq_id) == 1
    assert queue.get_job(job.id).name == "b"


def test_locks(queue: Queue, stuck: QueueStore) -> None:
    job = queue.add("a")
    assert [admin.take_lock(stuck, job.rq_id, "me", 5000) for _ in range(2)] == [True, True]


def test_a_step_answers_again_what_it_has_leased(queue: Queue, connection: redis.Redis) -> None:
    queue.add_bulk([{"name": "a", "data": {"n": n}} for n in range(3)])
    stepper = Stepper(connection, queue.name)
    first = stepper.step(want=2)
    second = stepper.step(want=2, again=True)

    assert sorted(second.jobs) == sorted(first.jobs)
    assert queue.get_active_count() == 2
    assert queue.get_waiting_count() == 1


def test_a_step_finishes_once(queue: Queue, connection: redis.Redis) -> None:
    queue.add_bulk([{"name": "a"}] * 2)
    stepper = Stepper(connection, queue.name)
    (claimed,) = stepper.claim()
    first = stepper.step(completed(*claimed), completed("nobody", "t"), want=1)
    second = stepper.step(completed(*claimed), completed("nobody", "t"), want=1, again=True)

    assert first.lost == second.lost
    assert list(first.lost.values()) == ["missing_key"]
    assert second.jobs == first.jobs
    assert queue.get_completed_count() == queue.get_active_count() == 1
    assert_consistent(connection, queue.name)


def test_a_lease_that_went_to_somebody_else_meanwhile_is_not_answered_again(
    queue: Queue, connection: redis.Redis
) -> None:
    """The reply was lost for longer than the lease lasts, and the job was recovered."""
    queue.add("a")
    stepper = Stepper(connection, queue.name)
    stepper.step(want=1, now_ms=NOW)
    late = NOW + LEASE_MS + 10
    claiming.check_stalled(QueueStore(connection, queue.store.keys, late), 0, 1)
    assert len(Stepper(connection, queue.name, token="other").step(want=1, now_ms=late).jobs) == 1

    assert stepper.step(want=1, now_ms=late, again=True).jobs == []
    assert queue.get_active_count() == 1


def test_a_new_number_acts_anew(queue: Queue, connection: redis.Redis) -> None:
    queue.add_bulk([{"name": "a"}] * 2)
    stepper = Stepper(connection, queue.name)
    assert stepper.claim() != stepper.claim()


def test_call_keys_do_not_stay(queue: Queue, connection: redis.Redis) -> None:
    queue.add("a")
    Stepper(connection, queue.name).step(want=1)
    keys = list(connection.scan_iter(f"rq:bull:{queue.name}:call:*"))

    assert len(keys) == 2
    assert all(0 < connection.ttl(key) <= 3600 for key in keys)
