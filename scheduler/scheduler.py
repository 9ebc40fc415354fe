"""``Scheduler``: rq-scheduler's class, its engine replaced.

Moving due jobs is one lockless script (``move_due.lua``), so any number of schedulers and workers may do
it at once: one that dies loses and doubles nothing. Replaced of ``rq_scheduler.Scheduler``: its lock, its
polling, its one-second times and its reading of cron; its names and its record in Redis stay.
"""

from __future__ import annotations

import json
import logging
import signal
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from types import FrameType
from typing import Any

import rq_scheduler
from redis import Redis
from redis.exceptions import RedisError

from bthwani_jobs import Job, Queue, Repeat, harden
from bthwani_jobs.core.repeat import repeat_key
from bthwani_jobs.runtime.waiting import Bell, MarkerWait, sleep
from bthwani_jobs.store import adding
from bthwani_jobs.store.connection import client
from bthwani_jobs.store.keys import key_prefix

from .repeatables import Repeatable

log = logging.getLogger("scheduler")

#: How long it sleeps at the most.
LOOK_EVERY_S = 5.0
HEARTBEAT_EVERY_S = 20
LONGEST_PAUSE_S = 5.0


class Scheduler(rq_scheduler.Scheduler):
    """Moves the due jobs of ``queues`` and keeps their repeatable chains alive.

    Where rq-scheduler's methods take a function, these take a job name; times may be fractions of a second.
    """

    def __init__(self, queues: Sequence[Queue], connection: Redis, *, name: str | None = None) -> None:
        connection = client(connection)
        super().__init__(
            queue_name=queues[0].name, connection=connection, interval=HEARTBEAT_EVERY_S, name=name
        )
        prefix = key_prefix()
        # rq-scheduler hard-codes "rq"; one prefix keeps everything in one slot of a cluster.
        self.redis_scheduler_namespace_prefix = f"{prefix}:scheduler_instance:"
        self.scheduler_key = f"{prefix}:scheduler"
        self.scheduler_lock_key = f"{prefix}:scheduler_lock"
        self.scheduled_jobs_key = f"{prefix}:scheduler:scheduled_jobs"
        self.registered_key = f"{prefix}:bull:scheduler:registered"
        self.queues: Mapping[str, Queue] = {queue.name: queue for queue in queues}
        self._bell = Bell()
        self._wait = MarkerWait(connection, *(queue.store.keys.due_marker for queue in queues))
        self._stopping = False
        self._heartbeat_due = 0.0
        self._mending_due = 0.0

    # What rq-scheduler's users call

    def enqueue_at(
        self,
        scheduled_time: datetime,
        name: str,
        data: Any = None,
        *,
        queue_name: str | None = None,
        **options: Any,
    ) -> Job | None:
        """Add a delayed job. A naive time is UTC, as in rq-scheduler; one that has passed runs at once."""
        moment = scheduled_time.astimezone() if scheduled_time.tzinfo else _as_utc(scheduled_time)
        queue = self.queues[queue_name or self.queue_name]
        delay = round(moment.timestamp() * 1000) - queue.store.server_ms()
        return queue.add(name, data, delay=max(0, delay), **options)

    def enqueue_in(
        self,
        time_delta: timedelta,
        name: str,
        data: Any = None,
        *,
        queue_name: str | None = None,
        **options: Any,
    ) -> Job | None:
        """Add a job that is due after ``time_delta``."""
        delay = round(time_delta.total_seconds() * 1000)
        return self.queues[queue_name or self.queue_name].add(name, data, delay=max(0, delay), **options)

    def cron(
        self,
        cron_string: str,
        name: str,
        data: Any = None,
        *,
        queue_name: str | None = None,
        tz: str | None = None,
        repeat: int | None = None,
        **options: Any,
    ) -> Job | None:
        """Register a repeatable job in Bull's cron dialect; ``repeat`` limits its runs."""
        when = {"cron": cron_string, "tz": tz, "limit": repeat}
        return self.queues[queue_name or self.queue_name].add(name, data, repeat=when, **options)

    def schedule(
        self,
        scheduled_time: datetime,
        name: str,
        data: Any = None,
        *,
        interval: float | None = None,
        repeat: int | None = None,
        queue_name: str | None = None,
        **options: Any,
    ) -> Job | None:
        """A delayed job, or with ``interval`` (s) a repeatable one on Bull's grid of that period."""
        if interval is None:
            return self.enqueue_at(scheduled_time, name, data, queue_name=queue_name, **options)
        when = {"every": round(interval * 1000), "limit": repeat}
        return self.queues[queue_name or self.queue_name].add(name, data, repeat=when, **options)

    def cancel(self, job: Job) -> None:
        """Remove a job, wherever it is."""
        job.remove()

    def __contains__(self, job: Job) -> bool:
        return job.is_delayed()

    def count(self, until: Any = None) -> int:
        """Delayed jobs of all queues."""
        return sum(queue.get_delayed_count() for queue in self.queues.values())

    def get_jobs(self, *_: Any, **__: Any) -> Iterable[Job]:
        """Delayed jobs, queue by queue, soonest first."""
        for queue in self.queues.values():
            yield from queue.get_delayed()

    def change_execution_time(self, job: Job, date_time: datetime) -> None:
        raise NotImplementedError(
            "A delayed job cannot be moved to another time: remove it and add it again."
        )

    # The table of repeatables

    def register(self, table: Iterable[Repeatable]) -> None:
        """Add every entry (idempotent), and remove what an earlier table of this scheduler registered and
        this one does not name; nobody else's repeatables are touched."""
        wanted = set()
        for entry in table:
            queue = self.queues[entry.queue]
            wanted.add(json.dumps([queue.name, repeat_key(entry.name, Repeat.of(entry.repeat))]))
            job = queue.add(entry.name, entry.data, repeat=entry.repeat)
            next_run = _when(job.opts.prev_millis if job else None)
            log.info("Repeatable %s of %s: next run at %s", entry.name, queue.name, next_run)
        known = {member.decode() for member in self.connection.smembers(self.registered_key)}
        for member in known - wanted:
            queue_name, key = json.loads(member)
            if queue_name in self.queues:
                self.queues[queue_name].remove_repeatable_by_key(key)
                self.connection.srem(self.registered_key, member)
                log.info("Repeatable %s of %s has left the table; removed.", key, queue_name)
        if wanted:
            self.connection.sadd(self.registered_key, *wanted)

    # The loop

    def run(self, burst: bool = False, table: Iterable[Repeatable] | None = None) -> None:
        """Until SIGINT or SIGTERM; ``burst``: move what is due now, and end. ``table``, if given, is
        registered first (see `register`: an empty one removes what an earlier one has registered).

        A Redis that does not answer, also at the start, is waited for.
        """
        harden()
        self._install_signal_handlers()
        log.info("Scheduler %s: serving %s", self.name, ", ".join(self.queues))
        pause_s, registered = 0.1, False
        while not self._stopping:
            try:
                if table is not None and not registered:
                    self.register(table)
                    registered = True
                next_due_s = self.enqueue_jobs()
                pause_s = 0.1
                if burst:
                    break
                self._sleep(next_due_s)
            except Exception as error:
                # Whatever it is, the other queues' delayed jobs must go on becoming due.
                log.warning("Scheduler: %s; trying again in %.1f s.", error or type(error).__name__, pause_s)
                self._wait.drop()
                time.sleep(pause_s)
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
        log.info("Scheduler %s: done", self.name)
        self._wait.drop()
        self._sign_off()

    def _sign_off(self) -> None:
        try:
            self.register_death()
        except (RedisError, OSError) as error:
            log.warning("Scheduler: could not sign off: %s", error)  # its record expires by itself

    def enqueue_jobs(self) -> float:
        """One look at every queue; seconds until the next job is due, or until the next look."""
        now = time.monotonic()
        soonest = LOOK_EVERY_S
        for queue in self.queues.values():
            server_ms, due_ms, _ = adding.move_due(queue.store)
            if due_ms is not None:
                soonest = min(soonest, max(0, due_ms - server_ms) / 1000)
        if now >= self._mending_due:
            self._mending_due = (
                now + min(queue.settings.guard_interval for queue in self.queues.values()) / 1000
            )
            for queue in self.queues.values():
                queue.mend_repeatables()
        if now >= self._heartbeat_due:
            self._heartbeat_due = now + HEARTBEAT_EVERY_S / 2
            self.heartbeat()
        return soonest

    def heartbeat(self) -> None:
        """Keep this scheduler's record alive; write it anew if it has expired."""
        if not self.connection.exists(self.key):
            self.register_birth()
        super().heartbeat()

    def stop(self, signum: int | None = None, frame: FrameType | None = None) -> None:
        """End `run` after the call under way."""
        self._stopping = True
        self._bell.ring()

    def _install_signal_handlers(self) -> None:
        signal.signal(signal.SIGINT, self.stop)
        signal.signal(signal.SIGTERM, self.stop)

    def _sleep(self, next_due_s: float) -> None:
        if not self._wait.is_pending:
            self._wait.begin(LOOK_EVERY_S)
        rung, answered = sleep(self._bell, self._wait, next_due_s)
        if rung:
            self._bell.silence()
        if answered:
            self._wait.take()


def _as_utc(naive: datetime) -> datetime:
    return datetime.fromisoformat(naive.isoformat() + "+00:00")


def _when(ms: int | None) -> str:
    return "?" if ms is None else datetime.fromtimestamp(ms / 1000).astimezone().isoformat(timespec="seconds")
