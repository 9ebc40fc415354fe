"""Where handlers run: threads that are kept, and one event loop for coroutines."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue
from weakref import WeakSet

from .processing import Run, call, call_async

Ended = Callable[[Run], None]
Begins = Callable[[Run], None]


class ThreadExecutor:
    """Daemon threads, made when all are busy and kept for the next run. A thread whose run was abandoned
    ends."""

    def __init__(self, name: str, begins: Begins, ended: Ended) -> None:
        self.name = name
        self._begins = begins
        self._ended = ended
        self._runs: SimpleQueue[Run | None] = SimpleQueue()
        self._threads = 0
        self._members: WeakSet[threading.Thread] = WeakSet()
        self._busy = 0
        self._lock = threading.Lock()
        #: abandoned runs whose handler has not returned yet
        self.abandoned = 0

    def submit(self, run: Run) -> None:
        with self._lock:
            self._busy += 1
            if self._busy > self._threads:
                self._threads += 1
                thread = threading.Thread(target=self._work, name=f"{self.name}-{self._threads}", daemon=True)
                self._members.add(thread)
                thread.start()
        self._runs.put(run)

    def abandon(self, run: Run) -> None:
        """Count a timed-out run's thread out; another is made when one is needed."""
        with self._lock:
            self._busy -= 1
            self._threads -= 1
            self.abandoned += 1

    def owns(self, thread: threading.Thread) -> bool:
        """Whether handlers of this executor run in the thread."""
        return thread in self._members

    def close(self) -> None:
        """Let idle threads end; busy ones end after their run."""
        for _ in range(self._threads):
            self._runs.put(None)

    def _work(self) -> None:
        while (run := self._runs.get()) is not None:
            self._begins(run)
            in_time = call(run)
            with self._lock:
                if not in_time:
                    self.abandoned -= 1
                    return
                self._busy -= 1
            self._ended(run)


class LoopExecutor:
    """One event loop in a thread of its own, started with the first coroutine handler."""

    def __init__(self, name: str, begins: Begins, ended: Ended) -> None:
        self._name = name
        self._begins = begins
        self._ended = ended
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def submit(self, run: Run) -> None:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(
                target=self._serve, args=(self._loop,), name=self._name, daemon=True
            )
            self._thread.start()
        self._loop.call_soon_threadsafe(self._start, run)

    def abandon(self, run: Run) -> None:
        """Cancel a timed-out coroutine: unlike a thread, it can be stopped."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(lambda: run.task and run.task.cancel())

    def owns(self, thread: threading.Thread) -> bool:
        """Whether handlers of this executor run in the thread."""
        return thread is self._thread

    def close(self) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)

    def _serve(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        loop.run_forever()
        for task in self._tasks:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*self._tasks, return_exceptions=True))
        loop.close()

    def _start(self, run: Run) -> None:
        run.task = asyncio.get_running_loop().create_task(self._execute(run))
        self._tasks.add(run.task)
        run.task.add_done_callback(self._tasks.discard)

    async def _execute(self, run: Run) -> None:
        self._begins(run)
        if await call_async(run):
            self._ended(run)
