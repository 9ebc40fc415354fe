"""Keeps the leases of running jobs alive, in a thread that no handler and no other duty can hold up."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence

from ..errors import LockMissing, QueueClosed
from ..store.claiming import HeldLease, extend_leases
from .processing import Run
from .runner import QueueRunner

log = logging.getLogger("rq.worker")

#: From this age on a run gets RQ's execution records, so that its tools show it.
RECORD_AFTER_S = 0.5


class LockRenewer:
    """Renews every ``lock_renew_time`` of each queue; a lease found lost is reported once (Q-18)."""

    def __init__(self, runners: Sequence[QueueRunner], worker_name: str) -> None:
        self._runners = runners
        self._worker_name = worker_name
        self._stop = threading.Event()
        self._renewed_at = dict.fromkeys(runners, 0.0)
        self._reported: set[str] = set()
        self._faulty: set[QueueRunner] = set()
        self._thread = threading.Thread(target=self._work, name="lock-renewer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join(5)

    def _work(self) -> None:
        tick_s = min(
            [RECORD_AFTER_S, *(runner.queue.settings.lock_renew_time / 2000 for runner in self._runners)]
        )
        while not self._stop.wait(tick_s):
            for runner in self._runners:
                self._try(runner)

    def _try(self, runner: QueueRunner) -> None:
        try:
            self.renew(runner, time.monotonic())
            self._faulty.discard(runner)
        except QueueClosed:
            pass
        except Exception as error:
            # The runner's own call meets the same fault and logs it. Said once; the next tick tries again.
            if runner not in self._faulty:
                self._faulty.add(runner)
                for run in runner.leases():
                    runner.queue.emit("lock-extension-failed", run.job, error)

    def renew(self, runner: QueueRunner, now: float) -> None:
        """One look at a runner's leases at the monotonic time ``now`` (s): renew all that are due."""
        settings = runner.queue.settings
        runs = runner.leases()
        unrecorded = [run for run in runs if not run.recorded and now - run.started >= RECORD_AFTER_S]
        due = now - self._renewed_at[runner] >= settings.lock_renew_time / 1000
        wanted = runs if due else unrecorded
        if not wanted:
            if due:
                self._renewed_at[runner] = now
            return
        for run in unrecorded:
            run.recorded = True  # before it is: a finish in between must delete what this call writes
        leases = [_lease(run, run in unrecorded, now) for run in wanted]
        lost = extend_leases(runner.queue.store, self._worker_name, settings.lock_duration, leases)
        if due:
            self._renewed_at[runner] = now  # only now: after a fault the next tick tries again
        for index in lost:
            self._report(runner, wanted[index])

    def _report(self, runner: QueueRunner, run: Run) -> None:
        if run.token in self._reported or run.token not in runner.running:
            return  # ended while the call was under way
        self._reported.add(run.token)
        error = LockMissing(run.job.id, "extendLock")
        log.warning(
            "Queue %s: job %s lost its lock while it runs; its outcome will be dropped.",
            runner.queue.name,
            run.job.id,
        )
        runner.queue.emit("lock-extension-failed", run.job, error)


def _lease(run: Run, record: bool, now: float) -> HeldLease:
    started = f"{time.time() - (now - run.started):.3f}" if record else ""
    return HeldLease(run.job.rq_id, run.token, started)
