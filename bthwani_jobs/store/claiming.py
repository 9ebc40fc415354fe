"""The worker's calls: finish and fetch in one, renew leases, recover stalled jobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, NamedTuple

from redis import Redis
from redis.exceptions import ConnectionError, TimeoutError

from ..core.limiter import Limiter, limiter_text
from .calling import QueueStore
from .connection import HeldConnection
from .keys import QueueKeys
from .scripts import script

#: Fields of a claimed row, in the order of FIELDS in step.lua.
FIELDS = (
    *("d", "description", "o", "am", "created_at", "ts", "st", "pg", "pm", "rk", "priority", "fr"),
    *("g", "lp"),
)


class FinishedRun(NamedTuple):
    """What a run came to, as step.lua takes it."""

    rq_id: str
    token: str
    kind: str  #: complete, fail, retry, delay or give_back
    text: str = ""  #: result (JSON) or failure reason
    stacktrace: str = ""  #: JSON list
    keep: str = ""  #: retention, see core.options.keep_text
    delay_ms: int = 0
    attempts_made: int = 0
    priority: int = 0
    flags: str = ""  #: l = lifo, x = execution records were written


class ClaimedRow(NamedTuple):
    """A job under a lease of ours; ``raw`` as stored, bytes by field name."""

    rq_id: str
    token: str
    raw: dict[str, bytes]


@dataclass(slots=True)
class StepReply:
    """Answer to one step; ids are rq ids."""

    now_ms: int
    next_due_ms: int | None
    held: int  #: 0; 1 if paused or suspended; 2 if jobs stay in the list all the same
    lost: dict[str, str]  #: tokens of finished runs whose lease was gone, with why
    moved: list[str]
    aside: list[tuple[str, str]]  #: entries set aside, with why
    jobs: list[ClaimedRow]
    limited_ms: int | None  #: jobs wait for the rate limiter: when the first of them may start


class StepClient:
    """Sends one worker's steps for one queue over a socket of its own. Not for sharing between threads."""

    def __init__(
        self,
        client: Redis,
        keys: QueueKeys,
        worker_name: str,
        token: str,
        lease_ms: int,
        *,
        limiter: Limiter | None = None,
    ) -> None:
        self.connection = HeldConnection(client, socket_timeout_s=10)
        self._script = script("step")
        self._numbers = count(1)
        self._unanswered: tuple[Any, ...] | None = None
        #: 0 means the server's clock; only tests set another time
        self.now_ms = 0
        self._head = (keys.call(f"{token}"), keys.prefix, keys.queue)
        self._tail = (worker_name, token, lease_ms)
        self._limiter = limiter_text(limiter)

    @property
    def has_unanswered(self) -> bool:
        """True after a step that got no answer: `resend` it before anything else."""
        return self._unanswered is not None

    def step(self, finished: Sequence[FinishedRun], want: int, had_work: bool) -> StepReply:
        """Write what finished, take up to ``want`` jobs. On ConnectionError or TimeoutError call `resend`."""
        command: list[Any] = [
            *self._head,
            self.now_ms,
            next(self._numbers),
            *self._tail,
            want,
            "1" if had_work else "",
            self._limiter,
            len(finished),
        ]
        for run in finished:
            command += run
        self._unanswered = tuple(command)
        return self._send()

    def resend(self) -> StepReply:
        """Send the unanswered step again, under the same number: whatever it did is not done twice."""
        return self._send()

    def _send(self) -> StepReply:
        assert self._unanswered is not None
        try:
            reply = self._script.run(self.connection, *self._unanswered)
        except (ConnectionError, TimeoutError, OSError):
            self.connection.drop()
            raise
        self._unanswered = None
        return _step_reply(reply)


def _step_reply(reply: list[Any]) -> StepReply:
    now_ms, next_due, held, lost, moved, aside, rows, limited = reply
    return StepReply(
        now_ms,
        next_due if next_due != b"" else None,
        held,
        _pairs(lost) if lost else {},
        [rq_id.decode() for rq_id in moved],
        list(_pairs(aside).items()) if aside else [],
        [_claimed(row) for row in rows],
        limited if limited != b"" else None,
    )


def _claimed(row: list[Any]) -> ClaimedRow:
    fields = {field: value for field, value in zip(FIELDS, row[2:], strict=False) if value is not None}
    return ClaimedRow(row[0].decode(), row[1].decode(), fields)


def _pairs(flat: list[bytes]) -> dict[str, str]:
    texts = [item.decode(errors="replace") for item in flat]
    return dict(zip(texts[::2], texts[1::2], strict=True))


class NextJob(NamedTuple):
    """Answer to one call for a job by hand."""

    now_ms: int
    aside: list[tuple[str, str]]  #: entries set aside, with why
    job: ClaimedRow | None


def next_job(store: QueueStore, token: str, lease_ms: int, had_job: bool) -> NextJob:
    """Take the next job, if there is one, under a lease with this token."""
    now_ms, aside, rows = store.once("next_job", "", token, lease_ms, "1" if had_job else "")
    return NextJob(int(now_ms), list(_pairs(aside).items()), _claimed(rows[0]) if rows else None)


def finish_job(store: QueueStore, run: FinishedRun, owner: str, ignore_lock: bool) -> tuple[str, int]:
    """Write what a run came to that is no worker's: (code, server ms), see finish_job.lua."""
    code, now_ms = store.once("finish_job", "1" if ignore_lock else "", owner, *run)
    return code.decode(), int(now_ms)


def set_marker(store: QueueStore) -> None:
    """Wake one idle worker of the queue."""
    store.client.zadd(store.keys.marker, {"0": 0})


class HeldLease(NamedTuple):
    """A running job as the renewer sees it; ``started_s`` "" = no execution record wanted."""

    rq_id: str
    token: str
    started_s: str = ""


def extend_leases(
    store: QueueStore, worker_name: str, lease_ms: int, leases: Sequence[HeldLease]
) -> list[int]:
    """New ends for leases still held; the indexes of those that are lost."""
    args: list[str] = []
    for lease in leases:
        args += lease
    return [int(index) for index in store.run("extend_leases", worker_name, lease_ms, len(leases), *args)]


class StalledReply(NamedTuple):
    """One stall check: rq ids queued again, rq ids failed, and how many finished jobs were adopted."""

    stalled: list[str]
    failed: list[str]
    adopted: int


def check_stalled(store: QueueStore, interval_ms: int, max_stalled_count: int) -> StalledReply | None:
    """Recover lapsed leases, at most once an interval across all workers; None if it was not due."""
    checked, stalled, failed, adopted = store.run("check_stalled", interval_ms, max_stalled_count)
    if not checked:
        return None
    return StalledReply([item.decode() for item in stalled], [item.decode() for item in failed], int(adopted))


def begin_stock_run(store: QueueStore, rq_id: str) -> dict[str, bytes]:
    """What activation writes when a stock worker runs our job; the job's hash."""
    flat = store.run("begin_stock_run", rq_id)
    if isinstance(flat, dict):
        return {field.decode(): value for field, value in flat.items()}
    return {field.decode(): value for field, value in zip(flat[::2], flat[1::2], strict=True)}
