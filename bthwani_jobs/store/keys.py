"""Every key of a queue, with its Redis type. The same names are built in ``lua/includes/prelude.lua``."""

from __future__ import annotations

import os


def key_prefix() -> str:
    """RQ's own setting: what all of RQ's keys and ours begin with (RQ reads it once, when it is imported)."""
    return os.environ.get("RQ_KEY_PREFIX", "rq")


class QueueKeys:
    """Keys of one queue. RQ's own first, then ours under ``<prefix>:bull:<queue>:``."""

    __slots__ = ("_bull", "prefix", "queue")

    def __init__(self, queue: str, prefix: str | None = None) -> None:
        self.prefix = key_prefix() if prefix is None else prefix
        self.queue = queue
        self._bull = f"{self.prefix}:bull:{queue}:"

    @property
    def wait(self) -> str:
        """list: rq ids, left end runs next"""
        return f"{self.prefix}:queue:{self.queue}"

    @property
    def active(self) -> str:
        """zset: ``<rq id>:<token>`` by lease end"""
        return f"{self.prefix}:wip:{self.queue}"

    @property
    def delayed(self) -> str:
        """zset: rq ids by due time"""
        return f"{self.prefix}:scheduled:{self.queue}"

    @property
    def completed(self) -> str:
        """zset: rq ids by finish time"""
        return f"{self.prefix}:finished:{self.queue}"

    @property
    def failed(self) -> str:
        """zset: rq ids by finish time"""
        return f"{self.prefix}:failed:{self.queue}"

    def job(self, rq_id: str) -> str:
        """hash: RQ's fields and ours (see docs/how-it-works.md)"""
        return f"{self.prefix}:job:{rq_id}"

    def worker(self, name: str) -> str:
        """hash: RQ's record of a worker"""
        return f"{self.prefix}:worker:{name}"

    @property
    def paused(self) -> str:
        """list: the waiting list while the queue is paused"""
        return self._bull + "paused"

    @property
    def pause_flag(self) -> str:
        """string: present while the queue is paused"""
        return self._bull + "pause"

    @property
    def priorities(self) -> str:
        """zset: ``<sequence>:<rq id>`` of listed prioritised jobs by priority"""
        return self._bull + "prio"

    @property
    def marker(self) -> str:
        """zset of at most one member: wakes one idle worker"""
        return self._bull + "marker"

    @property
    def due_marker(self) -> str:
        """zset of at most one member: wakes one scheduler when a sooner delayed job is added"""
        return self._bull + "marker:due"

    @property
    def events(self) -> str:
        """pub/sub channel"""
        return self._bull + "events"

    @property
    def repeats(self) -> str:
        """zset: repeat keys by next run in ms"""
        return self._bull + "repeat"

    @property
    def repeat_definitions(self) -> str:
        """hash: repeat key to its definition (JSON)"""
        return self._bull + "repeat:definitions"

    @property
    def repeats_owed(self) -> str:
        """zset: debts (see step.lua) by the time they were made, in ms"""
        return self._bull + "repeat:owed"

    @property
    def limited(self) -> str:
        """set: ``<rq id>:<bucket>`` of jobs that the rate limiter has put off; the same ids by bucket under
        ``limited:<bucket>``, and each bucket's window, a hash, under ``window:<bucket>``"""
        return self._bull + "limited"

    def logs(self, rq_id: str) -> str:
        """list: log rows of a job, oldest first"""
        return f"{self._bull}logs:{rq_id}"

    def call(self, caller: str) -> str:
        """string: last call number of a caller and what it was answered"""
        return f"{self._bull}call:{caller}"
