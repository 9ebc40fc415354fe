"""Contract section 14.D: attempts and retries."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bthwani_jobs import Job, Queue
from bthwani_jobs.errors import NotRetriable
from tests.conftest import RunWorker
from tests.parity.handlers import (
    Flavour,
    Gate,
    HandlerFault,
    Heard,
    Runs,
    always_failing,
    fail_first,
    failed,
    noted,
    processor,
    stored,
)
from tests.support.timing import EARLY_MS, now_ms
from tests.support.waiting import wait_until

contract = pytest.mark.contract
AtMost = Callable[[float], float]


@contract("S-054")
def test_attempts_count_all_runs(queue: Queue, run_worker: RunWorker, runs: Runs, flavour: Flavour) -> None:
    run_worker(processor(queue, always_failing(runs, flavour)))
    job = failed(queue, queue.add("n", {}, attempts=3))
    assert [run.attempts_made for run in runs.all] == [0, 1, 2]
    assert job.attempts_made == 3
    queue.add("after", {})
    wait_until(lambda: queue.get_failed_count() == 2)
    assert runs.names == ["n", "n", "n", "after"]


@contract("S-055")
def test_without_attempts_there_is_one_run(
    queue: Queue, run_worker: RunWorker, runs: Runs, flavour: Flavour
) -> None:
    run_worker(processor(queue, always_failing(runs, flavour)))
    job = failed(queue, queue.add("n", {}))
    assert (len(runs), job.attempts_made) == (1, 1)


@contract("S-061")
def test_a_job_waiting_for_its_backoff_is_delayed(
    queue: Queue, run_worker: RunWorker, runs: Runs, flavour: Flavour
) -> None:
    run_worker(processor(queue, always_failing(runs, flavour)))
    job = queue.add("n", {}, attempts=3, backoff=2000)
    wait_until(lambda: job.get_state() == "delayed")
    found = stored(queue, job)
    assert (found.attempts_made, found.failed_reason, found.delay) == (1, "boom", 0)
    assert found.finished_on is None
    assert len(found.stacktrace) == 1
    assert "HandlerFault" in found.stacktrace[0]


@contract("S-062")
def test_success_after_failures_keeps_their_traces(queue: Queue, run_worker: RunWorker, runs: Runs) -> None:
    run_worker(processor(queue, fail_first(runs, times=2)))
    job = queue.add("n", {}, attempts=3)
    wait_until(lambda: job.get_state() == "completed")
    found = stored(queue, job)
    assert (found.attempts_made, found.returnvalue, found.failed_reason) == (2, "ok", "boom")
    assert len(found.stacktrace) == 2


@contract("S-063", "Q-67")
def test_failed_is_local_for_each_attempt_and_global_for_the_last(
    queue: Queue, run_worker: RunWorker, runs: Runs, flavour: Flavour
) -> None:
    heard = Heard(queue, "failed", "global:failed", "global:completed")
    run_worker(
        processor(queue, always_failing(runs, flavour), name="bad"), processor(queue, noted(runs), name="ok")
    )
    queue.add("bad", {}, attempts=3)
    wait_until(lambda: heard.count("failed") == 3)
    queue.add("ok", {})
    wait_until(lambda: heard.count("global:completed") == 1)
    assert heard.count("failed") == 3
    assert heard.count("global:failed") == 1


@contract("S-064")
def test_the_event_carries_the_handlers_own_error(
    queue: Queue, run_worker: RunWorker, flavour: Flavour
) -> None:
    heard = Heard(queue, "failed")
    raised = HandlerFault("Job Failed")

    async def body(job: Job) -> None:
        raise raised

    run_worker(processor(queue, flavour.handler(body)))
    job = queue.add("n", {})
    wait_until(lambda: heard.count("failed") == 1)
    reported, error, previous = heard.of("failed")[0]
    assert (reported.id, reported.failed_reason, previous) == (job.id, "Job Failed", "active")
    assert error is raised
    assert stored(queue, job).failed_reason == "Job Failed"


@contract("S-065", "Q-60")
def test_a_plain_handler_that_raises_fails_its_job(queue: Queue, run_worker: RunWorker) -> None:
    def handle(job: Job) -> None:
        raise KeyError

    run_worker(processor(queue, handle))
    job = failed(queue, queue.add("n", {}))
    assert job.failed_reason == "KeyError", "an error without a text is called by its class"


@contract("S-073")
def test_discarding_makes_the_next_failure_final(
    queue: Queue, run_worker: RunWorker, runs: Runs, flavour: Flavour
) -> None:
    async def body(job: Job) -> None:
        runs.note(job)
        job.discard()
        raise HandlerFault("no more")

    run_worker(processor(queue, flavour.handler(body)))
    failed(queue, queue.add("n", {}, attempts=5))
    assert len(runs) == 1


@contract("S-074")
def test_discarding_another_object_of_the_job_does_nothing(
    queue: Queue, run_worker: RunWorker, runs: Runs
) -> None:
    def handle(job: Job) -> None:
        runs.note(job)
        stored(queue, job).discard()
        raise HandlerFault("again")

    run_worker(processor(queue, handle))
    failed(queue, queue.add("n", {}, attempts=3))
    assert len(runs) == 3


@contract("S-075", "Q-13")
def test_a_manual_retry_of_an_exhausted_job_is_one_more_run(
    queue: Queue, run_worker: RunWorker, runs: Runs
) -> None:
    run_worker(processor(queue, always_failing(runs)))
    job = failed(queue, queue.add("n", {}, attempts=2))
    assert job.attempts_made == 2
    job.retry()
    wait_until(lambda: len(runs) == 3)
    again = failed(queue, job)
    assert (len(runs), again.attempts_made, len(again.stacktrace)) == (3, 3, 3)


@contract("S-076")
def test_a_manual_retry_clears_the_outcome(
    queue: Queue, run_worker: RunWorker, runs: Runs, at_most: AtMost
) -> None:
    heard = Heard(queue, "waiting")
    worker = run_worker(processor(queue, always_failing(runs)))
    job = failed(queue, queue.add("n", {}))
    worker.close()
    job.retry()
    for one in (job, stored(queue, job)):
        assert (one.failed_reason, one.processed_on, one.finished_on) == (None, None, None)
        assert now_ms() - 1000 <= one.retried_on <= now_ms() + EARLY_MS
    assert job.get_state() == "waiting"
    wait_until(lambda: [arguments[0] for arguments in heard.of("waiting")] == [job.id, job.id])


@contract("S-077", "Q-12")
def test_only_failed_jobs_can_be_retried(queue: Queue, run_worker: RunWorker, runs: Runs) -> None:
    waiting, delayed = queue.add("n", {}), queue.add("n", {}, delay=60_000)
    text = r"Couldn't retry job: The job has been already retried or has not failed"
    for job in (waiting, delayed):
        with pytest.raises(NotRetriable, match=text):
            job.retry()
    run_worker(processor(queue, noted(runs)))
    wait_until(lambda: waiting.get_state() == "completed")
    with pytest.raises(NotRetriable, match=text):
        waiting.retry()
    found = stored(queue, waiting)
    assert found.finished_on is not None, "a refused retry changes nothing"
    assert found.processed_on is not None
    assert waiting.get_state() == "completed"


@contract("S-078")
def test_a_running_job_cannot_be_retried(queue: Queue, run_worker: RunWorker, runs: Runs, gate: Gate) -> None:
    def handle(job: Job) -> None:
        runs.note(job)
        gate.pass_through()

    run_worker(processor(queue, handle))
    job = queue.add("n", {})
    wait_until(lambda: len(runs) == 1)
    with pytest.raises(NotRetriable, match=r"Couldn't retry job: The job is locked"):
        job.retry()


@contract("S-078")
def test_a_removed_job_cannot_be_retried(queue: Queue) -> None:
    job = queue.add("n", {})
    job.remove()
    with pytest.raises(NotRetriable, match=r"Couldn't retry job: The job doesn't exist"):
        job.retry()


@contract("S-079")
def test_a_retry_in_a_paused_queue_waits_for_the_resume(
    queue: Queue, run_worker: RunWorker, runs: Runs
) -> None:
    run_worker(processor(queue, fail_first(runs)))
    job = failed(queue, queue.add("n", {}))
    queue.pause()
    job.retry()
    assert job.get_state() == "paused"
    assert len(runs) == 1
    queue.resume()
    wait_until(lambda: job.get_state() == "completed")


@contract("Q-11")
def test_a_manual_retry_keeps_its_priority(queue: Queue, run_worker: RunWorker, runs: Runs) -> None:
    worker = run_worker(processor(queue, always_failing(runs)))
    job = failed(queue, queue.add("first", {}, priority=1))
    worker.close()
    queue.add("second", {}, priority=2)
    queue.add("plain", {})
    job.retry()
    assert [waiting.name for waiting in queue.get_waiting()] == ["first", "second", "plain"]


@contract("S-082")
def test_attempts_given_as_text_are_a_number(queue: Queue, run_worker: RunWorker, runs: Runs) -> None:
    run_worker(processor(queue, always_failing(runs)))
    failed(queue, queue.add("n", {}, attempts="2"))
    assert len(runs) == 2
    failed(queue, queue.add("n", {}, attempts=None))
    assert len(runs) == 3


@contract("S-083", "Q-52")
def test_stack_trace_limit_keeps_the_newest(queue: Queue, run_worker: RunWorker, runs: Runs) -> None:
    def handle(job: Job) -> None:
        runs.note(job)
        raise HandlerFault(f"attempt {job.attempts_made}")

    run_worker(processor(queue, handle))
    job = failed(queue, queue.add("n", {}, attempts=4, stack_trace_limit=2))
    assert len(job.stacktrace) == 2
    assert "attempt 2" in job.stacktrace[0]
    assert "attempt 3" in job.stacktrace[1]


@contract("Q-78")
def test_a_trace_names_the_handlers_file_and_line(queue: Queue, run_worker: RunWorker, runs: Runs) -> None:
    run_worker(processor(queue, always_failing(runs)))
    job = failed(queue, queue.add("n", {}))
    assert "Traceback (most recent call last)" in job.stacktrace[0]
    assert "tests/parity/handlers.py" in job.stacktrace[0]


@contract("S-084")
@pytest.mark.parametrize("value", [object(), {"x": {1, 2}}, float("nan")], ids=["object", "set", "nan"])
def test_a_result_that_is_not_json_fails_the_job(
    queue: Queue, run_worker: RunWorker, flavour: Flavour, value: object
) -> None:
    async def body(job: Job) -> object:
        return value

    run_worker(processor(queue, flavour.handler(body)))
    job = failed(queue, queue.add("n", {}))
    assert job.returnvalue is None
    assert job.failed_reason
