"""Reads: one job, ranges of jobs, counts, logs, workers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from redis.exceptions import ResponseError

from ..core.states import IN_LIST, JobState
from .calling import QueueStore


def state_key(store: QueueStore, state: JobState) -> str:
    keys = store.keys
    return {
        JobState.WAITING: keys.wait,
        JobState.PAUSED: keys.paused,
        JobState.ACTIVE: keys.active,
        JobState.DELAYED: keys.delayed,
        JobState.COMPLETED: keys.completed,
        JobState.FAILED: keys.failed,
    }[state]


def get_state(store: QueueStore, rq_id: str) -> JobState:
    return JobState(store.run("get_state", rq_id).decode())


def counts(store: QueueStore, states: Sequence[JobState]) -> list[int]:
    """How many jobs are in each state, in one round trip."""
    with store.client.pipeline(transaction=True) as pipe:
        for state in states:
            key = state_key(store, state)
            pipe.llen(key) if state in IN_LIST else pipe.zcard(key)
        return [int(number) for number in pipe.execute()]


def range_ids(store: QueueStore, state: JobState, start: int, end: int, ascending: bool) -> list[str]:
    """rq ids of a state, ``end`` inclusive, negative from the far end. Ascending: next to run first, or
    lowest score first."""
    key = state_key(store, state)
    if state in IN_LIST:
        members = _list_range(store, key, start, end, ascending)
    else:
        members = cast("list[bytes]", store.client.zrange(key, start, end, desc=not ascending))
    return [member.decode(errors="replace").partition(":")[0] for member in members]


def _list_range(store: QueueStore, key: str, start: int, end: int, ascending: bool) -> list[bytes]:
    if ascending:
        return cast("list[bytes]", store.client.lrange(key, start, end))
    return cast("list[bytes]", store.client.lrange(key, -1 - end, -1 - start))[::-1]


def get_hash(store: QueueStore, rq_id: str) -> dict[str, bytes] | None:
    """The job's stored fields; None if it is gone or not one of ours."""
    return get_hashes(store, [rq_id])[0]


def get_hashes(
    store: QueueStore, rq_ids: Sequence[str], *, exclude_data: bool = False
) -> list[dict[str, bytes] | None]:
    """Stored fields of many jobs, in one round trip; None for each that is gone, unreadable or not ours."""
    with store.client.pipeline(transaction=False) as pipe:
        for rq_id in rq_ids:
            pipe.hgetall(store.keys.job(rq_id))
        replies = pipe.execute(raise_on_error=False)
    return [_fields(reply, exclude_data) for reply in replies]


def _fields(reply: Any, exclude_data: bool) -> dict[str, bytes] | None:
    if isinstance(reply, ResponseError):
        return None
    if isinstance(reply, Exception):
        raise reply
    raw = {field.decode(errors="replace"): value for field, value in reply.items()}
    if "d" not in raw:
        return None
    if exclude_data:
        raw["d"] = b"{}"
    return raw


def get_logs(store: QueueStore, rq_id: str, start: int, end: int, ascending: bool) -> tuple[list[str], int]:
    """(rows, total number of rows)."""
    key = store.keys.logs(rq_id)
    with store.client.pipeline(transaction=True) as pipe:
        if ascending:
            pipe.lrange(key, start, end)
        else:
            pipe.lrange(key, -1 - end, -1 - start)
        pipe.llen(key)
        rows, total = pipe.execute()
    texts = [row.decode(errors="replace") for row in rows]
    return (texts if ascending else texts[::-1]), int(total)


def counts_per_priority(store: QueueStore, priorities: Sequence[int]) -> list[int]:
    """Waiting (or paused) jobs of each priority; for 0 what is listed without one."""
    keys = store.keys
    with store.client.pipeline(transaction=True) as pipe:
        pipe.llen(keys.wait)
        pipe.llen(keys.paused)
        pipe.zcard(keys.priorities)
        for priority in priorities:
            pipe.zcount(keys.priorities, priority, priority)
        waiting, paused, prioritised, *found = pipe.execute()
    plain = max(0, waiting + paused - prioritised)
    return [
        plain if priority == 0 else int(number) for priority, number in zip(priorities, found, strict=True)
    ]


def workers(store: QueueStore) -> list[dict[str, str]]:
    """RQ's records of the workers that listen to this queue and are alive."""
    prefix, queue = store.keys.prefix, store.keys.queue
    members = sorted(cast("set[bytes]", store.client.smembers(f"{prefix}:workers:{queue}")))
    with store.client.pipeline(transaction=False) as pipe:
        for member in members:
            pipe.hgetall(member)
        records = pipe.execute()
    found = []
    for member, record in zip(members, records, strict=True):
        if record and b"death" not in record:
            fields = {field.decode(): value.decode(errors="replace") for field, value in record.items()}
            found.append(
                {**fields, "worker": member.decode().removeprefix(f"{prefix}:worker:"), "name": queue}
            )
    return found
