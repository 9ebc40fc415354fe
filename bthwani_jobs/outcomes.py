"""What is to be written of a run that has ended, whoever ended it. Deciding is core.outcome's."""

from __future__ import annotations

import asyncio
import inspect
import json
import traceback
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from .core.backoff import delay_for
from .core.options import JobOptions, keep_text
from .core.outcome import (
    Decision,
    Fail,
    RetryAfter,
    after_failure,
    appended_trace,
    failure_reason,
    wants_retry,
)
from .core.payload import encode_result
from .store.claiming import FinishedRun


class EndedJob(Protocol):
    """What is looked at of a job whose run has ended."""

    rq_id: str
    attempts_made: int

    @property
    def id(self) -> str: ...
    @property
    def opts(self) -> JobOptions: ...
    @property
    def priority(self) -> int: ...
    @property
    def stacktrace(self) -> Sequence[str]: ...
    @property
    def is_discarded(self) -> bool: ...


def completed(job: EndedJob, token: str, value: Any) -> FinishedRun:
    """Raises UnserialisableResult."""
    text = encode_result(value, job.id)
    return FinishedRun(job.rq_id, token, "complete", text, keep=keep_text(job.opts.remove_on_complete))


def failed(
    job: EndedJob, token: str, error: BaseException, strategies: Mapping[str, Any]
) -> tuple[FinishedRun, list[str]]:
    """What follows a failed attempt (retried, delayed, failed for good), and the stack traces as they are
    then. The job object stays as it is."""
    made = job.attempts_made + 1
    decision, reason = _decide(job, made, error, strategies)
    opts = job.opts
    traces = appended_trace(job.stacktrace, _trace(error), opts.stack_trace_limit)
    kind = "fail" if isinstance(decision, Fail) else "delay" if isinstance(decision, RetryAfter) else "retry"
    run = FinishedRun(
        job.rq_id,
        token,
        kind,
        reason,
        json.dumps(traces),
        keep_text(opts.remove_on_fail),
        decision.delay_ms if isinstance(decision, RetryAfter) else 0,
        made,
        job.priority,
        "l" if opts.lifo else "",
    )
    return run, traces


def _decide(
    job: EndedJob, made: int, error: BaseException, strategies: Mapping[str, Any]
) -> tuple[Decision, str]:
    attempts, discarded = job.opts.attempts, job.is_discarded
    if not wants_retry(attempts_made=made, attempts=attempts, discarded=discarded):
        return Fail(), failure_reason(error)
    try:
        delay = delay_for(job.opts.backoff, made, error, strategies)
        if inspect.isawaitable(delay):
            delay = asyncio.run(_awaited(delay))
        decision = after_failure(attempts_made=made, attempts=attempts, discarded=discarded, delay_ms=delay)
        return decision, failure_reason(error)
    except Exception as strategy_error:
        # A strategy that is unknown or raises fails the job.
        return Fail(), failure_reason(strategy_error)


async def _awaited(value: Any) -> Any:
    return await value


def _trace(error: BaseException) -> str:
    text = "".join(traceback.format_exception(error))
    return text.encode(errors="backslashreplace").decode()
