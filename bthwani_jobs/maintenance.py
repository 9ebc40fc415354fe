"""Commands on many jobs at once: Bull's ``empty``, ``clean``, ``obliterate``, ``removeJobs``,
``retryJobs``."""

from __future__ import annotations

from redis.exceptions import RedisError

from .core.glob import glob, literal_head
from .core.ids import job_id_of, queue_of, shown_id
from .core.numbers import MAX_MS, whole_number
from .errors import ActiveJobs, InvalidInput, MissingGrace, NotPaused, UncleanableType
from .queue_handle import QueueHandle
from .store import admin, maintaining

#: What can be cleaned, under Bull's names: here it is ``wait``, not ``waiting``.
CLEANABLE = ("completed", "wait", "active", "paused", "delayed", "failed")


class QueueMaintenance(QueueHandle):
    """Each works in batches of at most 1,000 jobs; jobs that arrive meanwhile may or may not be met."""

    def empty(self) -> None:
        """Delete all waiting, paused and delayed jobs with their logs (Q-03). No events.

        Running, completed and failed jobs and the repeatables stay, and a paused queue stays paused (Q-02);
        the next occurrence of a repeatable comes back within ``guard_interval`` (Q-41).
        """
        maintaining.empty(self.store)

    def clean(self, grace: int | None = None, type: str = "completed", limit: int = 0) -> list[str]:
        """Delete the jobs of one state that are strictly older than ``grace`` ms; the ids of those deleted.

        ``type``: completed, wait, active, paused, delayed or failed. A job's age counts from the first it has
        of: finished, started, added; a grace of 0 means all that exist. ``limit``: at most so many, those
        next to run, due or finished first; 0 for all. Locked jobs stay. Emits ``cleaned(ids, type)`` once,
        also for none (S-197). Raises MissingGrace and UncleanableType.
        """
        if grace is None:
            raise MissingGrace()
        if type not in CLEANABLE:
            raise UncleanableType(type)
        grace_ms = whole_number(grace, "grace", 0, MAX_MS)
        limit = whole_number(limit, "limit", 0)
        try:
            ids = [shown_id(rq_id) for rq_id in maintaining.clean(self.store, type, grace_ms, limit)]
        except RedisError as error:
            self.emit("error", error)
            raise
        self.emit("cleaned", ids, type)
        return ids

    def obliterate(self, force: bool = False, count: int = 1000) -> None:
        """Delete the queue with all its jobs, repeatables and counters: the next id is "1" (S-230).

        It is paused first, and stays so if this is refused: ActiveJobs is raised while jobs run, unless
        ``force``; NotPaused if somebody has resumed it meanwhile. With ``force`` running handlers go on, but
        their outcome is dropped. ``count``: how many jobs are deleted in one step.
        """
        count = whole_number(count, "count", 1)
        admin.pause(self.store)
        self.emit("paused")
        code = maintaining.obliterate(self.store, force, count)
        if code == -1:
            raise NotPaused()
        if code == -2:
            raise ActiveJobs()

    def remove_jobs(self, pattern: str) -> None:
        """Delete the jobs whose id matches a pattern of Redis (``*``, ``?``, ``[a-z]``), in whatever state,
        except locked ones (S-219, Q-34). Emits ``removed(id)`` for each."""
        if not isinstance(pattern, str) or not pattern:
            raise InvalidInput(f'remove_jobs takes a pattern such as "order-*", found {pattern!r:.80}.')
        compiled = glob(pattern)

        def matches(rq_id: str) -> bool:
            try:
                return queue_of(rq_id) == self.name and compiled.fullmatch(job_id_of(rq_id)) is not None
            except ValueError:
                return False  # planted by hand; no id of ours

        found = maintaining.find_jobs(self.store, literal_head(pattern), matches)
        for rq_id in maintaining.remove_jobs(self.store, found):
            self.emit("removed", job_id_of(rq_id))

    def retry_jobs(self, count: int = 1000) -> None:
        """Run all failed jobs once more, in the order of their failures; prioritised ones take their place
        (Q-11).

        Attempts made stay as they are, ``lifo`` is ignored and nothing is announced, as in Bull (S-080,
        S-081). Locked jobs stay failed. ``count``: how many are moved in one step.
        """
        maintaining.retry_jobs(self.store, whole_number(count, "count", 1))
