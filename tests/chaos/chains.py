"""Repeatables: a chain goes on, is never two, and ends when its limit says so."""

from __future__ import annotations

from bthwani_jobs import Queue
from tests.chaos.crowds import is_empty
from tests.chaos.life import EVERY_MS, Notes, wrong


def verify_repeated(queue: Queue, notes: Notes) -> list[str]:
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


LIMIT = 3


def add_limited(queue: Queue) -> None:
    queue.add("tick", {}, repeat={"every": EVERY_MS, "limit": LIMIT})


def has_ended(queue: Queue) -> bool:
    return not queue.get_repeatable_count() and is_empty(queue)


def verify_limited(queue: Queue, notes: Notes) -> list[str]:
    """Its last occurrence unregisters it (Q-38)."""
    return [
        *wrong(completed=(LIMIT, queue.get_completed_count()), failed=(0, queue.get_failed_count())),
        *wrong(occurrences=(LIMIT, len(set(notes.ids)))),
    ]
