"""What the contract tests hang on queues: handlers of both kinds, and recorders that threads may fill."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bthwani_jobs import Job, Processor, Queue
from tests.support.timing import now_ms
from tests.support.waiting import wait_until

Body = Callable[[Job], Awaitable[Any]]
Handler = Callable[[Job], Any]

GATE_WITHIN_S = 20.0


class Gate(threading.Event):
    """A handler waits at it until the test opens it; fails rather than waiting for ever."""

    def open(self) -> None:
        self.set()

    def pass_through(self) -> None:
        """Block this thread until the gate is open."""
        if not self.wait(GATE_WITHIN_S):
            raise TimeoutError("The test never opened the gate that its handler waits at.")


class Flavour:
    """Makes one body, written once as `async def`, into a plain or an asynchronous handler."""

    def __init__(self, kind: str) -> None:
        self.is_async = kind == "async"

    def handler(self, body: Body) -> Handler:
        if not self.is_async:
            return lambda job: _run_without_loop(body(job))

        async def handle(job: Job) -> Any:
            return await body(job)

        return handle

    async def pause(self, ms: float) -> None:
        """Pass time inside a body: this thread's, or the loop's to others."""
        if self.is_async:
            await asyncio.sleep(ms / 1000)
        else:
            time.sleep(ms / 1000)

    async def through(self, gate: Gate) -> None:
        """Wait at a gate inside a body."""
        if not self.is_async:
            gate.pass_through()
            return
        deadline = time.monotonic() + GATE_WITHIN_S
        while not gate.is_set():
            if time.monotonic() > deadline:
                raise TimeoutError("The test never opened the gate that its handler waits at.")
            await asyncio.sleep(0.003)


@dataclass(frozen=True)
class Run:
    """One call of a handler. `started` is Unix time in ms."""

    id: str
    name: str
    attempts_made: int
    started: int
    repeat_count: int | None

    @property
    def slot(self) -> int:
        """The nominal time of a repeatable's occurrence: the last part of its id."""
        return int(self.id.rsplit(":", 1)[1])


class Runs:
    """The calls of a test's handlers, in the order of their starts, and how many ran at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running = 0
        self.all: list[Run] = []
        self.ended: list[str] = []
        self.peak = 0

    @contextmanager
    def during(self, job: Job) -> Iterator[Run]:
        """Note the start, and the end when the block is left."""
        repeat = job.opts.repeat
        run = Run(job.id, job.name, job.attempts_made, now_ms(), repeat.count if repeat else None)
        with self._lock:
            self.all.append(run)
            self._running += 1
            self.peak = max(self.peak, self._running)
        try:
            yield run
        finally:
            with self._lock:
                self._running -= 1
                self.ended.append(job.id)

    def note(self, job: Job) -> Run:
        """Note a start whose end does not matter."""
        with self.during(job) as run:
            return run

    @property
    def ids(self) -> list[str]:
        return [run.id for run in self.all]

    @property
    def names(self) -> list[str]:
        return [run.name for run in self.all]

    @property
    def starts(self) -> list[int]:
        return [run.started for run in self.all]

    @property
    def gaps(self) -> list[int]:
        """Milliseconds between one start and the next."""
        return [later - earlier for earlier, later in zip(self.starts, self.starts[1:], strict=False)]

    def __len__(self) -> int:
        return len(self.all)


class Heard:
    """Every call that listeners of these events of one Queue object have had, in order."""

    def __init__(self, queue: Queue, *events: str) -> None:
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        for event in events:
            queue.on(event, self._listener(event))

    def _listener(self, event: str) -> Callable[..., None]:
        def hear(*arguments: Any) -> None:
            self.calls.append((event, arguments))

        return hear

    @property
    def names(self) -> list[str]:
        return [event for event, _ in list(self.calls)]

    def of(self, event: str) -> list[tuple[Any, ...]]:
        """The arguments of each call for one event."""
        return [arguments for name, arguments in list(self.calls) if name == event]

    def count(self, event: str) -> int:
        return len(self.of(event))


def processor(
    queue: Queue, handler: Handler, *, name: str = "*", concurrency: int = 1, **options: Any
) -> Processor:
    """A Processor of this queue with one handler: for jobs of any name unless one is given."""
    made = Processor(queue.name, **options)
    made.process(name, concurrency=concurrency)(handler)
    return made


def noted(runs: Runs) -> Handler:
    """A handler that only notes its calls."""

    def handle(job: Job) -> None:
        runs.note(job)

    return handle


def fail_first(runs: Runs, times: int = 1, message: str = "boom") -> Handler:
    """A handler whose first `times` attempts of each job raise."""

    def handle(job: Job) -> str:
        runs.note(job)
        if job.attempts_made < times:
            raise RuntimeError(message)
        return "ok"

    return handle


class HandlerFault(Exception):
    """What the handlers of these tests raise."""


def always_failing(runs: Runs, flavour: Flavour | None = None) -> Handler:
    """A handler that raises "boom" at every attempt."""

    async def body(job: Job) -> None:
        runs.note(job)
        raise HandlerFault("boom")

    return (flavour or Flavour("sync")).handler(body)


def stored(queue: Queue, job: Job) -> Job:
    """The job as Redis has it now."""
    found = queue.get_job(job.id)
    assert found is not None, f"Job {job.id} is gone."
    return found


def failed(queue: Queue, job: Job, within_ms: float = 10_000) -> Job:
    """The stored job, once it has failed for good."""
    wait_until(lambda: job.get_state() == "failed", within_ms)
    return stored(queue, job)


def ids(jobs: list[Job]) -> list[str]:
    return [job.id for job in jobs]


def names(jobs: list[Job]) -> list[str]:
    return [job.name for job in jobs]


def _run_without_loop(coroutine: Any) -> Any:
    """Drive a coroutine that never really suspends; the plain handlers' bodies are such."""
    try:
        coroutine.send(None)
    except StopIteration as finished:
        return finished.value
    raise RuntimeError("The body of a plain handler awaited something that suspends.")
