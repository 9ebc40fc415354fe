"""Repeatables in Redis: registering, paying what is owed, listing, removing."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from ..core.ids import rq_id_prefix
from .adding import NewJob
from .calling import QueueStore
from .entry_call import ENTRY_CALL


class NextRun(NamedTuple):
    """The next occurrence of a chain, ready to store."""

    key: str
    next_ms: int
    now_ms: int  #: what next_ms was reckoned from
    job: NewJob
    definition: str  #: JSON, see repeatables.definition_text


def schedule(store: QueueStore, run: NextRun, *, register: bool = False, debt: str = "") -> tuple[int, int]:
    """(code, server ms): 1 added, 2 stood already, 0 the chain is not registered any more."""
    job = run.job
    code, now_ms = store.once(
        "schedule_repeat",
        run.key,
        "1" if register else "",
        debt,
        run.next_ms,
        job.rq_id,
        job.name,
        job.data,
        job.options,
        job.priority,
        "" if job.timeout_s is None else job.timeout_s,
        ENTRY_CALL,
        run.definition,
        debt_text(run.next_ms, run.key),
        run.now_ms,
        job.group,
    )
    return int(code), int(now_ms)


def end_chain(store: QueueStore, key: str, debt: str) -> None:
    """The chain has no further occurrence: strike off the debt and unregister it."""
    store.once("schedule_repeat", key, "", debt, "", "", "", "", "", 0, "", "", "", "", 0, "")


def debt_text(nominal_ms: int, key: str) -> str:
    """What an occurrence owes when it becomes active: the one after its nominal time."""
    return f"{nominal_ms}|{key}"


def split_debt(debt: str) -> tuple[int, str]:
    """(nominal ms, repeat key); ValueError for a text that `debt_text` did not write."""
    nominal, _, key = debt.partition("|")
    return int(nominal), key


def strike_off(store: QueueStore, debt: str) -> None:
    """Forget a debt that nobody can pay."""
    store.client.zrem(store.keys.repeats_owed, debt)


class DueRepeats(NamedTuple):
    """What somebody alive has to do; definitions are None where they are lost."""

    now_ms: int
    debts: list[tuple[str, dict[str, Any] | None]]
    idle: list[tuple[str, dict[str, Any] | None]]


def due_repeats(store: QueueStore, min_age_ms: int) -> DueRepeats:
    """Debts older than ``min_age_ms`` and chains without an occurrence."""
    now_ms, debts, idle = store.run("due_repeats", min_age_ms, rq_id_prefix(store.keys.queue))
    return DueRepeats(int(now_ms), _with_definitions(debts), _with_definitions(idle))


def _with_definitions(flat: list[bytes]) -> list[tuple[str, dict[str, Any] | None]]:
    texts = [item.decode(errors="replace") for item in flat]
    return [(texts[i], _definition(texts[i + 1])) for i in range(0, len(texts), 2)]


def _definition(text: str | bytes) -> dict[str, Any] | None:
    """None for one that is missing or cannot be read."""
    try:
        definition = json.loads(text)
    except ValueError:
        return None
    return definition if isinstance(definition, dict) else None


def remove(store: QueueStore, key: str) -> bool:
    return bool(store.once("remove_repeatable", key))


def listed(store: QueueStore) -> list[tuple[str, int, dict[str, Any]]]:
    """(key, next ms, definition) of all chains, soonest first."""
    with store.client.pipeline(transaction=True) as pipe:
        pipe.zrange(store.keys.repeats, 0, -1, withscores=True)
        pipe.hgetall(store.keys.repeat_definitions)
        chains, definitions = pipe.execute()
    return [(key.decode(), int(score), _definition(definitions.get(key, b"")) or {}) for key, score in chains]


def count(store: QueueStore) -> int:
    return int(store.client.zcard(store.keys.repeats))
