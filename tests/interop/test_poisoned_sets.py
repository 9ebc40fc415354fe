"""The same for the queue's other keys: what does not belong there neither stops nor harms anything."""

from __future__ import annotations

import pytest
import redis
import rq

from bthwani_jobs import Job, Processor, Queue
from bthwani_jobs.runtime.stalled_checker import check
from tests.chaos.invariants import FIRST_SCORE, assert_consistent
from tests.conftest import RunWorker
from tests.interop.poison import Alarm, Drink, plant_job
from tests.interop.project import Project
from tests.support.waiting import wait_until


def test_a_debt_that_cannot_be_read_does_not_keep_others_from_being_paid(
    queue: Queue, connection: redis.Redis, drink: Drink
) -> None:
    """Nor does a definition: chains beside them are mended."""
    queue.add("tick", {}, repeat={"every": 3_600_000})
    occurrence = queue.get_delayed()[0]
    connection.zadd(f"rq:bull:{queue.name}:repeat:owed", {"garbage": 1, "x|y": 2, "1|": 3, b"\xff|\xff": 4})
    connection.zadd(f"rq:bull:{queue.name}:repeat", {"lost": 5, "broken": 6})
    connection.hset(f"rq:bull:{queue.name}:repeat:definitions", "broken", "{nope")
    occurrence.remove()
    drink()
    wait_until(lambda: queue.get_delayed_count() == 1, 5_000, "the chain to be mended")


def test_a_list_key_of_another_type(queue: Queue, connection: redis.Redis, run_worker: RunWorker) -> None:
    """A running job ends well, and the queue goes on once the key is put right or set aside."""
    processor = Processor(queue.name, concurrency=2)
    ran: list[str] = []

    @processor.process("*")
    def handle(job: Job) -> str:
        ran.append(job.id)
        if job.id == "first":
            connection.set(f"rq:queue:{queue.name}", "not a list")
        return "done"

    errors: list[BaseException] = []
    queue.on("error", errors.append)
    first = queue.add("a", {}, job_id="first")
    worker = run_worker(processor)
    try:
        wait_until(lambda: first.is_completed(), 5_000)
        if connection.type(f"rq:queue:{queue.name}") == b"string":
            connection.delete(f"rq:queue:{queue.name}")
        queue.add("a", {}, job_id="second")
        wait_until(lambda: ran == ["first", "second"], 10_000)
        wait_until(lambda: queue.get_completed_count() == 2)
    finally:
        connection.delete(f"rq:queue:{queue.name}")
        worker.close(do_not_wait_jobs=True)

    assert not [error for error in errors if "lock" in str(error)]
    assert_consistent(connection, queue.name)


@pytest.mark.parametrize("kind", ["no hash", "wrong type", "foreign id", "no fields", "bad priority"])
def test_poison_among_the_delayed(queue: Queue, connection: redis.Redis, drink: Drink, kind: str) -> None:
    rq_id = f"{queue.name}__bad"
    if kind == "wrong type":
        connection.set(f"rq:job:{rq_id}", "x")
    elif kind == "foreign id":
        rq_id = "a.b:c"
    elif kind == "no fields":
        connection.hset(f"rq:job:{rq_id}", "x", "y")
    elif kind == "bad priority":
        plant_job(connection, queue.name, priority="high", delay="soon", status="scheduled")
    connection.zadd(f"rq:scheduled:{queue.name}", {rq_id: FIRST_SCORE})
    queue.add("due", {}, job_id="due", delay=1)
    drink()
    wait_until(lambda: queue.get_job("due").is_completed())

    assert connection.zcard(f"rq:scheduled:{queue.name}") == 0
    if kind != "no fields":
        connection.delete(f"rq:job:{rq_id}")
        connection.zrem(f"rq:failed:{queue.name}", rq_id)
        assert_consistent(connection, queue.name)


def test_rq_s_own_delayed_jobs_stay_where_they_are(
    queue: Queue, connection: redis.Redis, drink: Drink
) -> None:
    """Their scores count in seconds: to us they would be due at once."""
    connection.zadd(f"rq:scheduled:{queue.name}", {"of-rq": 1_800_000_000})
    drink()

    assert connection.zrange(f"rq:scheduled:{queue.name}", 0, -1) == [b"of-rq"]


@pytest.mark.parametrize("member", ["nocolon", ":", "a:b:c", "unknown__1:tok", "\xff:\xff"])
def test_poison_among_the_active(
    queue: Queue, connection: redis.Redis, drink: Drink, alarm: Alarm, member: str
) -> None:
    """Members that no worker of ours wrote; they lapse and go."""
    connection.zadd(f"rq:wip:{queue.name}", {member: FIRST_SCORE, "stock-job:exec": 2_000_000_000})
    connection.set(f"rq:job:{queue.name}__text", "x")
    connection.zadd(f"rq:wip:{queue.name}", {f"{queue.name}__text:tok": FIRST_SCORE})
    assert check(queue, now=True) is not None
    connection.delete(f"rq:job:{queue.name}__text")

    assert connection.zrange(f"rq:wip:{queue.name}", 0, -1) == [b"stock-job:exec"]
    connection.zrem(f"rq:wip:{queue.name}", "stock-job:exec")
    drink()
    assert not alarm.about("internal error")


def test_strangers_among_the_finished_outlive_our_retention(
    queue: Queue, connection: redis.Redis, run_worker: RunWorker
) -> None:
    """Stock RQ jobs on the same queue are neither adopted nor thrown away by remove_on_complete."""
    ours = [queue.add("a", {}, remove_on_complete=2, job_id=f"a{n}") for n in range(5)]
    stranger = rq.Queue(queue.name, connection=connection)
    connection.hset("rq:job:strange", mapping={"data": b"?", "status": "finished", "origin": queue.name})
    connection.zadd(f"rq:finished:{stranger.name}", {"strange": 2_000_000_000})
    processor = Processor(queue.name)
    processor.process("*")(lambda job: "done")
    worker = run_worker(processor)
    wait_until(lambda: ours[-1].is_completed())
    worker.close()
    check(queue, now=True)

    assert connection.exists("rq:job:strange") == 1
    assert connection.zscore(f"rq:finished:{queue.name}", "strange") == 2_000_000_000
    assert {job.id for job in queue.get_completed()} == {"a3", "a4"}
    connection.delete("rq:job:strange")


def test_many_strangers_among_the_finished_do_not_hide_ours(
    queue: Queue, connection: redis.Redis, project: Project
) -> None:
    for n in range(150):
        connection.zadd(f"rq:finished:{queue.name}", {f"strange-{n}": 1_700_000_000 + n})
    job = queue.add("a", {})
    project.run_rq("worker", "--burst", queue.name)
    # RQ has removed the expired ones by then; new ones come.
    for n in range(150):
        connection.hset(f"rq:job:strange-{n}", mapping={"status": "finished", "origin": queue.name})
        connection.zadd(f"rq:finished:{queue.name}", {f"strange-{n}": 1_700_000_000 + n})
    for _ in range(3):
        check(queue, now=True)

    assert connection.zscore(f"rq:finished:{queue.name}", job.rq_id) >= FIRST_SCORE
    for n in range(150):
        connection.delete(f"rq:job:strange-{n}")


def test_garbage_among_the_priorities(queue: Queue, connection: redis.Redis, drink: Drink) -> None:
    garbage = {"x": 1, "": 2, "0000000000000001:nobody": 3, b"\xff\xfe": 1}
    connection.zadd(f"rq:bull:{queue.name}:prio", garbage)
    queue.add("p", {}, job_id="p4", priority=4)
    queue.add("p", {}, job_id="p1", priority=1)
    assert [job.id for job in queue.get_waiting()] == ["p1", "p4"]
    drink()
    check(queue, now=True)

    assert_consistent(connection, queue.name)


def test_garbage_on_the_events_channel(queue: Queue, connection: redis.Redis, drink: Drink) -> None:
    heard: list[str] = []
    queue.on("global:completed", lambda job_id, value: heard.append(job_id))
    for payload in (
        b"",
        b"\xff\xfe",
        b"completed",
        b"completed\x1f",
        b"completed\x1f..\x1f{",
        b"x\x1fy\x1ez",
    ):
        connection.publish(f"rq:bull:{queue.name}:events", payload)
    connection.publish(f"rq:bull:{queue.name}:events", f"progress\x1f{queue.name}__1\x1fnot json")
    drink()
    wait_until(lambda: "good" in heard)
