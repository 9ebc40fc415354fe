"""Whatever others write into our keys: the worker says so in one line, sets it aside, runs the next job."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import pytest
import redis
import rq

from bthwani_jobs import Job, Processor, Queue
from bthwani_jobs.runtime.stalled_checker import check
from bthwani_jobs.store.entry_call import ENTRY_CALL
from tests.chaos.invariants import FIRST_SCORE, assert_consistent
from tests.conftest import RunWorker
from tests.interop.project import Project
from tests.support.waiting import wait_until

Poison = Callable[[redis.Redis, str], None]
Drink = Callable[[], None]


class Alarm(logging.Handler):
    """Lines of warning or worse."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())

    def about(self, text: str) -> list[str]:
        return [line for line in self.lines if text in line]


@pytest.fixture
def alarm() -> Iterator[Alarm]:
    made = Alarm()
    logging.getLogger().addHandler(made)
    yield made
    logging.getLogger().removeHandler(made)


@pytest.fixture
def drink(queue: Queue, run_worker: RunWorker) -> Drink:
    """Have a worker meet what was planted, and prove that it runs the job behind it, and the one after."""
    ran: list[str] = []
    processor = Processor(queue.name)

    @processor.process("*")
    def handle(job: Job) -> str:
        ran.append(job.id)
        return "done"

    def run() -> None:
        queue.add("good", {}, job_id="good")
        worker = run_worker(processor)
        try:
            wait_until(lambda: "good" in ran, what="the job behind the poison to run")
            queue.add("later", {}, job_id="later")
            wait_until(lambda: "later" in ran, what="the worker to go on")
            wait_until(lambda: queue.get_active_count() == 0)
        finally:
            # One that is stuck would wait for its jobs for ever.
            worker.close(do_not_wait_jobs=True)

    return run


def _hash(connection: redis.Redis, queue: str, job_id: str = "bad", **fields: str | bytes | None) -> str:
    """A job of ours as add would have written it, some fields changed, or (None) left out."""
    rq_id = f"{queue}__{job_id}"
    row: dict[str, str | bytes | None] = {
        "data": ENTRY_CALL,
        "status": "queued",
        "origin": queue,
        "created_at": "2026-11-24T08:00:00.000000Z",
        "description": "bad",
        "d": "{}",
        **fields,
    }
    connection.hset(f"rq:job:{rq_id}", mapping={k: v for k, v in row.items() if v is not None})
    return rq_id


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
def test_a_foreign_id_with_a_hash(
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


def test_a_missing_hash(queue: Queue, connection: redis.Redis, drink: Drink, alarm: Alarm) -> None:
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
    rq_id = _hash(connection, queue.name, **{field: value})
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
    rq_id = _hash(connection, queue.name, data=connection.hget(f"rq:job:{stranger.id}", "data"))
    connection.rpush(f"rq:queue:{queue.name}", rq_id)
    stranger.delete()
    drink()

    assert not made.exists()


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
        _hash(connection, queue.name, priority="high", delay="soon", status="scheduled")
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
