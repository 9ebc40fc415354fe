"""What must hold of a queue's keys whenever nobody is in the middle of a call, whatever died before.

Everything is read from Redis itself, by key names written out here: a fault in the library's own readers must
not hide one in its writers.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import redis

from bthwani_jobs.core.ids import rq_id_prefix

#: Scores below this are RQ's own, in seconds.
FIRST_SCORE = 1_024_000_000_000_000
STATUS_OF = {
    "waiting": "queued",
    "paused": "queued",
    "delayed": "scheduled",
    "active": "started",
    "completed": "finished",
    "failed": "failed",
}


@dataclass
class Snapshot:
    """All keys of one queue, read at one moment of rest."""

    queue: str
    prefix: str
    hashes: dict[str, dict[str, str]] = field(default_factory=dict)
    ttls: dict[str, int] = field(default_factory=dict)
    #: ids of each state, in order; the active ones without their tokens
    places: dict[str, list[str]] = field(default_factory=dict)
    scores: dict[str, dict[str, float]] = field(default_factory=dict)
    tokens: dict[str, list[str]] = field(default_factory=dict)
    priorities: dict[str, float] = field(default_factory=dict)
    log_owners: list[str] = field(default_factory=list)
    lock_owners: list[str] = field(default_factory=list)
    #: (rq id, token) of RQ's records of runs
    executions: list[tuple[str, str]] = field(default_factory=list)
    counter: int = 0
    is_paused: bool = False
    repeats: dict[str, int] = field(default_factory=dict)
    definitions: dict[str, dict[str, Any]] = field(default_factory=dict)
    debts: list[str] = field(default_factory=list)

    def is_stock_run(self, rq_id: str) -> bool:
        """Whether a stock RQ worker runs it: its lease counts in seconds."""
        leases = self.scores["active"]
        return any(
            score < FIRST_SCORE for member, score in leases.items() if member.partition(":")[0] == rq_id
        )


def snapshot(client: redis.Redis, queue: str, prefix: str = "rq") -> Snapshot:
    """Read the queue; `client` answers bytes."""
    bull = f"{prefix}:bull:{queue}:"
    taken = Snapshot(queue, prefix)
    stem = f"{prefix}:job:"
    keys = _keys(client, f"{stem}{rq_id_prefix(queue)}*")
    with client.pipeline(transaction=False) as pipe:
        for key in keys:
            pipe.hgetall(key).ttl(key)
        replies = pipe.execute()
    for key, row, ttl in zip(keys, replies[::2], replies[1::2], strict=True):
        taken.hashes[key.removeprefix(stem)] = _texts(row)
        taken.ttls[key.removeprefix(stem)] = ttl
    for state, key in (("waiting", f"{prefix}:queue:{queue}"), ("paused", f"{bull}paused")):
        taken.places[state] = [item.decode() for item in client.lrange(key, 0, -1)]
    for state, name in (
        ("active", "wip"),
        ("delayed", "scheduled"),
        ("completed", "finished"),
        ("failed", "failed"),
    ):
        members = client.zrange(f"{prefix}:{name}:{queue}", 0, -1, withscores=True)
        taken.scores[state] = {member.decode(): score for member, score in members}
        taken.places[state] = [member.decode().partition(":")[0] for member, _ in members]
    for member in taken.scores["active"]:
        rq_id, _, token = member.partition(":")
        taken.tokens.setdefault(rq_id, []).append(token)
    taken.priorities = {m.decode(): s for m, s in client.zrange(f"{bull}prio", 0, -1, withscores=True)}
    taken.log_owners = [key.removeprefix(f"{bull}logs:") for key in _keys(client, f"{bull}logs:*")]
    taken.lock_owners = [key.removeprefix(f"{bull}lock:") for key in _keys(client, f"{bull}lock:*")]
    stem = f"{prefix}:execution:"
    for key in _keys(client, f"{stem}{rq_id_prefix(queue)}*"):
        rq_id, _, token = key.removeprefix(stem).partition(":")
        taken.executions.append((rq_id, token))
    stem = f"{prefix}:executions:"
    for key in _keys(client, f"{stem}{rq_id_prefix(queue)}*"):
        taken.executions += [(key.removeprefix(stem), m.decode()) for m in client.zrange(key, 0, -1)]
    taken.counter = int(client.get(f"{bull}id") or 0)
    taken.is_paused = bool(client.exists(f"{bull}pause"))
    taken.repeats = {k.decode(): int(s) for k, s in client.zrange(f"{bull}repeat", 0, -1, withscores=True)}
    definitions = _texts(client.hgetall(f"{bull}repeat:definitions"))
    taken.definitions = {key: json.loads(text) for key, text in definitions.items()}
    taken.debts = [member.decode() for member in client.zrange(f"{bull}repeat:owed", 0, -1)]
    return taken


def problems(client: redis.Redis, queue: str, prefix: str = "rq") -> list[str]:
    """Every rule that the queue's keys break, as sentences; empty if all is well."""
    taken = snapshot(client, queue, prefix)
    return [
        *_wrong_places(taken),
        *_wrong_fields(taken),
        *_wrong_scores(taken),
        *_wrong_companions(taken),
        *_wrong_repeats(taken),
        *_wrong_counters(taken),
    ]


def assert_consistent(client: redis.Redis, queue: str, prefix: str = "rq") -> Snapshot:
    """Fail with every broken rule and the keys it was read from; the snapshot if all is well."""
    found = problems(client, queue, prefix)
    taken = snapshot(client, queue, prefix)
    assert not found, "\n".join([f"Queue {queue} is inconsistent:", *found, "", repr(taken)])
    return taken


def _wrong_places(taken: Snapshot) -> list[str]:
    found = []
    stays: dict[str, list[str]] = {rq_id: [] for rq_id in taken.hashes}
    for state, ids in taken.places.items():
        for rq_id in ids:
            if rq_id in stays:
                stays[rq_id].append(state)
            else:
                found.append(f"{state} holds {rq_id}, which has no hash")
    for rq_id, states in stays.items():
        if len(states) != 1:
            found.append(f"{rq_id} must be in one place, it is in {states or 'none'}")
            continue
        status, expected = taken.hashes[rq_id].get("status"), STATUS_OF[states[0]]
        if status != expected:
            found.append(f"{rq_id} is {states[0]}, so its status must be {expected}; it is {status}")
    if taken.is_paused is False and taken.places["paused"]:
        found.append(f"the queue is not paused, yet {taken.places['paused']} are in the paused list")
    return found


def _wrong_fields(taken: Snapshot) -> list[str]:
    found = []
    for rq_id, row in taken.hashes.items():
        status = row.get("status")
        for name in ("data", "origin", "created_at", "d"):
            if not row.get(name):
                found.append(f"{rq_id} has no field {name}")
        if row.get("origin") != taken.queue:
            found.append(f"{rq_id} has the origin {row.get('origin')}")
        if status != "started" and row.get("tk"):
            found.append(f"{rq_id} is {status} and still has a token")
        if status == "started" and not taken.is_stock_run(rq_id):
            found += [
                f"{rq_id} is active without {name}"
                for name in ("tk", "worker_name", "started_at")
                if not row.get(name)
            ]
        ended = bool(row.get("ended_at"))
        if ended != (status in ("finished", "failed")):
            found.append(f"{rq_id} is {status} with ended_at {row.get('ended_at')!r}")
        if status == "finished" and "rv" not in row:
            found.append(f"{rq_id} is finished without a result")
        if status == "failed" and not row.get("fr"):
            found.append(f"{rq_id} is failed without a reason")
        if status != "scheduled" and "delay" in row:
            found.append(f"{rq_id} is {status} and still has a delay")
        if taken.ttls[rq_id] != -1 and not taken.is_stock_run(rq_id):
            found.append(f"{rq_id} would vanish in {taken.ttls[rq_id]} s")
    return found


def _wrong_scores(taken: Snapshot) -> list[str]:
    found = []
    for state in ("delayed", "completed", "failed"):
        scores = taken.scores[state]
        for rq_id, score in scores.items():
            if rq_id in taken.hashes and not FIRST_SCORE <= score < 2**53:
                found.append(f"{rq_id} is {state} under the score {score}, which is not in milliseconds")
        ties = [score for score, times in Counter(scores.values()).items() if times > 1]
        if ties:
            found.append(f"{state} has ties at {ties}: their order would be that of their ids")
    return found


def _wrong_companions(taken: Snapshot) -> list[str]:
    found = []
    listed = {*taken.places["waiting"], *taken.places["paused"]}
    for member, score in taken.priorities.items():
        rq_id = member[17:]
        row = taken.hashes.get(rq_id, {})
        if rq_id not in listed:
            found.append(f"the priorities hold {rq_id}, which is not listed")
        elif row.get("pm") != member or float(row.get("priority", 0)) != score:
            found.append(
                f"the priorities hold {member} at {score}, its job has {row.get('pm')} "
                f"at {row.get('priority')}"
            )
    active = set(taken.tokens)
    for rq_id, tokens in taken.tokens.items():
        if (
            rq_id in taken.hashes
            and not taken.is_stock_run(rq_id)
            and tokens != [taken.hashes[rq_id].get("tk")]
        ):
            found.append(f"{rq_id} has the leases {tokens} and the token {taken.hashes[rq_id].get('tk')}")
    found += [f"logs of {rq_id}, which is gone" for rq_id in taken.log_owners if rq_id not in taken.hashes]
    found += [f"a lock of {rq_id}, which is gone" for rq_id in taken.lock_owners if rq_id not in taken.hashes]
    found += [
        f"an execution record of {rq_id}, which is not active"
        for rq_id, token in taken.executions
        # Tokens of RQ's own have no dash; what a dead worker of its leaves expires by itself.
        if rq_id not in active and "-" in token
    ]
    return found


def _wrong_repeats(taken: Snapshot) -> list[str]:
    found = []
    if set(taken.repeats) != set(taken.definitions):
        found.append(f"registered are {sorted(taken.repeats)}, defined are {sorted(taken.definitions)}")
    owing = {debt.partition("|")[2] for debt in taken.debts}
    pending = {rq_id for state in ("waiting", "paused", "delayed", "active") for rq_id in taken.places[state]}
    for key, next_ms in taken.repeats.items():
        stem = taken.definitions.get(key, {}).get("stem", "?")
        if f"{stem}{next_ms}" not in pending and key not in owing:
            found.append(f"{key} has no pending occurrence at {next_ms} and nobody owes one")
        ahead = [rq_id for rq_id in taken.places["delayed"] if rq_id.startswith(stem)]
        if len(ahead) > 1:
            found.append(f"{key} has {len(ahead)} delayed occurrences: {ahead}")
    return found


def _wrong_counters(taken: Snapshot) -> list[str]:
    prefix = rq_id_prefix(taken.queue)
    numbers = [int(rest) for rq_id in taken.hashes if (rest := rq_id.removeprefix(prefix)).isdigit()]
    if numbers and max(numbers) > taken.counter and not any(_is_chosen(taken, prefix, n) for n in numbers):
        return [f"the counter stands at {taken.counter}, yet there is a job {max(numbers)}"]
    return []


def _is_chosen(taken: Snapshot, prefix: str, number: int) -> bool:
    return '"j":1' in taken.hashes[f"{prefix}{number}"].get("o", "")


def _keys(client: redis.Redis, pattern: str) -> list[str]:
    return sorted(key.decode() for key in client.scan_iter(pattern, count=1000))


def _texts(row: dict[bytes, bytes]) -> dict[str, str]:
    return {name.decode(): value.decode(errors="replace") for name, value in row.items()}
