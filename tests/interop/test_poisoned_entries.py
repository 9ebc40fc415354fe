"""Whatever others write into our keys: the worker says so in one line, sets it aside, runs the next job."""

from __future__ import annotations

import pytest
import redis
import rq

from bthwani_jobs import Processor, Queue
from bthwani_jobs.store.entry_call import ENTRY_CALL
from tests.chaos.invariants import assert_consistent
from tests.conftest import RunWorker
from tests.interop.poison import Alarm, Drink, plant_job
from tests.interop.project import Project
from tests.support.waiting import wait_until

FOREIGN_IDS = {
    "dots": b"a.b",
    "colons": b"repeat:abc:123",
    "empty": b"",
    "spaces": b"a b c",
    "bytes": b"\xff\xfe\x00",
    "long": b"x" * 10_000,
    "separator": b"__",
    "bad escape": b"q__a_zz",
    "glob": b"*",
}


@pytest.mark.parametrize("kind", FOREIGN_IDS)
def test_a_foreign_id_on_the_list(
    queue: Queue, connection: redis.Redis, drink: Drink, alarm: Alarm, kind: str
) -> None:
    connection.rpush(f"rq:queue:{queue.name}", FOREIGN_IDS[kind])
    drink()

    assert len(alarm.lines) == 1
    assert len(alarm.lines[0]) < 1000
    assert connection.llen(f"rq:queue:{queue.name}") == 0
    assert_consistent(connection, queue.name)


@pytest.mark.parametrize("kind", FOREIGN_IDS)
def test_a_foreign_id_with_aplant_job(
    queue: Queue, connection: redis.Redis, drink: Drink, alarm: Alarm, kind: str
) -> None:
    key = b"rq:job:" + FOREIGN_IDS[kind]
    connection.hset(key, mapping={"data": b"?", "status": "queued", "origin": queue.name})
    connection.rpush(f"rq:queue:{queue.name}", FOREIGN_IDS[kind])
    drink()
    connection.delete(key)

    assert len(alarm.lines) == 1


@pytest.mark.parametrize("kind", FOREIGN_IDS)
def test_a_foreign_id_with_a_hash_that_looks_like_ours(
    queue: Queue, connection: redis.Redis, drink: Drink, alarm: Alarm, kind: str
) -> None:
    key = b"rq:job:" + FOREIGN_IDS[kind]
    row = {"data": ENTRY_CALL, "status": "queued", "origin": queue.name, "description": "bad", "d": "{}"}
    connection.hset(key, mapping={**row, "created_at": "2026-11-24T08:00:00.000000Z"})
    connection.rpush(f"rq:queue:{queue.name}", FOREIGN_IDS[kind])
    drink()
    connection.delete(key)

    assert not alarm.about("internal error")


@pytest.mark.parametrize("kind", ["string", "list", "set", "zset"])
def test_a_job_key_of_another_type(
    queue: Queue, connection: redis.Redis, drink: Drink, alarm: Alarm, kind: str
) -> None:
    key = f"rq:job:{queue.name}__bad"
    plant = {
        "string": lambda: connection.set(key, "x"),
        "list": lambda: connection.rpush(key, "x"),
        "set": lambda: connection.sadd(key, "x"),
        "zset": lambda: connection.zadd(key, {"x": 1}),
    }
    plant[kind]()
    connection.rpush(f"rq:queue:{queue.name}", f"{queue.name}__bad")
    drink()

    assert len(alarm.about("bad")) == len(alarm.lines) == 1
    connection.delete(key)
    assert_consistent(connection, queue.name)


def test_a_missingplant_job(queue: Queue, connection: redis.Redis, drink: Drink, alarm: Alarm) -> None:
    connection.rpush(f"rq:queue:{queue.name}", f"{queue.name}__bad")
    drink()

    assert len(alarm.about("bad")) == len(alarm.lines) == 1
    assert_consistent(connection, queue.name)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("o", "{nope"),
        ("o", "[]"),
        ("o", '{"zz":1}'),
        ("o", '{"a":"many"}'),
        ("o", '{"t":"long"}'),
        ("o", '{"b":["fixed","long"],"a":3}'),
        ("o", '{"c":{"age":"x"}}'),
        ("o", '{"r":{"zz":1}}'),
        ("o", b"\xff\xfe"),
        ("d", "not json"),
        ("d", b"\xff\xfe"),
        ("am", "abc"),
        ("am", "-3"),
        ("priority", "high"),
        ("delay", "soon"),
        ("ts", "yesterday"),
        ("created_at", "yesterday"),
        ("created_at", None),
        ("st", "not json"),
        ("st", '"text"'),
        ("pg", "not json"),
        ("description", None),
        ("description", b"\xff"),
        ("rk", "garbage"),
        ("rk", "12|nobody"),
        ("pm", "garbage"),
        ("sc", "many"),
        ("status", None),
        ("origin", None),
    ],
)
def test_a_field_that_cannot_be_read(
    queue: Queue,
    connection: redis.Redis,
    drink: Drink,
    alarm: Alarm,
    field: str,
    value: str | bytes | None,
) -> None:
    """The job ends, failed and with a reason unless the field did not matter; nothing stays behind."""
    rq_id = plant_job(connection, queue.name, **{field: value})
    connection.rpush(f"rq:queue:{queue.name}", rq_id)
    drink()

    states = [
        place for place in ("finished", "failed") if connection.zscore(f"rq:{place}:{queue.name}", rq_id)
    ]
    assert states in (["finished"], ["failed"])
    if states == ["failed"]:
        assert connection.hget(f"rq:job:{rq_id}", "fr")
        assert len(alarm.lines) <= 2
    assert not alarm.about("internal error")
    if field not in ("origin", "created_at", "delay"):
        assert_consistent(connection, queue.name)
    assert len(queue.get_jobs(["completed", "failed"])) == 3


def test_a_stock_job_with_pickled_arguments_is_refused(
    queue: Queue, connection: redis.Redis, drink: Drink, alarm: Alarm, project: Project
) -> None:
    """It ends failed, so that its owner sees it; the function it names is not called."""
    made = project.folder / "made-by-a-stranger"
    stock = rq.Queue(queue.name, connection=connection).enqueue("os.mkdir", str(made))
    drink()

    assert not made.exists()
    assert stock.get_status() == "failed"
    assert connection.zscore(f"rq:failed:{queue.name}", stock.id) is not None
    assert len(alarm.about(stock.id)) == 1
    connection.delete(f"rq:job:{stock.id}")


def test_our_job_whose_call_was_replaced_does_not_run_it(
    queue: Queue, connection: redis.Redis, drink: Drink, project: Project
) -> None:
    """What RQ's field `data` names means nothing to our worker: the handler is found by queue and name."""
    made = project.folder / "made-by-a-stranger"
    stranger = rq.Queue(f"{queue.name}-x", connection=connection).enqueue("os.mkdir", str(made))
    rq_id = plant_job(connection, queue.name, data=connection.hget(f"rq:job:{stranger.id}", "data"))
    connection.rpush(f"rq:queue:{queue.name}", rq_id)
    stranger.delete()
    drink()

    assert not made.exists()


def test_an_id_that_is_listed_twice_runs_once_at_a_time(
    queue: Queue, connection: redis.Redis, drink: Drink
) -> None:
    """As after a hand-made push: nothing ends up in two places."""
    job = queue.add("twice", {}, job_id="twice")
    connection.rpush(f"rq:queue:{queue.name}", job.rq_id)
    drink()

    assert_consistent(connection, queue.name)


def test_a_finished_job_pushed_by_hand_ends_in_one_place(
    queue: Queue, connection: redis.Redis, drink: Drink, run_worker: RunWorker
) -> None:
    job = queue.add("again", {}, job_id="again")
    drink()
    wait_until(lambda: job.is_completed())
    connection.rpush(f"rq:queue:{queue.name}", job.rq_id)
    processor = Processor(queue.name)
    processor.process("*")(lambda job: "again")
    worker = run_worker(processor)
    wait_until(lambda: connection.llen(f"rq:queue:{queue.name}") == 0, 3_000)
    wait_until(lambda: queue.get_active_count() == 0)
    worker.close()

    assert_consistent(connection, queue.name)
