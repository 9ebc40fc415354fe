"""The texts of appendix A, and the shape of the tree."""

from __future__ import annotations

import copy
import inspect
import pickle

import pytest

from bthwani_jobs import errors
from bthwani_jobs.errors import BthwaniJobsError, NotRetriable

TEXTS: list[tuple[BthwaniJobsError, str]] = [
    (errors.MissingKey("7", "updateData"), "Missing key for job 7 updateData"),
    (errors.LockMissing("7", "finished"), "Missing lock for job 7 finished"),
    (errors.LockMismatch("7", "retry"), "Lock mismatch for job 7. Cmd retry from active"),
    (errors.NotActive("7", "failed"), "Job 7 is not in the active state. failed"),
    (errors.JobLocked("7"), "Could not remove job 7"),
    (errors.LockNotHeld("7"), "Could not release lock for job 7"),
    (errors.NotDelayed("7"), "Job 7 is not in a delayed state"),
    (NotRetriable("7", NotRetriable.MISSING), "Couldn't retry job: The job doesn't exist"),
    (NotRetriable("7", NotRetriable.LOCKED), "Couldn't retry job: The job is locked"),
    (
        NotRetriable("7", NotRetriable.NOT_FAILED),
        "Couldn't retry job: The job has been already retried or has not failed",
    ),
    (errors.JobFailed("7", "boom"), "boom"),
    (errors.ClosingQueue("7"), "cannot check if job is finished in a closing queue."),
    (errors.MissingHandler("b"), "Missing process handler for job type b"),
    (errors.HandlerTimeout(100), "Promise timed out after 100 milliseconds"),
    (errors.StalledTooOften(), "job stalled more than allowable limit"),
    (errors.DuplicateHandler("a"), "Cannot define the same handler twice a"),
    (errors.MissingHandlerFunction(), "Cannot set an undefined handler"),
    (errors.InvalidConcurrency(), "Cannot set Float as concurrency"),
    (errors.QueueClosed(), "Connection is closed."),
]


@pytest.mark.parametrize(("error", "text"), TEXTS, ids=[text for _, text in TEXTS])
def test_texts_are_bulls(error: BthwaniJobsError, text: str) -> None:
    assert str(error) == text


@pytest.mark.parametrize("error", [error for error, _ in TEXTS] + [errors.DataTooLarge("n", 12, 10)])
def test_errors_survive_copying_and_pickling(error: BthwaniJobsError) -> None:
    for twin in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert (type(twin), str(twin), vars(twin)) == (type(error), str(error), vars(error))


def test_all_errors_have_one_root() -> None:
    kinds = [
        kind for _, kind in inspect.getmembers(errors, inspect.isclass) if kind.__module__ == errors.__name__
    ]
    assert len(kinds) > 30
    assert all(issubclass(kind, BthwaniJobsError) for kind in kinds)


def test_kinds_that_python_has_a_name_for() -> None:
    assert isinstance(errors.HandlerTimeout(1), TimeoutError)
    assert issubclass(errors.InvalidInput, ValueError)
    assert issubclass(errors.UnknownOption, TypeError)


def test_a_job_error_says_which_job() -> None:
    assert errors.MissingKey("7", "addLog").job_id == "7"


def test_an_unanswered_add_advises_an_id() -> None:
    assert "Give the job a job_id" in str(errors.OutcomeUnknown())
