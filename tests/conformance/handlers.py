"""Handlers described by data, on this side; the twin of ``node/handlers.js``."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import bthwani_jobs

Actions = Sequence[Mapping[str, Any]]


class HandlerFailure(Exception):
    """What an action `fail` raises."""


class Gates:
    """Runs that stand still until a step tells them how to go on, oldest first."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._orders: dict[str, Actions] = {}
        self.held: list[str] = []

    def wait(self, job_id: str) -> Actions:
        with self._changed:
            self.held.append(job_id)
            self._changed.wait_for(lambda: job_id in self._orders)
            return self._orders.pop(job_id)

    def open(self, job_id: str, actions: Actions) -> None:
        with self._changed:
            self.held.remove(job_id)
            self._orders[job_id] = actions
            self._changed.notify_all()


class Runs:
    """Every start, in order, and how many ran at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.numbers: dict[str, int] = {}
        self._running = 0
        self.most_at_once = 0
        self.starts: list[dict[str, Any]] = []
        self.zero = time.time()

    def begin(self, job: bthwani_jobs.Job) -> int:
        """Note a start; which run of its job it is, from 1."""
        with self._lock:
            number = self.numbers[job.id] = self.numbers.get(job.id, 0) + 1
            self._running += 1
            self.most_at_once = max(self.most_at_once, self._running)
            label = job.data.get("label") if isinstance(job.data, Mapping) else None
            self.starts.append(
                {
                    "job": label or job.id,
                    "name": job.name,
                    "attemptsMade": job.attempts_made,
                    "occurrence": job.opts.repeat.count if job.opts.repeat else None,
                    "ms": round((time.time() - self.zero) * 1000),
                }
            )
            return number

    def end(self) -> None:
        with self._lock:
            self._running -= 1


def make_handler(
    runs: Sequence[Actions], log: Runs, gates: Gates, queue: bthwani_jobs.Queue
) -> Callable[[bthwani_jobs.Job], Any]:
    """A handler whose n-th run of a job takes the n-th list of actions, and the last one ever after."""

    def handler(job: bthwani_jobs.Job) -> Any:
        number = log.begin(job)
        try:
            return _perform(runs[min(number, len(runs)) - 1], job, gates, queue)
        finally:
            log.end()

    return handler


def _perform(actions: Actions, job: bthwani_jobs.Job, gates: Gates, queue: bthwani_jobs.Queue) -> Any:
    for action in actions:
        if "gate" in action:
            return _perform(gates.wait(job.id), job, gates, queue)
        if "return_unserialisable" in action:
            return object()
        if "fail" in action:
            raise HandlerFailure(action["fail"])
        if "return" in action:
            return action["return"]
        _act(action, job, queue)
    return None


def _act(action: Mapping[str, Any], job: bthwani_jobs.Job, queue: bthwani_jobs.Queue) -> None:
    (kind, value), *_ = action.items()
    match kind:
        case "take":
            time.sleep(value / 1000)
        case "progress":
            job.progress(value)
        case "log":
            job.log(value)
        case "update":
            job.update(value)
        case "discard":
            job.discard()
        case "set":
            job.data.update(value)
        case "add":
            queue.add(value["name"], value.get("data"), value.get("opts"))
        case "remove_repeatable":
            queue.remove_repeatable(value["name"], value["repeat"])
        case _:
            raise ValueError(f"Unknown action {action!r}.")
