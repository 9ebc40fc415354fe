"""Every step a scenario may take, on this side; the twin of ``node/steps.js``.

What a step returns is its answer in the trace; what it raises becomes the answer ``{"error": text}``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import bthwani_jobs

from .canonical import error_text, ids, job_fields, snake

if TYPE_CHECKING:
    from .runner import ScenarioRun

Step = Mapping[str, Any]
Answer = Callable[["ScenarioRun", bthwani_jobs.Queue, Step], Any]

#: Lets a worker that found its list empty say so (drained) before the next step fills it.
_LOOK_AGAIN_S = 0.04
STATES = ("waiting", "active", "completed", "failed", "delayed", "paused")
LISTS = ("wait", "active", "completed", "failed", "delayed", "paused")
SNAPSHOT_FIELDS = (
    "state",
    "attemptsMade",
    "failedReason",
    "traces",
    "progress",
    "returnvalue",
    "delay",
    "data",
    "processedOn",
    "finishedOn",
)


def brief(job: bthwani_jobs.Job | None) -> dict[str, str] | None:
    return None if job is None else {"id": job.id, "name": job.name}


def add(run: ScenarioRun, queue: bthwani_jobs.Queue, step: Step) -> Any:
    data, opts = step.get("data"), step.get("opts")
    job = queue.add(step["name"], data, opts) if "name" in step else queue.add(data, opts)
    if "as" in step:
        run.handles[step["as"]] = job
    return brief(job)


def on_job(act: Callable[[bthwani_jobs.Job, Step], Any]) -> Answer:
    def answer(run: ScenarioRun, queue: bthwani_jobs.Queue, step: Step) -> Any:
        job = run.subject(queue, step)
        return act(job, step) if job else "no such job"

    return answer


def list_range(run: ScenarioRun, queue: bthwani_jobs.Queue, step: Step) -> list[str]:
    return ids(
        queue.get_jobs(step["types"], step.get("start", 0), step.get("end", -1), step.get("asc", False))
    )


def typed(run: ScenarioRun, queue: bthwani_jobs.Queue, step: Step) -> list[str]:
    getter = getattr(queue, f"get_{step['type']}")
    return ids(getter(step.get("start", 0), step.get("end", -1)))


def snapshot(run: ScenarioRun, queue: bthwani_jobs.Queue, step: Step) -> dict[str, Any]:
    lists = {each: ids(queue.get_jobs(each, 0, -1, True)) for each in LISTS}
    lists["active"].sort()  # several slots may have begun at once
    return {
        "counts": queue.get_job_counts(*STATES),
        "lists": lists,
        "count": queue.count(),
        "paused": queue.is_paused(),
    }


def every_job(run: ScenarioRun, queue: bthwani_jobs.Queue, step: Step) -> dict[str, Any]:
    fields = step.get("fields", SNAPSHOT_FIELDS)
    return {job.id: job_fields(queue.get_job(job.id), fields) for job in queue.get_jobs(LISTS, 0, -1, True)}


def as_json(run: ScenarioRun, queue: bthwani_jobs.Queue, step: Step) -> dict[str, Any]:
    """to_json without what the clock made: times are "set" or null, traces a number."""
    job = queue.get_job(step["job"])
    row = job.to_json() if job else {}
    stamps = {stamp: "set" if row[stamp] else None for stamp in ("timestamp", "processedOn", "finishedOn")}
    left_out = {"timestamp", *step.get("without", ())}
    opts = {name: value for name, value in row["opts"].items() if name not in left_out}
    traces = None if row["stacktrace"] is None else len(row["stacktrace"])
    return {**row, **stamps, "stacktrace": traces, "opts": opts}


def finish(run: ScenarioRun, queue: bthwani_jobs.Queue, step: Step) -> Any:
    """End one held run, the first by id, with the given actions; wait until the queue has taken it in."""
    if not run.gates.held:
        return "nothing runs"
    job_id = min(run.gates.held)
    time.sleep(0.002)  # Bull orders finishes of one millisecond by id
    run.gates.open(job_id, step["actions"])
    if run.is_stepped:
        run.settle(queue)
    return {"id": job_id, "ended": job_fields(queue.get_job(job_id), SNAPSHOT_FIELDS)}


def finished(run: ScenarioRun, queue: bthwani_jobs.Queue, step: Step) -> Any:
    try:
        return {"result": run.handles[step["handle"]].finished(timeout=15_000)}
    except Exception as error:
        return error_text(error)


def wait_for(run: ScenarioRun, queue: bthwani_jobs.Queue, step: Step) -> None:
    if "starts" in step:
        run.until(lambda: len(run.log.starts) >= step["starts"])
    elif "held" in step:
        run.until(lambda: len(run.gates.held) >= step["held"])
    else:
        run.until(lambda: queue.get_job_counts(*step["counts"]) == step["counts"])
    time.sleep(_LOOK_AGAIN_S)


def logs(run: ScenarioRun, queue: bthwani_jobs.Queue, step: Step) -> Any:
    return queue.get_job_logs(step["job"], step.get("start", 0), step.get("end", -1), step.get("asc", True))


def repeatables(run: ScenarioRun, queue: bthwani_jobs.Queue, step: Step) -> Any:
    return queue.get_repeatable_jobs(step.get("start", 0), step.get("end", -1), step.get("asc", False))


def zero(run: ScenarioRun, queue: bthwani_jobs.Queue, step: Step) -> None:
    run.log.zero = time.time()


STEPS: dict[str, Answer] = {
    "add": add,
    "add_bulk": lambda run, queue, step: [brief(job) for job in queue.add_bulk(step["jobs"])],
    "pause": lambda run, queue, step: queue.pause(),
    "resume": lambda run, queue, step: queue.resume(),
    "is_paused": lambda run, queue, step: queue.is_paused(),
    "promote": on_job(lambda job, step: job.promote()),
    "retry": on_job(lambda job, step: job.retry()),
    "remove": on_job(lambda job, step: job.remove()),
    "update": on_job(lambda job, step: job.update(step["data"])),
    "progress": on_job(lambda job, step: job.progress(step["value"])),
    "log": on_job(lambda job, step: job.log(step["row"])),
    "state": on_job(lambda job, step: job.get_state()),
    "discard": on_job(lambda job, step: job.discard()),
    "handle": lambda run, queue, step: job_fields(run.handles[step["handle"]], step["fields"]),
    "job": lambda run, queue, step: job_fields(queue.get_job(step["job"]), step["fields"]),
    "json": as_json,
    "jobs": every_job,
    "finished": finished,
    "counts": lambda run, queue, step: queue.get_job_counts(*step.get("types", ())),
    "count_by_types": lambda run, queue, step: queue.get_job_count_by_types(*step["types"]),
    "count": lambda run, queue, step: queue.count(),
    "count_of": lambda run, queue, step: getattr(queue, f"get_{snake(step['type'])}_count")(),
    "list": list_range,
    "typed": typed,
    "logs": logs,
    "snapshot": snapshot,
    "repeatables": repeatables,
    "count_repeatables": lambda run, queue, step: queue.get_repeatable_count(),
    "remove_repeatable": lambda run, queue, step: queue.remove_repeatable(step["name"], step["repeat"]),
    "remove_repeatable_by_key": lambda run, queue, step: queue.remove_repeatable_by_key(step["key"]),
    "work": lambda run, queue, step: run.work(queue, step.get("concurrency", {"*": 1})),
    "close": lambda run, queue, step: queue.close(),
    "finish": finish,
    "wait_for": wait_for,
    "zero": zero,
    "sleep": lambda run, queue, step: time.sleep(step["ms"] / 1000),
    "runs": lambda run, queue, step: run.log.numbers,
    "strategy_calls": lambda run, queue, step: run.strategy_calls,
    "counts_per_priority": lambda run, queue, step: queue.get_counts_per_priority(step["priorities"]),
    "most_at_once": lambda run, queue, step: run.log.most_at_once,
}
