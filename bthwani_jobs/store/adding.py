"""Jobs come in: added, promoted, moved when due."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    ConnectionError,
    TimeoutError,
)

from ..core.ids import rq_id_prefix
from ..errors import OutcomeUnknown
from .calling import QueueStore
from .entry_call import ENTRY_CALL

#: Jobs a script call: a longer one would make other clients wait.
BATCH = 1000


#: Connection errors after which it is certain that nothing was done.
NOTHING_HAPPENED = (AuthenticationError, AuthorizationError, BusyLoadingError)


@dataclass(slots=True, frozen=True)
class NewJob:
    """What is stored of a job when it is added; times in ms, ``timeout_s`` in RQ's whole seconds."""

    rq_id: str  #: "" = automatic
    name: str
    data: str
    options: str
    priority: int = 0
    delay: int = 0
    timestamp: int | None = None
    lifo: bool = False
    timeout_s: int | None = None
    result_ttl: int | None = None
    group: str = ""  #: of the rate limiter

    def arguments(self) -> tuple[str | int, ...]:
        return (
            self.rq_id,
            self.name,
            self.data,
            self.options,
            self.priority,
            self.delay,
            "" if self.timestamp is None else self.timestamp,
            "1" if self.lifo else "",
            "" if self.timeout_s is None else self.timeout_s,
            "" if self.result_ttl is None else self.result_ttl,
            self.group,
        )


@dataclass(slots=True, frozen=True)
class Added:
    """Answer to one add: the job's id, whether it is new, and the server's time."""

    rq_id: str
    is_new: bool
    now_ms: int


def add_jobs(store: QueueStore, jobs: Sequence[NewJob]) -> list[Added]:
    """Add in order; raises OutcomeUnknown if Redis gives no answer."""
    added: list[Added] = []
    while len(added) < len(jobs):
        added += _add_batch(store, jobs[len(added) : len(added) + BATCH])
    return added


def _add_batch(store: QueueStore, jobs: Sequence[NewJob]) -> Iterable[Added]:
    args: list[str | int] = []
    for job in jobs:
        args += job.arguments()
    try:
        reply = store.once("add_jobs", ENTRY_CALL, rq_id_prefix(store.keys.queue), len(jobs), *args)
    except NOTHING_HAPPENED:
        raise
    except (ConnectionError, TimeoutError) as error:
        raise OutcomeUnknown("add") from error
    now_ms = int(reply[0])
    return [Added(reply[i].decode(), bool(reply[i + 1]), now_ms) for i in range(1, len(reply), 2)]


def promote(store: QueueStore, rq_id: str) -> bool:
    """Delayed to waiting now; False if the job is not delayed."""
    return bool(store.once("promote", rq_id))


def move_due(store: QueueStore, limit: int = 1000) -> tuple[int, int | None, list[str]]:
    """Move due jobs to the list: (server ms, next due ms or None, rq ids moved)."""
    now_ms, next_due, moved = store.run("move_due", limit)
    return int(now_ms), int(next_due) if next_due != b"" else None, [rq_id.decode() for rq_id in moved]
