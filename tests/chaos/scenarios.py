"""One job's life, several ways: what is added, what runs it, when it is over, and what must be true then."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import redis

from bthwani_jobs import Job, Processor, Queue

#: Under these a job left behind is recovered within about half a second; it may stall often.
SETTINGS = {
    "lock_duration": 300,
    "lock_renew_time": 150,
    "stalled_interval": 150,
    "guard_interval": 200,
    "retry_process_delay": 50,
    "max_stalled_count": 20,
}
EVERY_MS = 300


@dataclass
class Notes:
    """What handlers have noted in Redis, from whatever process: `<job id> <ms>` a start."""

    client: redis.Redis
    queue: str

    @property
    def key(self) -> str:
        return f"test:starts:{self.queue}"

    def start(self, job: Job) -> None:
        self.client.rpush(self.key, f"{job.id} {time.time_ns() // 1_000_000}")

    @property
    def starts(self) -> list[tuple[str, int]]:
        rows = [row.decode().rsplit(" ", 1) for row in self.client.lrange(self.key, 0, -1)]
        return [(job_id, int(ms)) for job_id, ms in rows]

    @property
    def ids(self) -> list[str]:
        return [job_id for job_id, _ in self.starts]


Handler = Callable[[Job], Any]


@dataclass(frozen=True)
class Scenario:
    """`goal`: how many jobs (for repeat: runs) are to end. `verify` gives what is wrong, as sentences."""

    add: Callable[[Queue], None]
    handler: Handler
    verify: Callable[[Queue, Notes], list[str]]
    goal: int = 1
    slots: int = 1
    is_async: bool = False
    further: int = field(default=0)

    def processor(self, notes: Notes, exempt: Callable[[], Any]) -> Processor:
        """The worker's side; noting a start does not count as a call."""
        made = Processor(notes.queue, concurrency=self.slots)
        handler = self.handler

        def note(job: Job) -> None:
            with exempt():
                notes.start(job)

        def handle(job: Job) -> Any:
            note(job)
            return handler(job)

        async def handle_async(job: Job) -> Any:
            note(job)
            return handler(job)

        made.process("*")(handle_async if self.is_async else handle)
        return made

    def is_over(self, queue: Queue, after_death: bool) -> bool:
        counts = queue.get_job_counts()
        ended = counts["completed"] + counts["failed"]
        return ended >= self.goal + (self.further if after_death else 0) and not counts["active"]


def _wrong(**expected_and_found: tuple[Any, Any]) -> list[str]:
    return [
        f"{name}: expected {expected!r}, found {found!r}"
        for name, (expected, found) in expected_and_found.items()
        if expected != found
    ]


# Success


def _add_three(queue: Queue) -> None:
    queue.add("plain", {"n": 1}, job_id="plain")
    queue.add("prioritised", {"n": 2}, job_id="prioritised", priority=3)
    queue.add("lifo", {"n": 3}, job_id="lifo", lifo=True)


def _talkative(job: Job) -> Any:
    job.progress(50)
    job.log("half way")
    return {"n": job.data["n"] * 10}


def _verify_three(queue: Queue, notes: Notes) -> list[str]:
    found = []
    for job_id, result in (("plain", 10), ("prioritised", 20), ("lifo", 30)):
        job = queue.get_job(job_id)
        if job is None:
            found.append(f"{job_id} is missing")
            continue
        found += _wrong(
            state=("completed", job.get_state()),
            result=({"n": result}, job.returnvalue),
            progress=(50, job.progress()),
            attempts=(0, job.attempts_made),
        )
        if job_id not in notes.ids:
            found.append(f"{job_id} never ran")
        rows = queue.get_job_logs(job_id)["logs"]
        if not 1 <= len(rows) <= notes.ids.count(job_id):
            found.append(f"{job_id} has the log {rows} after {notes.ids.count(job_id)} runs")
    return found


# Failure, with and without another attempt


def _fails_twice(job: Job) -> Any:
    if job.attempts_made < 2:
        raise RuntimeError(f"boom {job.attempts_made}")
    return "ok"


def _fails(job: Job) -> Any:
    raise RuntimeError(f"boom {job.attempts_made}")


def _verify_retried(queue: Queue, notes: Notes) -> list[str]:
    job = queue.get_job("r")
    if job is None:
        return ["the job is missing"]
    return [
        *_wrong(
            state=("completed", job.get_state()),
            result=("ok", job.returnvalue),
            attempts=(2, job.attempts_made),
            reason=("boom 1", job.failed_reason),
            traces=(2, len(job.stacktrace)),
        ),
        *([] if len(notes.ids) >= 3 else [f"only {len(notes.ids)} runs"]),
    ]


def _verify_failed(queue: Queue, notes: Notes) -> list[str]:
    job = queue.get_job("f")
    if job is None:
        return ["the job is missing"]
    return [
        *_wrong(
            state=("failed", job.get_state()),
            attempts=(2, job.attempts_made),
            reason=("boom 1", job.failed_reason),
            traces=(2, len(job.stacktrace)),
        ),
        *([] if len(notes.ids) >= 2 else [f"only {len(notes.ids)} runs"]),
    ]


# Delay


def _verify_delayed(queue: Queue, notes: Notes) -> list[str]:
    found = []
    for job_id, delay in (("d1", 80), ("d2", 80), ("d3", 160)):
        job = queue.get_job(job_id)
        if job is None:
            found.append(f"{job_id} is missing")
            continue
        found += _wrong(state=("completed", job.get_state()))
        starts = [ms for started, ms in notes.starts if started == job_id]
        if not starts:
            found.append(f"{job_id} never ran")
        elif min(starts) < job.timestamp + delay:
            found.append(f"{job_id} ran {job.timestamp + delay - min(starts)} ms early")
    return found


def _add_delayed(queue: Queue) -> None:
    queue.add("d", {}, job_id="d1", delay=80)
    queue.add("d", {}, job_id="d2", delay=80, priority=1)
    queue.add("d", {}, job_id="d3", delay=160)


# Many jobs of all kinds

CROWD = 60


def _add_crowd(queue: Queue) -> None:
    for number in range(CROWD):
        kind = ("plain", "prioritised", "delayed", "retried", "failing", "lifo")[number % 6]
        options: dict[str, dict[str, Any]] = {
            "prioritised": {"priority": number},
            "delayed": {"delay": number * 4},
            "retried": {"attempts": 3, "backoff": 20},
            "failing": {"attempts": 2},
            "lifo": {"lifo": True},
        }
        queue.add(kind, {"n": number}, job_id=f"{kind}-{number}", **options.get(kind, {}))


def _crowd_member(job: Job) -> Any:
    time.sleep(0.002)
    if job.name == "failing" or (job.name == "retried" and job.attempts_made < 2):
        raise RuntimeError("boom")
    return job.data["n"]


def _verify_crowd(queue: Queue, notes: Notes) -> list[str]:
    found = []
    jobs = {job.id: job for job in queue.get_jobs(["completed", "failed"])}
    if len(jobs) != CROWD:
        found.append(f"{len(jobs)} of {CROWD} jobs have ended: {queue.get_job_counts()}")
    for job_id, job in jobs.items():
        attempts = {"retried": 2, "failing": 2}.get(job.name, 0)
        state = "failed" if job.name == "failing" else "completed"
        if job_id not in notes.ids:
            found.append(f"{job_id} never ran")
        found += [
            f"{job_id}: {fault}"
            for fault in _wrong(state=(state, job.get_state()), attempts=(attempts, job.attempts_made))
        ]
    return found


# Repeat


def _verify_repeated(queue: Queue, notes: Notes) -> list[str]:
    chains = queue.get_repeatable_jobs()
    if len(chains) != 1:
        return [f"expected one chain, found {chains}"]
    slots = sorted({int(job_id.rsplit(":", 1)[1]) for job_id in notes.ids})
    found = [f"{slot} is off the grid" for slot in slots if slot % EVERY_MS]
    completed = [job.id for job in queue.get_completed()]
    if len(set(completed)) != len(completed):
        found.append(f"an occurrence completed twice: {completed}")
    pending = queue.get_jobs(["waiting", "delayed", "active"])
    if len([job for job in pending if job.is_delayed()]) > 1 or not pending:
        found.append(f"pending occurrences: {pending}")
    return found


SCENARIOS = {
    "success": Scenario(_add_three, _talkative, _verify_three, goal=3),
    "success in threads": Scenario(_add_three, _talkative, _verify_three, goal=3, slots=2),
    "success on a loop": Scenario(_add_three, _talkative, _verify_three, goal=3, slots=2, is_async=True),
    "retry after a pause": Scenario(
        lambda queue: _discard(queue.add("r", {}, job_id="r", attempts=3, backoff=30)),
        _fails_twice,
        _verify_retried,
    ),
    "retry at once": Scenario(
        lambda queue: _discard(queue.add("r", {}, job_id="r", attempts=3, priority=2)),
        _fails_twice,
        _verify_retried,
    ),
    "failure": Scenario(
        lambda queue: _discard(queue.add("f", {}, job_id="f", attempts=2)), _fails, _verify_failed
    ),
    "first failure": Scenario(lambda queue: None, _fails, lambda queue, notes: []),
    "crowd": Scenario(_add_crowd, _crowd_member, _verify_crowd, goal=CROWD, slots=3),
    "delay": Scenario(_add_delayed, lambda job: None, _verify_delayed, goal=3),
    "repeat": Scenario(
        lambda queue: _discard(queue.add("tick", {}, repeat={"every": EVERY_MS})),
        lambda job: None,
        _verify_repeated,
        goal=2,
        further=3,
    ),
}


def _discard(_: object) -> None:
    """For functions that are called for what they do."""
