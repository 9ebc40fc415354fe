"""The server forgets scripts, drops connections, restarts: whoever uses it goes on by itself."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator

import pytest
import redis

from bthwani_jobs import Job, Processor, Queue
from scheduler.scheduler import Scheduler
from tests.chaos.invariants import assert_consistent
from tests.chaos.life import PATIENT, SETTINGS
from tests.conftest import MakeQueue, RunWorker
from tests.support.redis_server import RedisServer
from tests.support.waiting import wait_until

MANY = 120


class Runs:
    """Counts handler calls by job id."""

    def __init__(self, queue_name: str, concurrency: int, pause_s: float = 0.002) -> None:
        self.times: Counter[str] = Counter()
        self._lock = threading.Lock()
        self.processor = Processor(queue_name, concurrency=concurrency)

        @self.processor.process("*")
        def handle(job: Job) -> str:
            with self._lock:
                self.times[job.id] += 1
            time.sleep(pause_s)
            return job.id

    @property
    def repeated(self) -> list[str]:
        return [job_id for job_id, times in self.times.items() if times > 1]


@pytest.fixture
def own_server() -> Iterator[RedisServer]:
    """A server that this test may stop; it keeps its data."""
    server = RedisServer(append_only=True).start()
    yield server
    server.destroy()


@pytest.fixture
def own_client(own_server: RedisServer) -> Iterator[redis.Redis]:
    client = redis.Redis(host="127.0.0.1", port=own_server.port)
    yield client
    client.close()


@pytest.mark.parametrize("slots", [1, 4])
def test_scripts_are_flushed_while_jobs_run(
    queue: Queue, connection: redis.Redis, run_worker: RunWorker, slots: int
) -> None:
    runs = Runs(queue.name, slots)
    worker = run_worker(runs.processor)
    for number in range(MANY):
        queue.add("a", {}, delay=number % 3)
        if number % 7 == 0:
            connection.script_flush()
    wait_until(lambda: queue.get_completed_count() == MANY, 20_000)
    worker.close()

    assert runs.repeated == []
    assert_consistent(connection, queue.name)


@pytest.mark.parametrize("slots", [1, 4])
def test_connections_are_killed_while_jobs_run(
    make_queue: MakeQueue, own_server: RedisServer, own_client: redis.Redis, run_worker: RunWorker, slots: int
) -> None:
    queue = make_queue(connection=own_client, settings=PATIENT)
    runs = Runs(queue.name, slots)
    worker = run_worker(runs.processor, queues=[queue])
    killer = own_server.client()
    for _ in range(6):
        queue.add_bulk([{"name": "a"} for _ in range(20)])
        killer.execute_command("CLIENT", "KILL", "TYPE", "normal")
    wait_until(lambda: queue.get_completed_count() == MANY, 30_000)
    worker.close()
    killer.close()

    assert runs.repeated == []
    assert_consistent(own_client, queue.name)


def test_the_server_restarts_while_jobs_run(
    make_queue: MakeQueue, own_server: RedisServer, own_client: redis.Redis, run_worker: RunWorker
) -> None:
    queue = make_queue(connection=own_client, settings=PATIENT)
    runs = Runs(queue.name, 3)
    queue.add_bulk([{"name": "a", "opts": {"delay": number % 5 * 20}} for number in range(MANY)])
    worker = run_worker(runs.processor, queues=[queue])
    wait_until(lambda: len(runs.times) > 10)
    own_server.restart()
    wait_until(lambda: queue.get_completed_count() == MANY, 30_000)
    wait_until(lambda: queue.add("after") is not None)
    wait_until(lambda: queue.get_completed_count() == MANY + 1)
    worker.close()

    assert runs.repeated == []
    assert_consistent(own_client, queue.name)


def test_an_idle_worker_and_a_scheduler_outlive_a_restart(
    make_queue: MakeQueue, own_server: RedisServer, own_client: redis.Redis, run_worker: RunWorker
) -> None:
    """Nothing is under way when the server goes: sleepers must notice as well."""
    queue = make_queue(connection=own_client, settings=PATIENT)
    runs = Runs(queue.name, 1)
    worker = run_worker(runs.processor, queues=[queue])
    scheduler = _InThread(own_client, queue)
    queue.add("before")
    wait_until(lambda: queue.get_completed_count() == 1)
    own_server.restart()
    wait_until(lambda: own_client.ping(), 10_000)
    queue.add("plain")
    wait_until(lambda: queue.get_completed_count() == 2, 10_000)
    queue.add("delayed", delay=50)
    wait_until(lambda: queue.get_completed_count() == 3, 10_000)
    worker.close()
    scheduler.close()
    assert_consistent(own_client, queue.name)


@pytest.mark.parametrize("slots", [1, 2])
def test_a_worker_closes_although_the_server_is_gone(
    make_queue: MakeQueue, own_server: RedisServer, run_worker: RunWorker, slots: int
) -> None:
    client = own_server.client()
    queue = make_queue(connection=client, settings=SETTINGS)
    worker = run_worker(Runs(queue.name, slots).processor, queues=[queue])
    queue.add("a")
    wait_until(lambda: queue.get_completed_count() == 1)
    own_server.kill()
    began = time.monotonic()
    worker.close()
    assert time.monotonic() - began < 15
    client.close()


class _InThread:
    """A Scheduler outside the main thread, which alone may install signal handlers."""

    def __init__(self, client: redis.Redis, queue: Queue) -> None:
        class Quiet(Scheduler):
            def _install_signal_handlers(self) -> None:
                """Signals belong to the tests."""

        self._scheduler = Quiet([queue], client)
        self._thread = threading.Thread(target=self._scheduler.run)
        self._thread.start()

    def close(self) -> None:
        self._scheduler.stop()
        self._thread.join(10)
