"""What we override of RQ and rq-scheduler still has the signature we were written for.

Their internals move between minor releases; this is where an upgrade is noticed first.
"""

from __future__ import annotations

import inspect

import pytest
import rq
import rq_scheduler

import bthwani_jobs
import scheduler.scheduler as our_scheduler

#: RQ's own methods as rq 3.0 has them; ours may take more, never less.
RQ_METHODS = {
    "work": [
        "self",
        "burst",
        "logging_level",
        "date_format",
        "log_format",
        "max_jobs",
        "max_idle_time",
        "with_scheduler",
        "dequeue_strategy",
    ],
    "request_stop": ["self", "signum", "frame"],
    "request_force_stop": ["self", "signum", "frame"],
    "kill_horse": ["self", "sig"],
    "request_stop_execution": ["self", "execution_id"],
    "unsubscribe": ["self"],
    "_set_connection": ["self", "connection"],
}
#: Not overridden, but called.
RQ_CALLED = {
    "bootstrap": ["self", "logging_level", "date_format", "log_format"],
    "register_birth": ["self"],
    "teardown": ["self"],
    "run_maintenance_tasks": ["self"],
}


@pytest.mark.parametrize("name", sorted(RQ_METHODS))
def test_rq_worker_has_the_method_we_override(name: str) -> None:
    assert _parameters(getattr(rq.Worker, name)) == RQ_METHODS[name]


@pytest.mark.parametrize("name", sorted(RQ_METHODS))
def test_ours_takes_what_rq_passes(name: str) -> None:
    assert _parameters(getattr(bthwani_jobs.Worker, name)) == RQ_METHODS[name]


@pytest.mark.parametrize("name", sorted(RQ_CALLED))
def test_rq_worker_has_the_method_we_call(name: str) -> None:
    assert _parameters(getattr(rq.Worker, name))[: len(RQ_CALLED[name])] == RQ_CALLED[name]


def test_every_overridden_method_is_compared() -> None:
    ours, theirs = vars(bthwani_jobs.Worker), dir(rq.Worker)
    overridden = {
        name
        for name, value in ours.items()
        if inspect.isfunction(value) and name in theirs and name != "__init__"
    }

    assert overridden == set(RQ_METHODS)


def test_rq_scheduler_still_has_what_ours_replaces() -> None:
    replaced = {
        name
        for name, value in vars(our_scheduler.Scheduler).items()
        if inspect.isfunction(value) and not name.startswith("_") and hasattr(rq_scheduler.Scheduler, name)
    }

    assert {"enqueue_at", "enqueue_in", "cron", "schedule", "enqueue_jobs", "run", "heartbeat"} <= replaced


def _parameters(function: object) -> list[str]:
    assert callable(function)
    return list(inspect.signature(function).parameters)
