"""Q-31 and its kin: what other hands leave in Redis is set aside, and the next job runs."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import redis

from bthwani_jobs import Job, Queue
from tests.conftest import MakeQueue, RunWorker
from tests.parity.handlers import Heard, Runs, noted, processor
from tests.support.waiting import wait_until

contract = pytest.mark.contract

Poison = Callable[[redis.Redis, Job], object]


def key_of(job: Job) -> str:
    return f"rq:job:{job.rq_id}"


def replaced_by_text(connection: redis.Redis, job: Job) -> None:
    connection.delete(key_of(job))
    connection.set(key_of(job), "not a hash")


POISONS: dict[str, Poison] = {
    "missing hash": lambda connection, job: connection.delete(key_of(job)),
    "not a hash": replaced_by_text,
    "empty options": lambda connection, job: connection.hset(key_of(job), "o", ""),
    "options that are not JSON": lambda connection, job: connection.hset(key_of(job), "o", "{"),
    "options of the wrong kind": lambda connection, job: connection.hset(key_of(job), "o", "[1]"),
    "options with a wrong value": lambda connection, job: connection.hset(key_of(job), "o", '{"a":"many"}'),
    "data that are not JSON": lambda connection, job: connection.hset(key_of(job), "d", b"\xff\x00"),
    "no data": lambda connection, job: connection.hdel(key_of(job), "d"),
    "attempts that are no number": lambda connection, job: connection.hset(key_of(job), "am", "several"),
    "traces that are not JSON": lambda connection, job: connection.hset(key_of(job), "st", "oops"),
    "a stall counter that is no number": lambda connection, job: connection.hset(key_of(job), "sc", "x"),
    "a name that is not text": lambda connection, job: connection.hset(key_of(job), "description", b"\xff"),
    "a creation date that is none": lambda connection, job: connection.hset(
        key_of(job), "created_at", "soon"
    ),
}


@contract("Q-31")
@pytest.mark.parametrize("poison", POISONS.values(), ids=POISONS)
def test_a_poisoned_job_does_not_stop_the_worker(
    queue: Queue, connection: redis.Redis, run_worker: RunWorker, runs: Runs, poison: Poison
) -> None:
    first, poisoned, last = (queue.add(name, {}) for name in ("first", "poisoned", "last"))
    poison(connection, poisoned)
    run_worker(processor(queue, noted(runs)))
    wait_until(lambda: last.get_state() == "completed")
    assert first.get_state() == "completed"
    assert queue.get_job_counts("waiting", "active") == {"waiting": 0, "active": 0}
    after = queue.add("after", {})
    wait_until(lambda: after.get_state() == "completed")


@contract("Q-31")
@pytest.mark.parametrize("entry", ["", "no-such-job", "other__1", "a b c", "__", "طلب", "x" * 5000], ids=repr)
def test_an_entry_that_is_no_job_does_not_stop_the_worker(
    queue: Queue, connection: redis.Redis, run_worker: RunWorker, runs: Runs, entry: str
) -> None:
    connection.lpush(f"rq:queue:{queue.name}", entry)
    job = queue.add("n", {})
    run_worker(processor(queue, noted(runs)))
    wait_until(lambda: job.get_state() == "completed")
    assert queue.count() == 0
    assert runs.ids == [job.id]


@contract("Q-31")
def test_a_missing_job_is_not_made_up(
    queue: Queue, connection: redis.Redis, run_worker: RunWorker, runs: Runs
) -> None:
    gone, job = queue.add("gone", {}), queue.add("n", {})
    connection.delete(key_of(gone))
    run_worker(processor(queue, noted(runs)))
    wait_until(lambda: job.get_state() == "completed")
    assert queue.get_job(gone.id) is None
    assert (runs.ids, queue.get_failed_count()) == ([job.id], 0)


@contract("Q-31")
@pytest.mark.parametrize("field", ["am", "o", "d", "st"])
def test_a_job_that_cannot_be_read_is_failed_with_a_reason(
    queue: Queue, connection: redis.Redis, run_worker: RunWorker, runs: Runs, field: str
) -> None:
    heard = Heard(queue, "failed", "error")
    job = queue.add("n", {})
    connection.hset(key_of(job), field, "{oops")
    run_worker(processor(queue, noted(runs)))
    wait_until(lambda: job.get_state() == "failed")
    wait_until(lambda: heard.count("failed") == 1)
    (failed,) = connection.hmget(key_of(job), "fr")
    assert failed
    assert len(runs) == 0


@contract("Q-31")
def test_a_poisoned_entry_among_the_delayed_ones(
    queue: Queue, connection: redis.Redis, run_worker: RunWorker, runs: Runs
) -> None:
    gone, wrong, job = (queue.add("n", {}, delay=20) for _ in range(3))
    connection.delete(key_of(gone))
    replaced_by_text(connection, wrong)
    run_worker(processor(queue, noted(runs)))
    wait_until(lambda: job.get_state() == "completed")
    assert queue.count() == 0


@contract("Q-31")
def test_a_poisoned_job_of_a_dead_worker(
    make_queue: MakeQueue, connection: redis.Redis, run_worker: RunWorker, runs: Runs
) -> None:
    queue = make_queue(settings={"stalled_interval": 100})
    wrong = queue.add("wrong", {})
    connection.lrem(f"rq:queue:{queue.name}", 0, wrong.rq_id)
    replaced_by_text(connection, wrong)
    lapsed = 1_700_000_000_000 * 1024
    connection.zadd(f"rq:wip:{queue.name}", {f"{wrong.rq_id}:t1": lapsed, "noise": lapsed, "a:b:c": lapsed})
    run_worker(processor(queue, noted(runs)))
    job = queue.add("n", {})
    wait_until(lambda: job.get_state() == "completed")
    wait_until(lambda: queue.get_active_count() == 0)
