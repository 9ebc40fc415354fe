"""``Job``: one job as its user holds it, and the commands on it. Mirrors Bull's ``Job``."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from .core.ids import rq_id, shown_id
from .core.numbers import MAX_TIMESTAMP, whole_number
from .core.options import JobOptions, QueueSettings
from .core.payload import decode_json, encode_data
from .core.states import JobState
from .core.timestamps import iso_of, ms_of
from .core.wire import bull_options, options_of
from .errors import (
    InvalidInput,
    JobError,
    JobLocked,
    LockedToDelay,
    LockMismatch,
    LockMissing,
    LockNotHeld,
    MissingKey,
    MissingToDelay,
    MovedByHand,
    NotActive,
    NotDelayed,
    NotRetriable,
    UnreadableJob,
)
from .finished import Outcome, OutcomeQueue
from .outcomes import completed, failed
from .store import adding, admin, reading
from .store.claiming import FinishedRun, finish_job

_NOTHING: Any = object()

Raw = Mapping[str, bytes | str]
Failure = BaseException | str | Mapping[str, Any]
EndError = Callable[[str, str], JobError]

#: Bull's names of the commands in its error texts.
_FAILURE_COMMANDS = {"fail": "failed", "retry": "retry", "delay": "delayed"}
_END_ERRORS: Mapping[str, EndError] = {
    "missing_key": MissingKey,
    "missing_lock": LockMissing,
    "mismatch": LockMismatch,
    "not_active": NotActive,
}
_DELAY_ERRORS: Mapping[str, EndError] = {
    **_END_ERRORS,
    "missing_key": lambda job_id, _: MissingToDelay(job_id),
    "missing_lock": lambda job_id, _: LockedToDelay(job_id),
}


class JobQueue(OutcomeQueue, Protocol):
    """What a job needs of the queue it belongs to."""

    name: str
    token: str
    settings: QueueSettings

    def emit(self, event: str, *args: Any) -> None: ...


class Job:
    """A job of a queue. Fields are what was stored when this object was loaded; commands act on Redis at
    once."""

    __slots__ = (
        "_data",
        "_discarded",
        "_failed_reason",
        "_id",
        "_name",
        "_opts",
        "_progress",
        "_raw",
        "_returnvalue",
        "_stacktrace",
        "_timestamp",
        "attempts_made",
        "queue",
        "rq_id",
        "token",
    )

    def __init__(self, queue: JobQueue, rq_id: str, raw: Raw) -> None:
        self.queue = queue
        self.rq_id = rq_id
        #: failed attempts so far
        self.attempts_made = _whole(raw.get("am"))
        #: of the run this object stands for, if a worker made it
        self.token: str | None = None
        self._raw = raw
        self._name: str | None = None
        self._id: str | None = None
        self._data: Any = _NOTHING
        self._opts: JobOptions | None = None
        self._progress: Any = _NOTHING
        self._returnvalue: Any = _NOTHING
        self._failed_reason: Any = _NOTHING
        self._stacktrace: list[str] | None = None
        self._timestamp: int | None = None
        self._discarded = False

    @classmethod
    def added(cls, queue: JobQueue, added: adding.Added, new: adding.NewJob, opts: JobOptions) -> Job:
        """The job that was just stored, without reading it back."""
        raw: dict[str, bytes | str] = {"d": new.data, "description": new.name}
        if new.delay:
            raw["delay"] = str(new.delay)
        if new.priority:
            raw["priority"] = str(new.priority)
        job = cls(queue, added.rq_id, raw)
        job._opts = opts
        job._timestamp = added.now_ms if new.timestamp is None else new.timestamp
        return job

    def __repr__(self) -> str:
        return f"<Job {self.id} {self.name!r} of {self.queue.name!r}>"

    # Fields

    @property
    def id(self) -> str:
        """Bull's id: text, unique within the queue."""
        if self._id is None:
            self._id = shown_id(self.rq_id)  # what is not one of ours a worker refuses, see check_readable
        return self._id

    @property
    def name(self) -> str:
        if self._name is None:
            self._name = self._text("description") or ""
        return self._name

    @property
    def data(self) -> Any:
        """The payload; its JSON text where the option prevent_parsing_data is set."""
        if self._data is _NOTHING:
            text = self._raw["d"]
            self._data = _to_text(text) if self.opts.prevent_parsing_data else decode_json(text)
        return self._data

    @data.setter
    def data(self, value: Any) -> None:
        self._data = value

    @property
    def opts(self) -> JobOptions:
        """The options as normalised when the job was added; frozen."""
        if self._opts is None:
            self._opts = options_of(self._text("o") or "", self.id)
        return self._opts

    @property
    def timestamp(self) -> int:
        """When the job was added (or what the option timestamp said), ms."""
        if self._timestamp is None:
            custom = self._raw.get("ts")
            self._timestamp = int(custom) if custom else self._ms("created_at") or 0
        return self._timestamp

    @property
    def delay(self) -> int:
        """The requested delay in ms; 0 once due or promoted."""
        return _whole(self._raw.get("delay"))

    @property
    def priority(self) -> int:
        return _whole(self._raw.get("priority"))

    @property
    def processed_on(self) -> int | None:
        """Start of the latest run, ms."""
        return self._ms("started_at")

    @property
    def finished_on(self) -> int | None:
        """When the job completed or finally failed, ms; None before, and while it waits for a retry."""
        return self._ms("ended_at")

    @property
    def retried_on(self) -> int | None:
        """When `retry` was last called, ms."""
        value = self._raw.get("rt")
        return int(value) if value else None

    @property
    def failed_reason(self) -> str | None:
        """Message of the latest failure; kept after a later success."""
        if self._failed_reason is _NOTHING:
            self._failed_reason = self._text("fr")
        return self._failed_reason

    @property
    def stacktrace(self) -> list[str]:
        """One traceback for each failed attempt, oldest first."""
        if self._stacktrace is None:
            text = self._raw.get("st")
            self._stacktrace = decode_json(text) if text else []
        return self._stacktrace

    @property
    def returnvalue(self) -> Any:
        if self._returnvalue is _NOTHING:
            text = self._raw.get("rv")
            self._returnvalue = decode_json(text) if text else None
        return self._returnvalue

    @property
    def is_discarded(self) -> bool:
        return self._discarded

    # Commands that leave the job where it is

    def progress(self, value: Any = _NOTHING) -> Any:
        """Without a value: the progress as this object knows it. With one: store and announce it (Q-76).

        Raises MissingKey if the job is gone.
        """
        if value is _NOTHING:
            if self._progress is _NOTHING:
                text = self._raw.get("pg")
                self._progress = decode_json(text) if text else 0
            return self._progress
        text = (
            json.dumps(None)
            if value is None
            else encode_data(value, self.queue.settings.max_data_bytes, self.name, "progress")
        )
        if not admin.write_progress(self.queue.store, self.rq_id, text):
            raise MissingKey(self.id, "updateProgress")
        self._progress = value
        self.queue.emit("progress", self, value)
        return None

    def log(self, row: object) -> int:
        """Append a row of text to the job's log; the number of rows. Raises MissingKey if the job is gone."""
        rows = admin.add_log(self.queue.store, self.rq_id, str(row))
        if not rows:
            raise MissingKey(self.id, "addLog")
        return rows

    def update(self, data: Any) -> None:
        """Replace the payload, in any state (S-244). Raises MissingKey if the job is gone."""
        text = encode_data(data, self.queue.settings.max_data_bytes, self.name)
        if not admin.write_data(self.queue.store, self.rq_id, text):
            raise MissingKey(self.id, "updateData")
        self._data = {} if data is None else data

    def discard(self) -> None:
        """The next failure of this run is final. Only on this object, as in Bull (S-074)."""
        self._discarded = True

    # State

    def get_state(self) -> str:
        """completed, failed, delayed, active, waiting, paused, or stuck for a job that is nowhere."""
        return reading.get_state(self.queue.store, self.rq_id).value

    def is_completed(self) -> bool:
        return self.get_state() == JobState.COMPLETED

    def is_failed(self) -> bool:
        return self.get_state() == JobState.FAILED

    def is_delayed(self) -> bool:
        return self.get_state() == JobState.DELAYED

    def is_active(self) -> bool:
        return self.get_state() == JobState.ACTIVE

    def is_waiting(self) -> bool:
        return self.get_state() == JobState.WAITING

    def is_paused(self) -> bool:
        return self.get_state() == JobState.PAUSED

    def is_stuck(self) -> bool:
        return self.get_state() == JobState.STUCK

    # Transitions

    def remove(self) -> None:
        """Delete the job with its logs, wherever it is; nothing if it is gone (Q-35). Raises JobLocked
        while it runs."""
        code = admin.remove_job(self.queue.store, self.rq_id)
        if code < 0:
            raise JobLocked(self.id)
        if code:
            self.queue.emit("removed", self)

    def retry(self) -> None:
        """Run a failed job once more; attempts made stay as they are (Q-13). Raises NotRetriable."""
        code, now_ms = admin.retry_job(self.queue.store, self.rq_id, self.opts.lifo)
        if code != 1:
            reasons = {0: NotRetriable.NOT_FAILED, -1: NotRetriable.MISSING, -2: NotRetriable.LOCKED}
            raise NotRetriable(self.id, reasons[code])
        cleared = {"fr", "started_at", "ended_at"}
        kept = {field: value for field, value in self._raw.items() if field not in cleared}
        self._raw = {**kept, "rt": str(now_ms)}
        self._failed_reason = None
        self.queue.emit("waiting", self.id, None)

    def promote(self) -> None:
        """A delayed job becomes waiting now. Raises NotDelayed."""
        if not adding.promote(self.queue.store, self.rq_id):
            raise NotDelayed(self.id)
        self._raw = {field: value for field, value in self._raw.items() if field != "delay"}
        self.queue.emit("waiting", self.id, None)

    # Locks

    def lock_key(self) -> str:
        """The key that `take_lock` uses; a running job's lock is its lease instead."""
        return f"{self.queue.store.keys.prefix}:bull:{self.queue.name}:lock:{self.rq_id}"

    def take_lock(self) -> int | bool:
        """1, or False if the job is locked, also by this very queue object (S-165)."""
        duration = self.queue.settings.lock_duration
        return 1 if admin.take_lock(self.queue.store, self.rq_id, self.queue.token, duration) else False

    def release_lock(self) -> None:
        """Raises LockNotHeld unless this object's run, or its queue object, holds the lock."""
        if not admin.release_lock(self.queue.store, self.rq_id, self.token or self.queue.token):
            raise LockNotHeld(self.id)

    def extend_lock(self, duration: int) -> int:
        """1 if the lock is still held and now ends ``duration`` ms from now, else 0."""
        if isinstance(duration, bool) or not isinstance(duration, int) or duration <= 0:
            raise InvalidInput(f"extend_lock takes a positive number of milliseconds, found {duration!r}.")
        return int(admin.extend_lock(self.queue.store, self.rq_id, self.token or self.queue.token, duration))

    # Finishing by hand

    def move_to_completed(self, value: Any = None, ignore_lock: bool = False) -> None:
        """Finish a running job that `Queue.get_next_job` has given: ``value`` is its result. Fetches no
        other job.

        The lock must be this object's or its queue object's, unless ``ignore_lock``, which takes the lock
        away from whoever holds it (Q-49). Raises MissingKey, LockMissing, LockMismatch or NotActive, and
        changes nothing then (Q-15); UnserialisableResult for what is not JSON.
        """
        now_ms = self._end(completed(self, self.token or "", value), ignore_lock, "finished")
        self.note_finish(iso_of(now_ms), value)

    def move_to_failed(self, error: Failure, ignore_lock: bool = False) -> None:
        """A failed attempt of a running job: retried, delayed or failed for good, as if its handler had
        raised. Always None (Q-51).

        ``error``: an exception, its message, or Bull's ``{"message": …}``. Locks and errors as for
        `move_to_completed`.
        """
        strategies = self.queue.settings.backoff_strategies
        outcome, traces = failed(self, self.token or "", _exception(error), strategies)
        now_ms = self._end(outcome, ignore_lock, _FAILURE_COMMANDS[outcome.kind])
        self.note_failure(outcome.attempts_made, outcome.text, traces)
        if outcome.kind == "fail":
            self.note_finish(iso_of(now_ms))

    def move_to_delayed(self, timestamp: int, ignore_lock: bool = False) -> None:
        """Put a running job off until ``timestamp`` (ms); no attempt is counted.

        Raises MissingToDelay, LockedToDelay, LockMismatch or NotActive (Q-50), and changes nothing then.
        """
        due_ms = whole_number(timestamp, "timestamp", 0, MAX_TIMESTAMP)
        postponed = FinishedRun(self.rq_id, self.token or "", "postpone", delay_ms=due_ms)
        self._end(postponed, ignore_lock, "delayed", _DELAY_ERRORS)

    def _end(
        self,
        outcome: FinishedRun,
        ignore_lock: bool,
        command: str,
        errors: Mapping[str, EndError] | None = None,
    ) -> int:
        """Write it; the server's ms. Raises what the lock or the state forbids."""
        code, now_ms = finish_job(self.queue.store, outcome, self.queue.token, ignore_lock)
        if code != "ok":
            raise (errors or _END_ERRORS)[code](self.id, command)
        return now_ms

    # Outcome

    def finished(self, timeout: float | None = None) -> Any:
        """Wait for the final outcome: the result, or JobFailed with its failed_reason (S-094, S-095).

        ``timeout`` in ms (TimeoutError). Raises FinishedUnknown for a job that is gone (Q-27) and
        ClosingQueue when the queue is closed meanwhile.
        """
        return Outcome(self.queue, self.rq_id).wait(None if timeout is None else timeout / 1000)

    def check_readable(self) -> None:
        """For the worker: raises UnreadableJob, naming the field, if something stored is not what this
        library wrote."""
        if rq_id(self.queue.name, self.id) != self.rq_id:
            raise UnreadableJob(f"Job {self.rq_id} is not a job of the queue {self.queue.name}.")
        for field in ("am", "priority", "delay", "ts"):
            if _whole(self._raw.get(field), -1) < 0:
                raise UnreadableJob(
                    f"Job {self.rq_id}: field {field} is not a number: {self._raw[field]!r:.80}."
                )
        try:
            self.opts, self.data, self.timestamp, self.progress()
            if not isinstance(self.stacktrace, list):
                raise ValueError("the stack traces are not a list")
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise UnreadableJob(f"Job {self.rq_id} cannot be read: {error}.") from error

    def note_failure(self, attempts_made: int, reason: str, traces: list[str]) -> None:
        """What its failed attempt stores, so that listeners see it on this object."""
        self.attempts_made = attempts_made
        self._failed_reason = reason
        self._stacktrace = traces

    def note_finish(self, now_iso: str, returnvalue: Any = None) -> None:
        """What finishing has stored."""
        self._raw = {**self._raw, "ended_at": now_iso}
        self._returnvalue = returnvalue

    def to_json(self) -> dict[str, Any]:
        """Bull's ``toJSON``: camelCase names, None for what is absent."""
        return {
            "id": self.id,
            "name": self.name,
            "data": self.data,
            "opts": bull_options(self.opts),
            "progress": self.progress(),
            "delay": self.delay,
            "timestamp": self.timestamp,
            "attemptsMade": self.attempts_made,
            "failedReason": self.failed_reason,
            "stacktrace": self.stacktrace,
            "returnvalue": self.returnvalue,
            "debounceId": None,
            "finishedOn": self.finished_on,
            "processedOn": self.processed_on,
        }

    def _text(self, field: str) -> str | None:
        value = self._raw.get(field)
        return None if value is None else _to_text(value)

    def _ms(self, field: str) -> int | None:
        text = self._text(field)
        return ms_of(text) if text else None


def _exception(error: Failure) -> BaseException:
    if isinstance(error, BaseException):
        return error
    message = error.get("message") if isinstance(error, Mapping) else error
    return MovedByHand("Unknown reason" if message is None else str(message))


def _whole(value: bytes | str | None, fallback: int = 0) -> int:
    try:
        return int(value or 0)
    except ValueError:
        return fallback


def _to_text(value: bytes | str) -> str:
    return value if isinstance(value, str) else value.decode(errors="replace")
