"""One scenario on our side, through the public API; prints the trace that ``node/run.js`` prints for Bull.

``python -m tests.conformance.runner <redis url> <scenario.json> …`` shows single files.
"""

from __future__ import annotations

import json
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import redis

import bthwani_jobs

from .canonical import error_text, event_row
from .handlers import Gates, Runs, make_handler
from .steps import STEPS, Step, snapshot

Scenario = Mapping[str, Any]
Trace = dict[str, Any]

LOCAL_EVENTS = (
    "active",
    "progress",
    "completed",
    "failed",
    "stalled",
    "drained",
    "paused",
    "resumed",
    "removed",
    "waiting",
    "duplicated",
)
GLOBAL_EVENTS = (
    "waiting",
    "active",
    "progress",
    "completed",
    "failed",
    "stalled",
    "drained",
    "paused",
    "resumed",
    "duplicated",
)
MAIN = "main"
_DEADLINE_S = 15.0
_DELIVERY_S = 0.06
_OPTION_NAMES = {"defaultJobOptions": "default_job_options"}


class ScenarioRun:
    """Its queues, its workers, its steps in order."""

    def __init__(self, scenario: Scenario, connection: redis.Redis, queue_name: str) -> None:
        self.scenario = scenario
        self.connection = connection
        self.queue_name = queue_name
        self.is_stepped: bool = scenario.get("stepped", False)
        self.handles: dict[str, Any] = {}
        self.gates = Gates()
        self.log: Runs = Runs()
        self.strategy_calls: list[list[Any]] = []
        self._traced: list[str] = scenario.get("trace", [])
        self._queues: dict[str, bthwani_jobs.Queue] = {}
        self._workers: list[bthwani_jobs.Worker] = []
        self._events: dict[str, list[Any]] = {}
        self._global_events: list[Any] = []
        self._slots = 0
        self._is_closing = False

    def trace(self) -> Trace:
        """Take every step and report what was seen; everything is closed afterwards."""
        try:
            answers = self._answers()
            if self._traced:
                time.sleep(_DELIVERY_S)
            self._is_closing = True
            return {
                "answers": answers,
                "starts": self.log.starts,
                "events": self._events,
                "global_events": self._global_events,
            }
        finally:
            self._close()

    def _answers(self) -> list[Any]:
        self.queue(MAIN)  # it listens from the start
        answers = []
        for step in self.scenario["steps"]:
            answers.append(self._step(step))
            if self.is_stepped:
                answers.append(snapshot(self, self.queue(MAIN), {}))
        return answers

    def _step(self, step: Step) -> Any:
        queue = self.queue(step.get("on", MAIN))
        perform = STEPS[step["do"]]
        try:
            value = perform(self, queue, step)
        except Exception as error:
            value = error_text(error)
        if self.is_stepped:
            self.settle(self.queue(MAIN))
        return value

    def queue(self, name: str) -> bthwani_jobs.Queue:
        """The queue object of that name, made and listened to when it is first asked for."""
        if name not in self._queues:
            options = {**self.scenario.get("queue", {}), **self.scenario.get("queues", {}).get(name, {})}
            options = {_OPTION_NAMES.get(key, key): value for key, value in options.items()}
            options["settings"] = {**options.get("settings", {}), "backoffStrategies": self._strategies()}
            self._queues[name] = bthwani_jobs.Queue(self.queue_name, self.connection, **options)
            self._listen(name, self._queues[name])
        return self._queues[name]

    def _strategies(self) -> dict[str, Callable[..., int]]:
        """Described by data: the n-th failure waits the n-th delay, all later ones the last."""

        def made(name: str, delays: list[int]) -> Callable[..., int]:
            def strategy(attempts_made: int, error: BaseException, options: Any = None) -> int:
                given = dict(options) if isinstance(options, Mapping) else options
                self.strategy_calls.append([name, attempts_made, str(error), given])
                return delays[min(attempts_made, len(delays)) - 1]

            return strategy

        return {name: made(name, delays) for name, delays in self.scenario.get("strategies", {}).items()}

    def _listen(self, name: str, queue: bthwani_jobs.Queue) -> None:
        if "events" in self._traced:
            rows = self._events.setdefault(name, [])
            for event in LOCAL_EVENTS:
                queue.on(event, self._recorder(rows, event))
        if name == MAIN and "global_events" in self._traced:
            for event in GLOBAL_EVENTS:
                queue.on(f"global:{event}", self._recorder(self._global_events, event))

    def _recorder(self, rows: list[Any], event: str) -> Callable[..., None]:
        def record(*args: Any) -> None:
            if not self._is_closing:
                rows.append(event_row(event, args))

        return record

    def work(self, queue: bthwani_jobs.Queue, concurrency: Mapping[str, int]) -> None:
        processor = bthwani_jobs.Processor(self.queue_name)
        for name, slots in concurrency.items():
            self._slots += slots
            handler = make_handler(self.scenario["handlers"][name], self.log, self.gates, queue)
            processor.process(name, concurrency=slots)(handler)
        worker = bthwani_jobs.Worker([queue], self.connection, processors=[processor])
        self._workers.append(worker)
        worker.start()

    def subject(self, queue: bthwani_jobs.Queue, step: Step) -> bthwani_jobs.Job | None:
        """The job a step speaks of: an object kept under a handle, an id, or a pick from a state's list."""
        if "handle" in step:
            return self.handles.get(step["handle"])
        if "job" in step:
            return queue.get_job(step["job"])
        pick = step["pick"]
        jobs = queue.get_jobs(pick["from"], 0, -1, True)
        if pick.get("plain"):
            jobs = [job for job in jobs if not job.opts.priority]
        return jobs[pick["n"] % len(jobs)] if jobs else None

    def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _DEADLINE_S
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError("not reached in time")
            time.sleep(0.002)

    def settle(self, queue: bthwani_jobs.Queue) -> None:
        """Quiet: every active job stands at its gate, and no free slot could take another."""
        self.until(lambda: self._is_quiet(queue))

    def _is_quiet(self, queue: bthwani_jobs.Queue) -> bool:
        counts = queue.get_job_counts("active", "waiting")
        held = len(self.gates.held)
        return counts["active"] == held and (held == self._slots or counts["waiting"] == 0)

    def _close(self) -> None:
        self._is_closing = True
        for job_id in list(self.gates.held):
            self.gates.open(job_id, [])
        for worker in self._workers:
            worker.close(do_not_wait_jobs=True)
        for queue in self._queues.values():
            queue.close(do_not_wait_jobs=True)


def run_scenario(scenario: Scenario, connection: redis.Redis, queue_name: str) -> Trace:
    """The trace, as the JSON it would be printed as."""
    trace = ScenarioRun(scenario, connection, queue_name).trace()
    return json.loads(json.dumps(trace, default=str))


def main(arguments: list[str]) -> None:
    url, *paths = arguments
    connection = redis.Redis.from_url(url)
    for path in paths:
        scenario = json.loads(Path(path).read_text(encoding="utf-8"))
        trace = run_scenario(scenario, connection, f"show-{uuid.uuid4()}")
        print(json.dumps(trace, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main(sys.argv[1:])
