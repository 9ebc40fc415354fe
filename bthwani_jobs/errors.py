"""Every error the library raises: one tree, one sentence each.

Where Bull has a text for the situation, the text is Bull's own, so that people who search for it find it.
"""

from __future__ import annotations


class BthwaniJobsError(Exception):
    """The root: catching it catches everything this library raises by itself."""

    def __reduce__(self) -> tuple[object, ...]:
        # Most subclasses build their message from facts; copying or unpickling one must not build it twice.
        return _rebuilt, (type(self), self.args, self.__dict__)


# What a caller passed cannot be used. Raised before anything is written.


class InvalidInput(BthwaniJobsError, ValueError):
    """A name, an option or data that cannot be used; nothing has been written."""


class InvalidOption(InvalidInput):
    """An option has a value outside its range."""


class InvalidOptionType(InvalidOption, TypeError):
    """An option has a value of the wrong kind, such as a text where a number belongs."""


class UnknownOption(InvalidInput, TypeError):
    """No option has this name; the message suggests the nearest one."""


class InvalidSetting(InvalidInput, TypeError):
    """A setting of a queue or processor cannot be used."""


class InvalidRepeat(InvalidInput):
    """A ``repeat`` option that names no time, or an impossible one."""


class UnknownBackoffStrategy(InvalidInput):
    def __init__(self, strategy: str) -> None:
        super().__init__(
            f"Unknown backoff strategy {strategy}. "
            "If a custom backoff strategy is used, specify it when the queue is created."
        )
        self.strategy = strategy


class InvalidData(InvalidInput, TypeError):
    """The data of a job is not JSON; the message names the path of what is not."""


class DataTooLarge(InvalidInput):
    def __init__(self, job_name: str, size: int, limit: int) -> None:
        super().__init__(
            f'The data of job "{job_name}" takes {size} bytes as JSON, more than the {limit} allowed. '
            "Store it elsewhere and pass its key, or raise the setting max_data_bytes."
        )
        self.size = size
        self.limit = limit


class InvalidJobId(InvalidInput):
    """A ``job_id`` that is not usable text."""


class InvalidJobName(InvalidInput):
    """A job name that is not usable text."""


class InvalidQueueName(InvalidInput):
    """A queue name that is not usable text."""


class MissingGrace(InvalidInput):
    def __init__(self) -> None:
        super().__init__("You must define a grace period.")


class UncleanableType(InvalidInput):
    def __init__(self, type: object) -> None:
        super().__init__(f"Cannot clean unknown queue type {type}")


# A command met a queue in a state that does not allow it.


class QueueError(BthwaniJobsError):
    """A command could not be carried out on a queue."""


class NotPaused(QueueError):
    """Somebody resumed the queue while it was obliterated."""

    def __init__(self) -> None:
        super().__init__("Cannot obliterate non-paused queue")


class ActiveJobs(QueueError):
    def __init__(self) -> None:
        super().__init__("Cannot obliterate queue with active jobs")


# A command met a job in a state that does not allow it.


class JobError(BthwaniJobsError):
    """A command could not be carried out on one job: ``error.job_id`` says which."""

    def __init__(self, message: str, job_id: str) -> None:
        super().__init__(message)
        self.job_id = job_id


class MissingKey(JobError):
    """The job does not exist (any more)."""

    def __init__(self, job_id: str, command: str) -> None:
        super().__init__(f"Missing key for job {job_id} {command}", job_id)


class LockMissing(JobError):
    """The lease of the job had ended before its outcome arrived; the outcome was not stored."""

    def __init__(self, job_id: str, command: str) -> None:
        super().__init__(f"Missing lock for job {job_id} {command}", job_id)


class LockMismatch(JobError):
    """Another run holds the lock of the job; the outcome of this one was not stored."""

    def __init__(self, job_id: str, command: str) -> None:
        super().__init__(f"Lock mismatch for job {job_id}. Cmd {command} from active", job_id)


class NotActive(JobError):
    def __init__(self, job_id: str, command: str) -> None:
        super().__init__(f"Job {job_id} is not in the active state. {command}", job_id)


class MissingToDelay(MissingKey):
    def __init__(self, job_id: str) -> None:
        text = f"Missing Job {job_id} when trying to move from active to delayed"
        JobError.__init__(self, text, job_id)


class LockedToDelay(LockMissing):
    """The caller of ``Job.move_to_delayed`` does not hold the job's lock; the text is Bull's."""

    def __init__(self, job_id: str) -> None:
        text = f"Job {job_id} was locked when trying to move from active to delayed"
        JobError.__init__(self, text, job_id)


class JobLocked(JobError):
    """A running job was to be removed."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"Could not remove job {job_id}", job_id)


class LockNotHeld(JobError):
    def __init__(self, job_id: str) -> None:
        super().__init__(f"Could not release lock for job {job_id}", job_id)


class NotDelayed(JobError):
    def __init__(self, job_id: str) -> None:
        super().__init__(f"Job {job_id} is not in a delayed state", job_id)


class NotRetriable(JobError):
    """``Job.retry`` was refused, and nothing was changed; ``reason`` is one of the three below."""

    MISSING = "The job doesn't exist"
    LOCKED = "The job is locked"
    NOT_FAILED = "The job has been already retried or has not failed"

    def __init__(self, job_id: str, reason: str) -> None:
        super().__init__(f"Couldn't retry job: {reason}", job_id)
        self.reason = reason


class JobFailed(JobError):
    """Raised by ``Job.finished`` for a job that failed for good; the message is its ``failed_reason``."""

    def __init__(self, job_id: str, failed_reason: str) -> None:
        super().__init__(failed_reason, job_id)


class FinishedUnknown(JobError):
    """``Job.finished`` cannot know the outcome: the job is gone (Q-27)."""

    def __init__(self, job_id: str) -> None:
        super().__init__(
            f"Job {job_id} does not exist, so its outcome cannot be known: it was removed, or "
            "remove_on_complete or remove_on_fail removed it before finished() was called.",
            job_id,
        )


class ClosingQueue(JobError):
    def __init__(self, job_id: str) -> None:
        super().__init__("cannot check if job is finished in a closing queue.", job_id)


# A run of a handler failed for a reason of ours: a failed attempt like any other.


class HandlerError(BthwaniJobsError):
    """A run failed for a reason that is not the handler's own exception."""


class MissingHandler(HandlerError):
    def __init__(self, job_name: str) -> None:
        super().__init__(f"Missing process handler for job type {job_name}")


class HandlerTimeout(HandlerError, TimeoutError):
    def __init__(self, timeout_ms: int) -> None:
        super().__init__(f"Promise timed out after {timeout_ms} milliseconds")


class UnserialisableResult(HandlerError, TypeError):
    """The value a handler returned is not JSON."""


class MovedByHand(HandlerError):
    """The reason given to ``Job.move_to_failed`` as text."""


class StalledTooOften(HandlerError):
    def __init__(self) -> None:
        super().__init__("job stalled more than allowable limit")


class UnreadableJob(HandlerError):
    """A stored job has a field that cannot be read; it is set aside as failed."""


# A handler cannot be registered.


class RegistrationError(BthwaniJobsError):
    """A mistake in the declaration of handlers, found when they are declared or bound."""


class DuplicateHandler(RegistrationError):
    def __init__(self, job_name: str) -> None:
        super().__init__(f"Cannot define the same handler twice {job_name}")


class MissingHandlerFunction(RegistrationError, TypeError):
    def __init__(self) -> None:
        super().__init__("Cannot set an undefined handler")


class InvalidConcurrency(RegistrationError, TypeError):
    def __init__(self) -> None:
        super().__init__("Cannot set Float as concurrency")


# Everything else.


class QueueClosed(BthwaniJobsError):
    def __init__(self) -> None:
        super().__init__("Connection is closed.")


class OutcomeUnknown(BthwaniJobsError):
    def __init__(self, command: str = "add") -> None:
        super().__init__(
            f"Redis gave no answer to {command}, so it may or may not have happened. "
            "Give the job a job_id: then it can be added again without becoming two."
        )


class ConfigurationError(BthwaniJobsError):
    """A process cannot start as it was set up; the message says what to set."""


class UnreadableOptions(BthwaniJobsError, ValueError):
    """The stored options of a job are not what this release writes: damaged, or of a newer release."""


def _rebuilt(
    kind: type[BthwaniJobsError], args: tuple[object, ...], attributes: dict[str, object]
) -> BthwaniJobsError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(attributes)
    return error
