"""A call whose reply was lost is sent again, and acts once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from bthwani_jobs import Job, OutcomeUnknown, Processor, Queue
from bthwani_jobs.store.scripts import script
from tests.chaos.cutting_proxy import CuttingProxy
from tests.chaos.invariants import assert_consistent
from tests.chaos.life import EVERY_MS, PATIENT
from tests.conftest import MakeQueue, RunWorker
from tests.support.redis_server import RedisServer
from tests.support.waiting import wait_until

#: Scripts are known to the server beforehand: the reply that is cut must be that of a call that acted.
SCRIPTS = (
    "add_jobs",
    "promote",
    "retry_job",
    "remove_job",
    "add_log",
    "take_lock",
    "release_lock",
    "schedule_repeat",
    "remove_repeatable",
    "step",
    "extend_leases",
)


@pytest.fixture
def proxy(redis_server: RedisServer, connection: redis.Redis) -> Iterator[CuttingProxy]:
    for name in SCRIPTS:
        connection.script_load(script(name).text)
    made = CuttingProxy(redis_server.port)
    yield made
    made.close()


@pytest.fixture
def far_queue(proxy: CuttingProxy, make_queue: MakeQueue) -> Iterator[Queue]:
    """The test's queue, reached through the proxy by a client that resends."""
    client = redis.Redis(host="127.0.0.1", port=proxy.port)
    yield make_queue(connection=client, settings=PATIENT)
    client.close()


def _add_and_lock(queue: Queue) -> Job:
    job = queue.add("a", {}, job_id="locked")
    assert job.take_lock() == 1
    return job


def _failed(queue: Queue, run_worker: RunWorker) -> Job:
    processor = Processor(queue.name)

    @processor.process("*")
    def fail(job: Job) -> None:
        raise RuntimeError("boom")

    worker = run_worker(processor, queues=[queue])
    job = queue.add("a", {}, job_id="failed")
    wait_until(lambda: job.is_failed())
    worker.close()
    return job


def test_add_is_done_once(
    far_queue: Queue, queue: Queue, proxy: CuttingProxy, connection: redis.Redis
) -> None:
    proxy.cut_reply_to("add_jobs")
    job = far_queue.add("a", {"n": 1})

    assert proxy.cuts == 1
    assert job.id == "1"
    assert [each.id for each in queue.get_waiting()] == ["1"]
    assert connection.get(f"rq:bull:{queue.name}:id") == b"1"
    assert_consistent(connection, queue.name)


def test_an_add_that_stays_unanswered_says_that_its_outcome_is_unknown(
    queue: Queue, make_queue: MakeQueue, proxy: CuttingProxy, connection: redis.Redis
) -> None:
    client = redis.Redis(host="127.0.0.1", port=proxy.port, retry=Retry(NoBackoff(), 0))
    far = make_queue(connection=client)
    proxy.cut_reply_to("add_jobs")
    with pytest.raises(OutcomeUnknown, match="job_id"):
        far.add("a", {"n": 1}, job_id="mine")

    assert far.add("a", {"n": 2}, job_id="mine").data == {"n": 1}
    assert queue.get_waiting_count() == 1
    assert_consistent(connection, queue.name)
    client.close()


def test_a_queue_made_from_a_url_resends_too(
    queue: Queue, make_queue: MakeQueue, proxy: CuttingProxy, connection: redis.Redis
) -> None:
    far = make_queue(connection=proxy.url)
    proxy.cut_reply_to("add_jobs")
    far.add("a")

    assert proxy.cuts == 1
    assert queue.get_waiting_count() == 1
    assert_consistent(connection, queue.name)


def test_add_bulk_is_done_once(
    far_queue: Queue, queue: Queue, proxy: CuttingProxy, connection: redis.Redis
) -> None:
    proxy.cut_reply_to("add_jobs")
    jobs = far_queue.add_bulk([{"name": "a", "opts": {"priority": n % 3}} for n in range(20)])

    assert proxy.cuts == 1
    assert [job.id for job in jobs] == [str(n) for n in range(1, 21)]
    assert queue.get_waiting_count() == 20
    assert_consistent(connection, queue.name)


def test_a_repeatable_is_added_once(
    far_queue: Queue, queue: Queue, proxy: CuttingProxy, connection: redis.Redis
) -> None:
    proxy.cut_reply_to("schedule_repeat")
    far_queue.add("tick", {}, repeat={"every": 3_600_000})

    assert proxy.cuts == 1
    assert queue.get_delayed_count() == 1
    assert connection.get(f"rq:bull:{queue.name}:id") == b"1"
    assert_consistent(connection, queue.name)


@pytest.mark.parametrize(
    ("script_name", "prepare", "act", "expected"),
    [
        ("promote", lambda q: q.add("a", {}, job_id="j", delay=99_999), lambda job: job.promote(), None),
        ("remove_job", lambda q: q.add("a", {}, job_id="j"), lambda job: job.remove(), None),
        ("add_log", lambda q: q.add("a", {}, job_id="j"), lambda job: job.log("row"), 1),
        ("take_lock", lambda q: q.add("a", {}, job_id="j"), lambda job: job.take_lock(), 1),
        ("release_lock", _add_and_lock, lambda job: job.release_lock(), None),
    ],
)
def test_a_command_is_done_once_and_answered_the_same(
    far_queue: Queue,
    proxy: CuttingProxy,
    connection: redis.Redis,
    script_name: str,
    prepare: Callable[[Queue], Job],
    act: Callable[[Job], object],
    expected: object,
) -> None:
    job = prepare(far_queue)
    proxy.cut_reply_to(script_name)

    assert act(job) == expected
    assert proxy.cuts == 1
    assert far_queue.get_job_logs(job.id)["count"] == (1 if script_name == "add_log" else 0)
    job_is_left = script_name != "remove_job"
    assert (far_queue.get_job(job.id) is not None) == job_is_left
    if script_name != "take_lock":
        assert_consistent(connection, far_queue.name)


def test_retry_is_done_once(
    far_queue: Queue, proxy: CuttingProxy, connection: redis.Redis, run_worker: RunWorker
) -> None:
    job = _failed(far_queue, run_worker)
    proxy.cut_reply_to("retry_job")
    job.retry()

    assert proxy.cuts == 1
    assert [each.id for each in far_queue.get_waiting()] == ["failed"]
    assert_consistent(connection, far_queue.name)


def test_a_repeatable_is_removed_once(far_queue: Queue, proxy: CuttingProxy, connection: redis.Redis) -> None:
    far_queue.add("tick", {}, repeat={"every": EVERY_MS})
    proxy.cut_reply_to("remove_repeatable")
    far_queue.remove_repeatable("tick", {"every": EVERY_MS})

    assert proxy.cuts == 1
    assert far_queue.get_repeatable_count() == far_queue.get_delayed_count() == 0
    assert_consistent(connection, far_queue.name)


@pytest.mark.parametrize("slots", [1, 3])
def test_fetch_and_finish_are_done_once(
    far_queue: Queue,
    queue: Queue,
    proxy: CuttingProxy,
    connection: redis.Redis,
    run_worker: RunWorker,
    slots: int,
) -> None:
    """Every step's reply is lost in turn: fetches, finishes, and calls that are both."""
    starts: list[str] = []
    completed: list[str] = []
    far_queue.on("completed", lambda job: completed.append(job.id))
    errors: list[BaseException] = []
    far_queue.on("error", errors.append)
    processor = Processor(queue.name, concurrency=slots)

    @processor.process("*")
    def handle(job: Job) -> str:
        starts.append(job.id)
        proxy.cut_reply_to("step")
        return "done"

    proxy.cut_reply_to("step")
    queue.add_bulk([{"name": "a"} for _ in range(12)])
    worker = run_worker(processor, queues=[far_queue])
    wait_until(lambda: queue.get_completed_count() == 12, 20_000)
    worker.close()

    ids = sorted(str(n) for n in range(1, 13))
    assert proxy.cuts >= 3
    assert sorted(starts) == ids
    assert sorted(completed) == ids
    assert [error for error in errors if not isinstance(error, redis.ConnectionError)] == []
    assert_consistent(connection, queue.name)


def test_a_retry_whose_reply_was_lost_costs_one_attempt(
    far_queue: Queue, queue: Queue, proxy: CuttingProxy, connection: redis.Redis, run_worker: RunWorker
) -> None:
    attempts: list[int] = []
    processor = Processor(queue.name)

    @processor.process("*")
    def fail(job: Job) -> None:
        attempts.append(job.attempts_made)
        proxy.cut_reply_to("step")
        raise RuntimeError("boom")

    job = queue.add("a", {}, attempts=3, backoff=10)
    worker = run_worker(processor, queues=[far_queue])
    wait_until(lambda: job.is_failed(), 10_000)
    worker.close()

    assert attempts == [0, 1, 2]
    assert queue.get_job(job.id).attempts_made == 3
    assert_consistent(connection, queue.name)


def test_a_renewal_whose_reply_was_lost_costs_no_lease(
    make_queue: MakeQueue, queue: Queue, proxy: CuttingProxy, connection: redis.Redis, run_worker: RunWorker
) -> None:
    # redis-py may wait a second before it sends again; the lease must outlast that.
    settings = {"lock_duration": 6000, "lock_renew_time": 50, "stalled_interval": 100}
    client = redis.Redis(host="127.0.0.1", port=proxy.port)
    far_queue = make_queue(connection=client, settings=settings)
    lost: list[object] = []
    far_queue.on("lock-extension-failed", lambda job, error: lost.append(error))
    stalled: list[object] = []
    far_queue.on("stalled", stalled.append)
    over = threading.Event()
    processor = Processor(queue.name)

    @processor.process("*")
    def wait(job: Job) -> str:
        over.wait(20)
        return "done"

    job = queue.add("a", {})
    worker = run_worker(processor, queues=[far_queue])
    wait_until(lambda: job.is_active())
    for _ in range(4):
        cuts = proxy.cuts
        proxy.cut_reply_to("extend_leases")
        wait_until(lambda before=cuts: proxy.cuts > before, 10_000)
    over.set()
    wait_until(lambda: job.is_completed())
    worker.close()
    client.close()

    assert stalled == []
    assert [error for error in lost if not isinstance(error, redis.ConnectionError)] == []
    assert_consistent(connection, queue.name)
