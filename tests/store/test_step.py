"""What a step does beside finishing and fetching: gives back, holds, moves, wakes, refuses lost leases."""

from __future__ import annotations

import pytest
import redis

from bthwani_jobs import Queue
from bthwani_jobs.store import claiming
from bthwani_jobs.store.calling import QueueStore
from bthwani_jobs.store.claiming import FinishedRun, HeldLease
from tests.chaos.invariants import assert_consistent, snapshot
from tests.store.stepping import LEASE_MS, Stepper, completed, given_back

NOW = 1_800_000_000_000


def _at(queue: Queue, now_ms: int) -> QueueStore:
    return QueueStore(queue.connection, queue.store.keys, now_ms)


def _is_marked(connection: redis.Redis, queue: Queue) -> bool:
    return connection.zcard(queue.store.keys.marker) == 1


@pytest.mark.contract("Q-26")
def test_a_job_given_back_is_next_again_and_as_it_was(queue: Queue, connection: redis.Redis) -> None:
    queue.add_bulk([{"name": "a", "opts": {"job_id": name}} for name in ("first", "second")])
    stepper = Stepper(connection, queue.name)
    (claimed,) = stepper.claim()
    connection.delete(queue.store.keys.marker)
    stepper.step(given_back(*claimed))

    assert [job.id for job in queue.get_waiting()] == ["first", "second"]
    job = queue.get_job("first")
    assert (job.processed_on, job.attempts_made) == (None, 0)
    assert _is_marked(connection, queue)
    assert_consistent(connection, queue.name)


def test_a_job_given_back_to_a_paused_queue_is_paused(queue: Queue, connection: redis.Redis) -> None:
    queue.add_bulk([{"name": "a", "opts": {"job_id": name}} for name in ("first", "second")])
    stepper = Stepper(connection, queue.name)
    (claimed,) = stepper.claim()
    queue.pause()
    stepper.step(given_back(*claimed))

    assert [job.id for job in queue.get_paused()] == ["first", "second"]
    assert not _is_marked(connection, queue)
    assert_consistent(connection, queue.name)


def test_nothing_is_taken_unless_asked_for(queue: Queue, connection: redis.Redis) -> None:
    queue.add("a")
    assert Stepper(connection, queue.name).step(want=0).jobs == []
    assert queue.get_waiting_count() == 1


@pytest.mark.parametrize("how", ["paused", "suspended"])
def test_a_held_queue_gives_nothing_but_its_due_jobs_come_in(
    queue: Queue, connection: redis.Redis, how: str
) -> None:
    queue.add("due", {}, timestamp=NOW - 5, delay=5)
    if how == "paused":
        queue.pause()
    else:
        connection.set("rq:suspended", 1)
    try:
        reply = Stepper(connection, queue.name).step(want=3, now_ms=NOW)
    finally:
        connection.delete("rq:suspended")

    assert reply.jobs == []
    assert reply.held
    assert len(reply.moved) == 1
    assert queue.get_waiting_count() == 1
    assert queue.get_paused_count() == (how == "paused")


def test_due_jobs_are_moved_and_taken_in_one_call(queue: Queue, connection: redis.Redis) -> None:
    queue.add("later", {}, job_id="later", timestamp=NOW, delay=10)
    queue.add("due", {}, job_id="due", timestamp=NOW - 10, delay=10)
    reply = Stepper(connection, queue.name).step(want=2, now_ms=NOW)

    assert [job.rq_id for job in reply.jobs] == [f"{queue.name}__due"]
    assert reply.next_due_ms == NOW + 10


def test_who_takes_all_it_asked_for_wakes_the_next_one_if_work_is_left(
    queue: Queue, connection: redis.Redis
) -> None:
    queue.add_bulk([{"name": "a"}] * 3)
    stepper = Stepper(connection, queue.name)
    for left in (True, True, False):
        connection.delete(queue.store.keys.marker)
        stepper.claim()
        assert _is_marked(connection, queue) is left


@pytest.mark.contract("S-161")
def test_an_outcome_after_the_lease_is_refused(queue: Queue, connection: redis.Redis) -> None:
    job = queue.add("a")
    stepper = Stepper(connection, queue.name)
    (claimed,) = stepper.claim(now_ms=NOW)
    reply = stepper.step(completed(*claimed), now_ms=NOW + LEASE_MS + 1)

    assert list(reply.lost.values()) == ["missing_lock"]
    assert job.is_active()
    assert queue.get_job(job.id).returnvalue is None


@pytest.mark.contract("S-162")
def test_an_outcome_of_a_run_that_was_taken_over_is_refused(queue: Queue, connection: redis.Redis) -> None:
    queue.add("a")
    first, second = Stepper(connection, queue.name), Stepper(connection, queue.name, token="u")
    (old,) = first.claim(now_ms=NOW)
    late = NOW + LEASE_MS + 1
    claiming.check_stalled(_at(queue, late), 0, 1)
    (new,) = second.claim(now_ms=late)

    assert first.step(completed(*old), now_ms=late).lost == {old[1]: "mismatch"}
    assert second.step(completed(*new), now_ms=late).lost == {}
    assert_consistent(connection, queue.name)


def test_an_outcome_of_a_deleted_job_brings_nothing_back(queue: Queue, connection: redis.Redis) -> None:
    job = queue.add("a")
    stepper = Stepper(connection, queue.name)
    (claimed,) = stepper.claim()
    connection.delete(f"rq:job:{job.rq_id}")

    for kind in ("complete", "fail", "retry", "delay", "give_back"):
        run = FinishedRun(*claimed, kind, "text", "[]", delay_ms=5)
        assert list(stepper.step(run).lost.values()) == ["missing_key"]
    assert snapshot(connection, queue.name).places["active"] == []
    assert queue.get_jobs() == []
    assert_consistent(connection, queue.name)


def test_a_renewal_reports_what_is_lost_and_revives_nothing(queue: Queue, connection: redis.Redis) -> None:
    queue.add_bulk([{"name": "a"}] * 3)
    stepper = Stepper(connection, queue.name)
    held, deleted, lapsed = (HeldLease(*each) for each in stepper.claim(3, now_ms=NOW))
    connection.delete(f"rq:job:{deleted.rq_id}")
    connection.zadd(f"rq:wip:{queue.name}", {f"{lapsed.rq_id}:{lapsed.token}": (NOW - 1) * 1024})
    unknown = HeldLease("nobody", "t")
    lost = claiming.extend_leases(_at(queue, NOW + 10), "w", LEASE_MS, [held, deleted, lapsed, unknown])

    assert lost == [1, 2, 3]
    scores = snapshot(connection, queue.name).scores["active"]
    assert scores[f"{held.rq_id}:{held.token}"] == (NOW + 10 + LEASE_MS) * 1024
    assert "nobody:t" not in scores


def test_a_finish_takes_the_execution_records_along(queue: Queue, connection: redis.Redis) -> None:
    job = queue.add("a")
    stepper = Stepper(connection, queue.name)
    ((rq_id, token),) = stepper.claim()
    claiming.extend_leases(queue.store, "w", LEASE_MS, [HeldLease(rq_id, token, "1800000000.000")])
    assert connection.exists(f"rq:execution:{rq_id}:{token}", f"rq:executions:{rq_id}") == 2
    assert all(connection.ttl(key) > 0 for key in (f"rq:executions:{rq_id}", "rq:worker:w:executions"))
    stepper.step(FinishedRun(rq_id, token, "complete", "1", flags="x"))

    assert connection.exists(f"rq:executions:{rq_id}", "rq:worker:w:executions") == 0
    assert job.is_completed()
    assert_consistent(connection, queue.name)


def test_at_most_one_stall_check_an_interval(queue: Queue) -> None:
    assert claiming.check_stalled(queue.store, 60_000, 1) is not None
    assert claiming.check_stalled(queue.store, 60_000, 1) is None
    assert claiming.check_stalled(queue.store, 0, 1) is not None


def test_several_stalled_jobs_come_back_in_their_order(queue: Queue, connection: redis.Redis) -> None:
    queue.add_bulk([{"name": "a", "opts": {"job_id": str(n)}} for n in range(4)])
    stepper = Stepper(connection, queue.name)
    for n in range(3):
        stepper.claim(now_ms=NOW + n)
    claiming.check_stalled(_at(queue, NOW + LEASE_MS + 10), 0, 1)

    assert [job.id for job in queue.get_waiting()] == ["0", "1", "2", "3"]
    assert_consistent(connection, queue.name)
