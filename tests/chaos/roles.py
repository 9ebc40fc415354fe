"""What a forked process of these tests does: it is a worker, a scheduler or a producer, and may die of it."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import redis

from bthwani_jobs import Job, Processor, Queue, Worker
from scheduler.repeatables import Repeatable
from scheduler.scheduler import Scheduler
from tests.chaos import producing
from tests.chaos.fault import Injector
from tests.chaos.life import EVERY_MS, SETTINGS, Notes
from tests.chaos.scenarios import SCENARIOS

OVER_WITHIN_S = 20.0
LOOK_EVERY_S = 0.02


def play(role: str, arguments: dict[str, Any]) -> None:
    """Play a role in this process."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(threadName)s %(message)s")
    _ROLES[role](**arguments)


def _injector(kill_at: int, moment: str, notes: str) -> Injector:
    return Injector(kill_at, moment, Path(notes))


def work(
    url: str,
    queue: str,
    scenario: str,
    notes: str,
    kill_at: int = 0,
    moment: str = "before",
    after_death: bool = False,
) -> None:
    """A worker, until the scenario is over; its calls from its start to its close count."""
    injector = _injector(kill_at, moment, notes)
    life = SCENARIOS[scenario]
    client = redis.Redis.from_url(url)
    own = redis.Redis.from_url(url)
    served = Queue(queue, client, settings=SETTINGS)
    processor = life.processor(Notes(own, queue), injector.exempt)
    worker = Worker([served], client, processors=[processor])
    injector.install()
    worker.start()
    looking = Queue(queue, own)
    _wait_for(lambda: life.is_over(looking, after_death), injector)
    worker.close()


def abandon(url: str, queue: str) -> None:
    """A worker that dies in its first handler: what it ran is left to stall."""
    client = redis.Redis.from_url(url)
    processor = Processor(queue)

    @processor.process("*")
    def die(job: Job) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    Worker([Queue(queue, client, settings=SETTINGS)], client, processors=[processor]).start()
    time.sleep(OVER_WITHIN_S)


def schedule(url: str, queue: str, notes: str, moved: int, kill_at: int = 0, moment: str = "before") -> None:
    """A scheduler with one repeatable in its table, until `moved` jobs wait."""
    injector = _injector(kill_at, moment, notes)
    client = redis.Redis.from_url(url)
    made = Scheduler([Queue(queue, client, settings=SETTINGS)], client)
    looking = Queue(queue, redis.Redis.from_url(url))
    injector.install()

    def stop_when_over() -> None:
        _wait_for(lambda: looking.get_waiting_count() >= moved, injector)
        made.stop()

    threading.Thread(target=stop_when_over, daemon=True).start()
    made.register([Repeatable(queue, "tick", {"every": EVERY_MS})])
    made.run()


def produce(
    url: str, queue: str, notes: str, programme: str, kill_at: int = 0, moment: str = "before"
) -> None:
    """A producer that carries out a programme of `producing`."""
    injector = _injector(kill_at, moment, notes)
    client = redis.Redis.from_url(url)
    made = Queue(queue, client, settings=SETTINGS)
    injector.install()
    producing.PROGRAMMES[programme](made)


def _wait_for(over: Callable[[], bool], injector: Injector) -> None:
    deadline = time.monotonic() + OVER_WITHIN_S
    with injector.exempt():
        while not over():
            if time.monotonic() > deadline:
                raise TimeoutError("The jobs did not end.")
            time.sleep(LOOK_EVERY_S)


_ROLES: dict[str, Callable[..., None]] = {
    "work": work,
    "abandon": abandon,
    "schedule": schedule,
    "produce": produce,
}
