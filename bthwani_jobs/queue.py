"""``Queue``: what producers hold. Assembled from queries, maintenance and repeatables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, overload

from .core.ids import rq_id, validate_job_name
from .core.limiter import group_of
from .core.options import JobOptions
from .core.payload import encode_data
from .errors import InvalidInput
from .job import Job
from .maintenance import QueueMaintenance
from .manual import ManualJobs
from .queries import QueueQueries
from .repeatables import new_job
from .store import adding, admin, reading
from .store.adding import Added, NewJob

DEFAULT_NAME = "__default__"
_BULK_KEYS = {"name", "data", "opts"}


class Queue(QueueQueries, QueueMaintenance, ManualJobs):
    """A named queue in Redis. Two objects with the same name and server are the same queue.

    ``connection``: a ``redis.Redis``, a URL, or None for the environment's.
    """

    @overload
    def add(
        self, name: str, data: Any = None, opts: Mapping[str, Any] | None = None, /, **options: Any
    ) -> Job | None: ...
    @overload
    def add(self, data: Any, opts: Mapping[str, Any] | None = None, /, **options: Any) -> Job | None: ...
    def add(self, *args: Any, **options: Any) -> Job | None:  # type: ignore[misc]
        """Store a job: ``add(name, data, opts, **options)``; a first argument that is not text is the data.

        Everything is validated before anything is written. An id that exists answers the stored job
        (S-004). With
        ``repeat``: the job of the next occurrence, or None if limit or end_date rule it out already. Raises
        InvalidInput, and OutcomeUnknown if Redis gives no answer.
        """
        name, data, given = _arguments(args)
        opts = self._options(given, options)
        text = encode_data(data, self.settings.max_data_bytes, name)
        if opts.repeat is not None:
            return self._add_repeatable(name, text, opts, self._group(data))
        new = self._new(name, text, opts, self._group(data))
        return self._jobs_of(adding.add_jobs(self.store, [new]), [(new, opts)])[0]

    def add_bulk(self, jobs: Iterable[Mapping[str, Any]]) -> list[Job]:
        """Store many: mappings of name, data and opts; the jobs in the same order (S-018). Refuses repeat
        (Q-74).

        All are validated before the first is written; at most 1,000 are written in one step.
        """
        entries = [self._bulk_entry(index, entry) for index, entry in enumerate(jobs)]
        return self._jobs_of(adding.add_jobs(self.store, [new for new, _ in entries]), entries)

    def _bulk_entry(self, index: int, entry: Mapping[str, Any]) -> tuple[NewJob, JobOptions]:
        if not isinstance(entry, Mapping) or not _BULK_KEYS.issuperset(entry):
            raise InvalidInput(
                f"Job {index} of add_bulk: expected a mapping of name, data and opts, found {entry!r:.120}."
            )
        name = entry.get("name")
        name = validate_job_name(name) if isinstance(name, str) else DEFAULT_NAME
        opts = self._options(entry.get("opts"), {})
        if opts.repeat is not None:
            raise InvalidInput(
                f'Job {index} ("{name}") of add_bulk has a repeat option: add repeatable jobs with add().'
            )
        data = encode_data(entry.get("data"), self.settings.max_data_bytes, name)
        return self._new(name, data, opts, self._group(entry.get("data"))), opts

    def _new(self, name: str, data: str, opts: JobOptions, group: str) -> NewJob:
        return new_job("" if opts.job_id is None else rq_id(self.name, opts.job_id), name, data, opts, group)

    def _group(self, data: Any) -> str:
        limiter = self.limiter
        return group_of(data, limiter.group_key) if limiter and limiter.group_key else ""

    def _options(self, given: Mapping[str, Any] | None, keywords: Mapping[str, Any]) -> JobOptions:
        if not given and not keywords:
            return self.default_job_options
        return JobOptions.of(
            given, keywords, defaults=self.default_job_options, strategies=self.settings.backoff_strategies
        )

    def _jobs_of(self, added: list[Added], entries: list[tuple[NewJob, JobOptions]]) -> list[Job]:
        jobs = []
        for answer, (new, opts) in zip(added, entries, strict=True):
            jobs.append(
                Job.added(self, answer, new, opts) if answer.is_new else self._stored(answer, new, opts)
            )
            self._announce(jobs[-1], answer.is_new, new.delay)
        return jobs

    def _stored(self, answer: Added, new: NewJob, opts: JobOptions) -> Job:
        raw = reading.get_hash(self.store, answer.rq_id)
        # Removed in between: then what was asked for is the best description left.
        return Job.added(self, answer, new, opts) if raw is None else Job(self, answer.rq_id, raw)

    def _announce(self, job: Job, is_new: bool, delay: int) -> None:
        if not is_new:
            self.emit("duplicated", job.id)
        elif not delay and self.hears("waiting"):
            self.emit("waiting", job.id, None)

    def pause(self, is_local: bool = False, do_not_wait_active: bool = False) -> None:
        """Stop all workers from taking jobs of this queue, stock ones too; running jobs finish (contract 12).

        ``is_local``: only the workers that were given this very object, and return when the jobs they run
        have ended (S-234), or at once with ``do_not_wait_active`` (S-235). They still move due jobs. A worker
        that is started later holds back as well. The two kinds of pause know nothing of each other.
        """
        if is_local:
            self.local_pause.begin(wait=not do_not_wait_active)
        else:
            admin.pause(self.store)
        self.emit("paused")

    def resume(self, is_local: bool = False) -> None:
        """Let workers take jobs again; order is kept (S-233). ``is_local``: end the pause of this object."""
        if is_local:
            self.local_pause.end()
        else:
            admin.resume(self.store)
        self.emit("resumed")

    def is_paused(self, is_local: bool = False) -> bool:
        """Whether the queue is paused; ``is_local``: whether this object is (S-236)."""
        return self.local_pause.is_on if is_local else admin.is_paused(self.store)

    def when_current_jobs_finished(self) -> None:
        """Return when the jobs have ended that the workers of this object run now; at once without any.

        Others may have begun meanwhile (S-240, Q-70): to have none, pause locally.
        """
        self.local_pause.wait_for_current_jobs()


def _arguments(args: tuple[Any, ...]) -> tuple[str, Any, Mapping[str, Any] | None]:
    """(name, data, opts) of the two forms of `Queue.add`."""
    if not args or len(args) > 3:
        raise InvalidInput(f"add() takes a name, data and options, found {len(args)} arguments.")
    if isinstance(args[0], str):
        name, data, opts = (*args, None, None)[:3]
        return validate_job_name(name), data, opts
    if len(args) > 2:
        raise InvalidInput(
            f"add() without a name takes data and options; the name must be text, found {args[0]!r:.80}."
        )
    data, opts = (*args, None)[:2]
    return DEFAULT_NAME, data, opts
