"""Fixtures that all tests share: a real server, queues and workers that clean up after themselves."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator

import pytest
import redis

import bthwani_jobs
from bthwani_jobs.core.ids import encode_part
from tests.support.processes import Processes
from tests.support.redis_server import RedisServer
from tests.support.waiting import NotInTime, wait_until

pytest_plugins = ["tests.support.contract_report"]

_THREADS_END_WITHIN_MS = 10_000

MakeQueue = Callable[..., "bthwani_jobs.Queue"]
RunWorker = Callable[..., "bthwani_jobs.Worker"]


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """One real server for the session (for each xdist worker its own), without persistence."""
    server = RedisServer().start()
    yield server
    server.destroy()


@pytest.fixture
def connection(redis_server: RedisServer) -> Iterator[redis.Redis]:
    """A client of the session's server."""
    client = redis_server.client()
    yield client
    client.close()


@pytest.fixture(autouse=True)
def no_threads_left() -> Iterator[None]:
    """A test that leaves a worker, a listener or a handler running fails."""
    before = set(threading.enumerate())
    yield
    try:
        wait_until(lambda: not _new_threads(before), _THREADS_END_WITHIN_MS)
    except NotInTime:
        pytest.fail(f"The test left threads running: {', '.join(_new_threads(before))}.")


@pytest.fixture
def queue_name() -> str:
    """A queue name that no other test uses."""
    return f"q-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def made_queues(connection: redis.Redis, no_threads_left: None) -> Iterator[list[bthwani_jobs.Queue]]:
    """Every Queue object of this test, oldest first; closed and their keys deleted at its end."""
    queues: list[bthwani_jobs.Queue] = []
    yield queues
    for made in queues:
        made.close()
    for name in {made.name for made in queues}:
        delete_queue_keys(connection, name)


@pytest.fixture
def make_queue(connection: redis.Redis, queue_name: str, made_queues: list[bthwani_jobs.Queue]) -> MakeQueue:
    """`make_queue(name=None, **options)`: a new Queue object, of the test's own queue unless named."""

    def make(name: str | None = None, **options: object) -> bthwani_jobs.Queue:
        made = bthwani_jobs.Queue(name or queue_name, options.pop("connection", connection), **options)
        made_queues.append(made)
        return made

    return make


@pytest.fixture
def queue(make_queue: MakeQueue) -> bthwani_jobs.Queue:
    """A Queue object of the test's own queue."""
    return make_queue()


@pytest.fixture
def run_worker(connection: redis.Redis, made_queues: list[bthwani_jobs.Queue]) -> Iterator[RunWorker]:
    """`run_worker(*processors, queues=None)`: a started Worker, closed at the test's end.

    Without `queues` it serves the queues the processors name, through the first Queue object that this test
    made for each (whose listeners then hear the local events).
    """
    workers: list[bthwani_jobs.Worker] = []

    def run(
        *processors: bthwani_jobs.Processor, queues: list[bthwani_jobs.Queue | str] | None = None
    ) -> bthwani_jobs.Worker:
        served = _served(processors, made_queues) if queues is None else queues
        worker = bthwani_jobs.Worker(served, connection, processors=list(processors))
        workers.append(worker)
        worker.start()
        return worker

    yield run
    for worker in workers:
        worker.close()


@pytest.fixture
def processes(redis_server: RedisServer) -> Iterator[Processes]:
    """Starts `python …` against the session's server; whatever still runs at the end is killed."""
    started = Processes(redis_server.url)
    yield started
    started.destroy()


def delete_queue_keys(connection: redis.Redis, name: str) -> None:
    """Delete every key that belongs to the queue: its lists, sets, jobs and companions."""
    for part in {name, encode_part(name)}:
        escaped = "".join(f"\\{character}" if character in "\\*?[]^" else character for character in part)
        for key in connection.scan_iter(f"*{escaped}*", count=1000):
            connection.delete(key)
    connection.srem("rq:queues", f"rq:queue:{name}")


def _served(
    processors: tuple[bthwani_jobs.Processor, ...], made: list[bthwani_jobs.Queue]
) -> list[bthwani_jobs.Queue | str]:
    objects: dict[str, bthwani_jobs.Queue] = {}
    for queue in made:
        objects.setdefault(queue.name, queue)
    names = dict.fromkeys(processor.name for processor in processors)
    return [objects.get(name, name) for name in names]


def _new_threads(before: set[threading.Thread]) -> list[str]:
    return sorted(thread.name for thread in threading.enumerate() if thread not in before)
