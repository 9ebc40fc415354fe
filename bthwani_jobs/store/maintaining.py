"""Commands on all jobs of a queue, or on many: cleaned, emptied, removed, retried, obliterated.

Each is sent in batches, so that no script holds the server up.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from ..core.ids import encode_part, rq_id_prefix
from .calling import QueueStore

#: Jobs a script call, at the most.
BATCH = 1000
#: What `QueueStore.once` and a worker's step append to a call key; other queues' keys never look like that.
_CALLER = re.compile(rb"[0-9a-f]{8}|[0-9a-f]{12}-\d+")


def empty(store: QueueStore) -> None:
    """Delete all waiting, paused and delayed jobs."""
    while int(store.once("empty", BATCH)) == BATCH:
        pass


def clean(store: QueueStore, kind: str, grace_ms: int, limit: int) -> Iterator[str]:
    """Delete old jobs of one state (wait, paused, active, delayed, completed, failed); their rq ids.
    ``limit`` 0: no limit."""
    cursor, left = "", limit
    while True:
        next_cursor, removed = store.once("clean", kind, grace_ms, left, cursor)
        for rq_id in removed:
            yield rq_id.decode(errors="replace")
        cursor, left = next_cursor.decode(), left - len(removed)
        if not cursor or (limit and left <= 0):
            return


def find_jobs(store: QueueStore, head: str, matches: Callable[[str], bool]) -> list[str]:
    """rq ids of the queue's jobs, in whatever state, whose own id begins with ``head`` and whose rq id
    matches."""
    beginning = store.keys.job(rq_id_prefix(store.keys.queue))
    pattern = _escaped(beginning) + encode_part(head) + "*"
    prefix = len(store.keys.job(""))
    found: dict[str, None] = {}
    for key in store.client.scan_iter(pattern, count=BATCH):
        rq_id = key.decode(errors="replace")[prefix:]
        if matches(rq_id):
            found[rq_id] = None
    return list(found)


def remove_jobs(store: QueueStore, rq_ids: Sequence[str]) -> Iterator[str]:
    """Delete those that are not locked; their rq ids."""
    for start in range(0, len(rq_ids), BATCH):
        batch = rq_ids[start : start + BATCH]
        for rq_id in store.once("remove_jobs", len(batch), *batch):
            yield rq_id.decode()


def retry_jobs(store: QueueStore, count: int) -> None:
    """All jobs that have failed by now run again, ``count`` a call."""
    cursor = ""
    while True:
        cursor = store.once("retry_jobs", min(count, BATCH), cursor).decode()
        if not cursor:
            return


def obliterate(store: QueueStore, force: bool, count: int) -> int:
    """Delete a paused queue, ``count`` jobs a call: 1 done, -1 it is not paused, -2 jobs are running."""
    code = 0
    while not code:
        code = int(store.once("obliterate", "1" if force else "", min(count, BATCH)))
    if code == 1:
        _forget_calls(store)
    return code


def _forget_calls(store: QueueStore) -> None:
    """Delete what was kept to answer calls twice; the callers' next calls begin anew."""
    head = store.keys.call("")
    for key in store.client.scan_iter(_escaped(head) + "*", count=BATCH):
        if _CALLER.fullmatch(key.removeprefix(head.encode())):
            store.client.delete(key)


def _escaped(text: str) -> str:
    """The text as a pattern of Redis that matches nothing else."""
    return re.sub(r"([\\*?\[\]^])", r"\\\1", text)
