"""``Engine``: a worker without RQ. One runner a queue, the lock renewer, and the periodic duties."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..core.states import JobState
from ..errors import QueueClosed
from ..queue import Queue
from ..store import reading
from .limits import RunLimits
from .lock_renewer import LockRenewer
from .registry import Binding
from .runner import QueueRunner
from .stalled_checker import check

log = logging.getLogger("rq.worker")


@dataclass(slots=True)
class Duty:
    """Something done every ``every_s`` seconds; a fault is logged once and it is tried again."""

    name: str
    every_s: float
    action: Callable[[], object]
    due: float = 0.0
    fault: str = ""

    def run_if_due(self, now: float) -> None:
        if now < self.due:
            return
        self.due = now + self.every_s
        try:
            self.action()
            self.fault = ""
        except QueueClosed:
            pass
        except Exception as error:
            if str(error) != self.fault:
                self.fault = str(error)
                log.warning("%s: %s", self.name, error)


class Engine:
    """Starts and stops everything a worker does. ``queues`` and ``bindings`` belong together by position."""

    def __init__(
        self,
        queues: Sequence[Queue],
        bindings: Sequence[Binding],
        worker_name: str,
        limits: RunLimits | None = None,
    ) -> None:
        self.queues = queues
        self.limits = limits or RunLimits()
        self.runners = [
            QueueRunner(queue, binding, worker_name, secrets.token_hex(4), self.limits, self._on_idle)
            for queue, binding in zip(queues, bindings, strict=True)
        ]
        self._renewer = LockRenewer(self.runners, worker_name)
        self._duties = [duty for runner in self.runners for duty in _duties_of(runner)]
        self._ending = threading.Event()
        self._housekeeper = threading.Thread(target=self._keep_house, name="housekeeper", daemon=True)
        self._stopped = False

    def add_duty(self, name: str, every_s: float, action: Callable[[], object]) -> None:
        """Have ``action`` called every ``every_s`` seconds; before `start`."""
        self._duties.append(Duty(name, every_s, action))

    def start(self) -> None:
        for runner in self.runners:
            runner.queue.local_pause.attach(runner)
            runner.start()
        self._renewer.start()
        self._housekeeper.start()

    def stop(self, *, abandon: bool = False) -> None:
        """Ask every runner to end after its running jobs (``abandon``: now); returns at once."""
        if abandon:
            self._ending.set()  # a stall check of ours would give the abandoned jobs back to nobody
        for runner in self.runners:
            runner.stop(abandon=abandon)

    def stop_queue(self, queue: Queue, *, abandon: bool = False) -> None:
        """End the work on one queue and wait for it."""
        for runner in self.runners:
            if runner.queue is queue:
                runner.stop(abandon=abandon)
                runner.join()

    def wait(self) -> None:
        """Until all runners have ended."""
        for runner in self.runners:
            runner.join()

    def close(self) -> None:
        """End the renewer and the periodic duties, after `wait`. Idempotent."""
        if not self._stopped:
            self._stopped = True
            for runner in self.runners:
                runner.queue.local_pause.detach(runner)
            self._ending.set()
            self._renewer.close()
            if self._housekeeper is not threading.current_thread():
                self._housekeeper.join(5)

    @property
    def is_busy(self) -> bool:
        return any(runner.running for runner in self.runners)

    @property
    def gave_up(self) -> bool:
        """True if a runner ended because it could not go on; the process should be started anew."""
        return any(runner.gave_up for runner in self.runners)

    def _on_idle(self) -> None:
        """A runner has nothing to do and a limit is set: end all of them once that is true of every queue."""
        if self.gave_up:
            self.stop()
            return
        if any(runner.running or not runner.is_idle for runner in self.runners):
            return
        # A job that ended last may have added another to a queue whose runner went idle before.
        if not self.limits.burst or self.limits.is_used_up or not self._anything_waits():
            self.stop()

    def _anything_waits(self) -> bool:
        return any(
            not (runner.is_held or runner.queue.local_pause.is_on)
            and reading.counts(runner.queue.store, [JobState.WAITING])[0]
            for runner in self.runners
        )

    def _keep_house(self) -> None:
        tick_s = min([1.0, *(duty.every_s / 2 for duty in self._duties)])
        while not self._ending.is_set():
            for duty in self._duties:
                duty.run_if_due(time.monotonic())
            self._ending.wait(max(0.02, tick_s))


def _duties_of(runner: QueueRunner) -> list[Duty]:
    queue, settings = runner.queue, runner.queue.settings
    guard_s = settings.guard_interval / 1000
    duties = [
        Duty(f"Repeatables of {queue.name}", guard_s, queue.mend_repeatables),
        Duty(f"Delayed jobs of {queue.name}", guard_s, runner.look_at_delayed),
    ]
    if settings.stalled_interval:
        duties.append(
            Duty(f"Stall check of {queue.name}", settings.stalled_interval / 1000, lambda: check(queue))
        )
    return duties
