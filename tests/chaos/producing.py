"""What producers do in the chaos tests. A programme may be carried out again after a death in the middle."""

from __future__ import annotations

from collections.abc import Callable

from bthwani_jobs import Queue
from bthwani_jobs.errors import NotDelayed, NotRetriable
from tests.chaos.life import EVERY_MS

MANY = 2100

#: The ids that `add_named` leaves, whoever died.
NAMED = ("a", "b", "c", "d", "e", "f", "g")


def add_named(queue: Queue) -> None:
    """Jobs of every kind under ids of the caller's: adding them again is adding them once."""
    queue.add("plain", {}, job_id="a")
    queue.add("prioritised", {}, job_id="b", priority=2)
    queue.add("lifo", {}, job_id="c", lifo=True)
    queue.add("delayed", {}, job_id="d", delay=40)
    queue.add_bulk(
        [
            {"name": "bulk", "data": {}, "opts": {"job_id": "e"}},
            {"name": "bulk", "data": {}, "opts": {"job_id": "f", "priority": 1}},
            {"name": "bulk", "data": {}, "opts": {"job_id": "g", "delay": 40}},
        ]
    )


def add_numbered(queue: Queue) -> None:
    """Jobs under automatic ids, one a call."""
    for number in range(4):
        queue.add("numbered", {"n": number})


def add_many(queue: Queue) -> None:
    """More than fit into one call."""
    queue.add_bulk([{"name": "bulk", "data": {"n": number}} for number in range(MANY)])


def add_repeatable(queue: Queue) -> None:
    queue.add("tick", {}, repeat={"every": EVERY_MS})


def command(queue: Queue) -> None:
    """Every command on jobs and the queue that changes something; the jobs are those of `prepare_command`."""
    queue.pause()
    try:
        queue.get_job("failed").retry()
    except NotRetriable:
        pass
    try:
        queue.get_job("delayed").promote()
    except NotDelayed:
        pass
    job = queue.get_job("removed")
    if job is not None:
        job.log("about to go")
        job.remove()
    queue.get_job("kept").update({"new": True})
    queue.add("late", {}, job_id="late", priority=1)
    queue.resume()


def prepare_command(queue: Queue) -> None:
    """Jobs in the states that `command` needs; "failed" is still to be run and to fail."""
    queue.add("delayed", {}, job_id="delayed", delay=3_600_000)
    queue.add("removed", {}, job_id="removed", priority=4)
    queue.add("kept", {}, job_id="kept")


def remove_repeatable(queue: Queue) -> None:
    queue.remove_repeatable("tick", {"every": EVERY_MS})


PROGRAMMES: dict[str, Callable[[Queue], None]] = {
    "add named": add_named,
    "add numbered": add_numbered,
    "add many": add_many,
    "add repeatable": add_repeatable,
    "command": command,
    "remove repeatable": remove_repeatable,
}
