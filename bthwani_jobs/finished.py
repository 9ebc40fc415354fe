"""Waiting for the final outcome of one job (`Job.finished`)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

from .core.ids import job_id_of
from .core.payload import decode_json
from .core.states import JobState
from .errors import ClosingQueue, FinishedUnknown, JobFailed
from .store import reading
from .store.calling import QueueStore

#: How often it looks for itself, should an event have been lost.
WATCHDOG_S = 5.0
#: How long the event of a job that is gone may still be on its way.
EVENT_WITHIN_S = 0.5


class OutcomeQueue(Protocol):
    """What waiting needs of the job's queue."""

    @property
    def store(self) -> QueueStore: ...
    @property
    def closed(self) -> bool: ...
    def on(self, event: str, listener: Callable[..., Any]) -> Any: ...
    def off(self, event: str, listener: Callable[..., Any]) -> Any: ...


class Outcome:
    """Waits for one job: subscribed first, then the stored state, then again at every watchdog tick."""

    def __init__(self, queue: OutcomeQueue, rq_id: str) -> None:
        self.queue = queue
        self.rq_id = rq_id
        self.job_id = job_id_of(rq_id)
        self.changed = threading.Event()
        self.seen: tuple[str, Any] | None = None

    def wait(self, timeout_s: float | None) -> Any:
        """The result; raises JobFailed, FinishedUnknown, ClosingQueue or TimeoutError (see
        `Job.finished`)."""
        queue = self.queue
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        listeners: dict[str, Callable[..., Any]] = {
            "global:completed": self._completed,
            "global:failed": self._failed,
            "close": self.changed.set,
        }
        for event, listener in listeners.items():
            queue.on(event, listener)
        try:
            while True:
                if self.seen is None and not queue.closed:
                    self._read()
                if self.seen is not None:
                    return self._settle(self.seen)
                if queue.closed:
                    raise ClosingQueue(self.job_id)
                self._sleep(deadline)
        finally:
            for event, listener in listeners.items():
                queue.off(event, listener)

    def _sleep(self, deadline: float | None) -> None:
        left = WATCHDOG_S if deadline is None else min(WATCHDOG_S, deadline - time.monotonic())
        if left <= 0:
            raise TimeoutError(f"Job {self.job_id} did not finish in time; it goes on.")
        self.changed.wait(left)
        self.changed.clear()

    def _completed(self, job_id: str, text: str | None) -> None:
        if job_id == self.job_id:
            self.seen = ("completed", text)
            self.changed.set()

    def _failed(self, job_id: str, reason: str) -> None:
        if job_id == self.job_id:
            self.seen = ("failed", reason)
            self.changed.set()

    def _read(self) -> None:
        store = self.queue.store
        raw = reading.get_hash(store, self.rq_id)
        if raw is None:
            # Removed on completion just now: then its event is on the way.
            self.changed.wait(EVENT_WITHIN_S)
            if self.seen is None:
                raise FinishedUnknown(self.job_id)
            return
        state = reading.get_state(store, self.rq_id)
        if state in (JobState.COMPLETED, JobState.FAILED):
            stored = reading.get_hash(store, self.rq_id) or raw
            field = "rv" if state is JobState.COMPLETED else "fr"
            self.seen = (state.value, stored.get(field, b"").decode(errors="replace"))

    def _settle(self, seen: tuple[str, Any]) -> Any:
        outcome, text = seen
        if outcome == "failed":
            raise JobFailed(self.job_id, text or "Unknown reason")
        return decode_json(text) if text else None
