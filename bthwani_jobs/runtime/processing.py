"""Run one job: call its handler, then say what follows. Deciding is core.outcome's, writing is step.lua's."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Mapping
from typing import Any

from ..core.outcome import failure_reason
from ..errors import HandlerTimeout, InvalidData, MissingHandler, UnreadableJob
from ..job import Job
from ..outcomes import completed, failed
from ..store.claiming import FinishedRun
from .registry import Handler


class Run:
    """One attempt at one job, from claim to outcome."""

    __slots__ = (
        "begun",
        "deadline",
        "error",
        "fate",
        "handler",
        "job",
        "recorded",
        "result",
        "started",
        "task",
        "token",
    )

    def __init__(self, job: Job, token: str, handler: Handler | None) -> None:
        self.job = job
        self.token = token
        self.handler = handler
        #: monotonic seconds: of the claim, then of the handler's call
        self.started = time.monotonic()
        self.begun = False
        #: monotonic seconds; an estimate until the handler is called
        self.deadline: float | None = None
        self.result: Any = None
        self.error: BaseException | None = None
        #: "ended" or "timed out", whichever came first; a handler that ends after its timeout is ignored
        self.fate: str | None = None
        #: RQ's execution records were written for it
        self.recorded = False
        #: asyncio task, of a coroutine handler
        self.task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """The handler is about to be called: the clock of its timeout starts here (S-085)."""
        self.started = time.monotonic()
        self.begun = True
        self.set_deadline(self.started)

    def set_deadline(self, start: float) -> None:
        """``start`` (monotonic s) + the job's timeout, if it has one."""
        timeout = self.job.opts.timeout
        if timeout:
            self.deadline = start + timeout / 1000

    def is_overdue(self, now: float) -> bool:
        """Whether its time is up at ``now``; a handler that has not been called yet gets a new estimate."""
        if self.deadline is None or now < self.deadline:
            return False
        if not self.begun:
            self.set_deadline(now)
        return self.begun

    def end(self, result: Any, error: BaseException | None) -> bool:
        """Take what the handler came to, unless the run has timed out meanwhile."""
        if not self.settle("ended"):
            return False
        self.result, self.error = result, error
        return True

    def settle(self, fate: str) -> bool:
        """Whether this fate came first: the handler's thread and the runner's clock race for it."""
        with _settling:
            if self.fate is None:
                self.fate = fate
            return self.fate == fate


_settling = threading.Lock()


def prepare(run: Run) -> bool:
    """Check that the job can be run at all; False leaves the reason in ``run.error``.

    Reads every stored field a run needs, so that a poisoned one fails this job and nothing else.
    """
    job = run.job
    try:
        job.check_readable()
    except UnreadableJob as error:
        run.error = error
        return False
    if run.handler is None:
        run.error = MissingHandler(job.name)
        return False
    run.set_deadline(run.started)
    if run.handler.schema is not None:
        try:
            job.data = run.handler.schema.load(job.data)
        except Exception as error:
            # The same data would be refused every time.
            job.discard()
            run.error = InvalidData(f"The data of job {job.id} ({job.name}) does not fit its schema: {error}")
            return False
    return True


def call(run: Run) -> bool:
    """Call a plain handler in this thread; False if it ended after its timeout.

    SystemExit and the like are failures of the attempt, not of the worker."""
    assert run.handler is not None
    result, fault = None, None
    try:
        result = run.handler.function(run.job)
    except BaseException as error:
        fault = error
    return run.end(result, fault)


async def call_async(run: Run) -> bool:
    """Call a coroutine handler on the running loop; False if it ended after its timeout."""
    assert run.handler is not None
    result, fault = None, None
    try:
        result = await run.handler.function(run.job)
    except BaseException as error:
        fault = error
    return run.end(result, fault)


def time_out(run: Run) -> None:
    """The attempt has failed; its handler may go on, but can no longer finish the job (Q-61)."""
    run.error = HandlerTimeout(run.job.opts.timeout or 0)


def conclude(run: Run, strategies: Mapping[str, Any]) -> FinishedRun:
    """What to write of an ended run: completed, to be retried, or failed."""
    job = run.job
    if run.error is None:
        try:
            return _with_records(completed(job, run.token, run.result), run)
        except Exception as error:
            run.error = error
    if isinstance(run.error, UnreadableJob):
        return _poisoned(run, run.error)
    outcome, traces = failed(job, run.token, run.error, strategies)
    job.note_failure(outcome.attempts_made, outcome.text, traces)
    return _with_records(outcome, run)


def _with_records(outcome: FinishedRun, run: Run) -> FinishedRun:
    return outcome._replace(flags=outcome.flags + "x") if run.recorded else outcome


def _poisoned(run: Run, error: UnreadableJob) -> FinishedRun:
    # Nothing of what is stored may be relied on: no options, no earlier traces.
    job = run.job
    job.attempts_made += 1
    reason = failure_reason(error)
    return FinishedRun(job.rq_id, run.token, "fail", reason, "[]", attempts_made=job.attempts_made)
