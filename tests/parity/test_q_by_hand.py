"""Jobs taken with get_next_job and finished by hand: contract sections 1.2, 2.2 and appendix A."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from bthwani_jobs import InvalidInput, Job, Queue
from bthwani_jobs.errors import JobError, JobLocked, LockMismatch, LockMissing, MissingKey, NotActive
from tests.conftest import MakeQueue, RunWorker
from tests.parity.handlers import Gate, Heard, Runs, ids, noted, processor, stored
from tests.parity.stalling import QUICK_STALLS
from tests.support.timing import now_ms
from tests.support.waiting import wait_until

contract = pytest.mark.contract
AtMost = Callable[[float], float]
Finish = Callable[..., None]

BRIEF = {"drain_delay": 0.2, "stalled_interval": 0}


@pytest.fixture
def hand(make_queue: MakeQueue) -> Queue:
    """A queue object whose get_next_job does not wait long."""
    return make_queue(settings=BRIEF)


def taken(queue: Queue) -> Job:
    job = queue.get_next_job()
    assert job is not None
    return job


def complete(job: Job, ignore_lock: bool = False) -> None:
    job.move_to_completed("x", ignore_lock)


def fail(job: Job, ignore_lock: bool = False) -> None:
    job.move_to_failed(RuntimeError("boom"), ignore_lock)


def delay(job: Job, ignore_lock: bool = False) -> None:
    job.move_to_delayed(now_ms() + 60_000, ignore_lock)


# get_next_job


@contract("Q-17", "S-023")
def test_jobs_are_taken_in_their_order_and_locked(hand: Queue, make_queue: MakeQueue) -> None:
    heard = Heard(hand, "global:active", "active")
    for name, priority in (("plain", None), ("second", 5), ("first", 1)):
        hand.add(name, {"n": name}, priority=priority)
    jobs = [taken(hand) for _ in range(3)]
    assert [job.name for job in jobs] == ["first", "second", "plain"]
    assert [job.data["n"] for job in jobs] == ["first", "second", "plain"]
    assert all(job.processed_on is not None and job.get_state() == "active" for job in jobs)
    assert hand.get_counts_per_priority([1, 5]) == {"1": 0, "5": 0}
    with pytest.raises(JobLocked):
        stored(make_queue(), jobs[0]).remove()
    wait_until(lambda: heard.count("global:active") == 3)
    assert heard.count("active") == 0


@contract("Q-17")
def test_nothing_comes_within_the_drain_delay(hand: Queue, at_most: AtMost) -> None:
    before = now_ms()
    assert hand.get_next_job() is None
    assert 198 <= now_ms() - before <= 200 + at_most(150)


@contract("Q-17")
def test_a_job_that_comes_meanwhile_is_taken_at_once(make_queue: MakeQueue, at_most: AtMost) -> None:
    queue, other = make_queue(), make_queue()
    adding = threading.Timer(0.2, lambda: other.add("n", {}))
    adding.start()
    job = taken(queue)
    assert now_ms() - job.timestamp <= at_most(150)
    adding.join()


@contract("S-195")
def test_drained_comes_when_the_jobs_have_just_run_out(hand: Queue, at_most: AtMost) -> None:
    heard = Heard(hand, "drained", "global:drained")
    assert hand.get_next_job() is None
    hand.add("n", {})
    taken(hand).move_to_completed()
    before = now_ms()
    assert hand.get_next_job() is None
    assert now_ms() - before <= at_most(100)
    assert hand.get_next_job() is None
    wait_until(lambda: heard.count("global:drained") == 1)
    assert heard.count("drained") == 1


@contract("S-231", "S-238")
def test_a_paused_or_closed_queue_gives_nothing(hand: Queue) -> None:
    hand.add("n", {})
    hand.pause()
    assert hand.get_next_job() is None
    hand.resume()
    hand.close()
    assert hand.get_next_job() is None


@contract("S-045")
def test_taking_jobs_by_hand_makes_no_delayed_job_due(hand: Queue) -> None:
    job = hand.add("n", {}, delay=50)
    wait_until(lambda: now_ms() > job.timestamp + 100)
    assert hand.get_next_job() is None
    assert job.get_state() == "delayed"


@contract("S-109")
def test_taking_an_occurrence_by_hand_adds_the_next(hand: Queue) -> None:
    first = hand.add("n", {}, repeat={"every": 3_600_000})
    first.promote()
    job = taken(hand)
    assert job.id == first.id
    (following,) = hand.get_delayed()
    assert int(following.id.rsplit(":", 1)[1]) == int(job.id.rsplit(":", 1)[1]) + 3_600_000


@contract("S-153")
def test_a_job_taken_and_left_is_recovered_as_stalled(
    make_queue: MakeQueue, run_worker: RunWorker, runs: Runs
) -> None:
    leaving = make_queue(settings={**BRIEF, "lock_duration": 200})
    job = leaving.add("n", {})
    assert taken(leaving).extend_lock(200) == 1
    worker_queue = make_queue(settings=QUICK_STALLS)
    run_worker(processor(worker_queue, noted(runs)), queues=[worker_queue])
    wait_until(lambda: job.get_state() == "completed")
    assert len(runs) == 1


# move_to_completed


@contract("Q-17", "S-093")
def test_a_job_is_completed_by_hand(hand: Queue) -> None:
    heard = Heard(hand, "global:completed", "completed")
    hand.add("n", {})
    job = taken(hand)
    assert job.move_to_completed({"sum": 3}) is None
    assert (job.returnvalue, job.finished_on is not None) == ({"sum": 3}, True)
    found = stored(hand, job)
    assert (found.get_state(), found.returnvalue, found.finished_on) == (
        "completed",
        {"sum": 3},
        job.finished_on,
    )
    wait_until(lambda: heard.count("global:completed") == 1)
    assert heard.of("global:completed") == [(job.id, '{"sum":3}', "active")]
    assert heard.count("completed") == 0


@contract("S-098")
def test_retention_holds_for_what_is_finished_by_hand(hand: Queue) -> None:
    hand.add("n", {}, remove_on_complete=True)
    hand.add("n", {}, remove_on_fail=True)
    first, second = taken(hand), taken(hand)
    first.move_to_completed()
    second.move_to_failed("boom")
    assert (hand.get_job(first.id), hand.get_job(second.id)) == (None, None)


@contract("Q-17")
def test_any_job_object_of_the_same_queue_object_may_finish_it(make_queue: MakeQueue) -> None:
    hand, other = make_queue(settings=BRIEF), make_queue()
    added = hand.add("n", {})
    taken(hand)
    with pytest.raises(LockMismatch):
        complete(stored(other, added))
    assert stored(hand, added).extend_lock(5000) == 1
    stored(hand, added).move_to_completed("mine")
    assert stored(other, added).returnvalue == "mine"


# move_to_failed


@contract("Q-51", "S-054")
def test_a_failure_by_hand_follows_the_rules_of_retries(hand: Queue) -> None:
    heard = Heard(hand, "global:failed", "failed")
    hand.add("n", {}, attempts=3, backoff={"type": "fixed", "delay": 60_000})
    first = taken(hand)
    assert first.move_to_failed(ValueError("boom")) is None
    found = stored(hand, first)
    assert (found.get_state(), found.attempts_made, found.failed_reason) == ("delayed", 1, "boom")
    assert (first.attempts_made, first.failed_reason, first.finished_on) == (1, "boom", None)
    assert "ValueError: boom" in found.stacktrace[0]
    found.promote()
    taken(hand).move_to_failed("second")
    stored(hand, first).promote()
    last = taken(hand)
    last.move_to_failed({"message": "third"})
    found = stored(hand, first)
    assert (found.get_state(), found.attempts_made, found.failed_reason) == ("failed", 3, "third")
    assert len(found.stacktrace) == 3
    assert found.finished_on == last.finished_on is not None
    wait_until(lambda: heard.count("global:failed") == 1)
    assert heard.of("global:failed") == [(first.id, "third", "active")]
    assert heard.count("failed") == 0


@contract("S-073")
def test_a_discarded_job_fails_for_good_by_hand(hand: Queue) -> None:
    hand.add("n", {}, attempts=3)
    job = taken(hand)
    job.discard()
    job.move_to_failed("boom")
    assert job.get_state() == "failed"


# move_to_delayed


@contract("Q-50")
def test_a_job_is_put_off_by_hand(hand: Queue, run_worker: RunWorker, runs: Runs) -> None:
    hand.add("n", {}, attempts=2)
    job = taken(hand)
    due = now_ms() + 300
    assert job.move_to_delayed(due) is None
    found = stored(hand, job)
    assert (found.get_state(), found.attempts_made, found.failed_reason) == ("delayed", 0, None)
    found.remove()
    hand.add("n", {})
    taken(hand).move_to_delayed(due)
    run_worker(processor(hand, noted(runs)))
    wait_until(lambda: len(runs) == 1)
    assert runs.starts[0] >= due
    for wrong in (-1, 1.5, "soon", None):
        with pytest.raises(InvalidInput):
            job.move_to_delayed(wrong)  # type: ignore[arg-type]


# Refusals


@contract("Q-15", "Q-16", "Q-50")
@pytest.mark.parametrize(
    ("finish", "opts", "missing_key", "missing_lock", "mismatch", "not_active"),
    [
        (
            complete,
            {},
            "Missing key for job 1 finished",
            "Missing lock for job 1 finished",
            "Lock mismatch for job 1. Cmd finished from active",
            "Job 1 is not in the active state. finished",
        ),
        (
            fail,
            {},
            "Missing key for job 1 failed",
            "Missing lock for job 1 failed",
            "Lock mismatch for job 1. Cmd failed from active",
            "Job 1 is not in the active state. failed",
        ),
        (
            fail,
            {"attempts": 2},
            "Missing key for job 1 retry",
            "Missing lock for job 1 retry",
            "Lock mismatch for job 1. Cmd retry from active",
            "Job 1 is not in the active state. retry",
        ),
        (
            fail,
            {"attempts": 2, "backoff": 1000},
            "Missing key for job 1 delayed",
            "Missing lock for job 1 delayed",
            "Lock mismatch for job 1. Cmd delayed from active",
            "Job 1 is not in the active state. delayed",
        ),
        (
            delay,
            {},
            "Missing Job 1 when trying to move from active to delayed",
            "Job 1 was locked when trying to move from active to delayed",
            "Lock mismatch for job 1. Cmd delayed from active",
            "Job 1 is not in the active state. delayed",
        ),
    ],
    ids=["finished", "failed", "retry", "delayed", "postponed"],
)
def test_what_may_not_be_finished_is_refused_in_bulls_words(
    make_queue: MakeQueue,
    finish: Finish,
    opts: dict[str, int],
    missing_key: str,
    missing_lock: str,
    mismatch: str,
    not_active: str,
) -> None:
    hand, other = make_queue(settings=BRIEF), make_queue(settings=BRIEF)
    job = hand.add("n", {}, opts)
    assert refusal(finish, job) == (LockMissing, missing_lock)
    assert refusal(finish, job, True) == (NotActive, not_active)
    assert job.take_lock() == 1
    assert refusal(finish, job) == (NotActive, not_active)
    job.release_lock()
    running = taken(other)
    assert refusal(finish, job) == (LockMismatch, mismatch)
    running.release_lock()
    assert refusal(finish, job) == refusal(finish, running) == (LockMissing, missing_lock)
    found = stored(hand, job)
    assert (found.get_state(), found.attempts_made, found.failed_reason) == ("active", 0, None)
    assert (job.attempts_made, job.failed_reason, job.returnvalue, job.stacktrace) == (0, None, None, [])
    found.remove()
    assert refusal(finish, job) == refusal(finish, job, True) == (MissingKey, missing_key)


def refusal(finish: Finish, job: Job, ignore_lock: bool = False) -> tuple[type[JobError], str]:
    """Kind and text of the error; the special ones of move_to_delayed count as their general kind."""
    with pytest.raises(JobError) as caught:
        finish(job, ignore_lock)
    kinds = (MissingKey, LockMissing, LockMismatch, NotActive)
    return next(kind for kind in kinds if isinstance(caught.value, kind)), str(caught.value)


@contract("Q-49")
@pytest.mark.parametrize(("finish", "state"), [(complete, "completed"), (fail, "failed"), (delay, "delayed")])
def test_whoever_ignores_the_lock_takes_it_away(make_queue: MakeQueue, finish: Finish, state: str) -> None:
    hand, other = make_queue(settings=BRIEF), make_queue()
    job = hand.add("n", {})
    running = taken(hand)
    finish(stored(other, job), True)
    assert job.get_state() == state
    assert running.extend_lock(1000) == 0
    stored(other, job).remove()
    assert ids(hand.get_jobs()) == []


@contract("Q-49", "Q-16")
def test_a_workers_own_outcome_comes_too_late_then(
    queue: Queue, make_queue: MakeQueue, run_worker: RunWorker, runs: Runs, gate: Gate
) -> None:
    heard = Heard(queue, "completed", "error")

    def handle(job: Job) -> str:
        runs.note(job)
        gate.pass_through()
        return "of the worker"

    run_worker(processor(queue, handle))
    job = queue.add("n", {})
    wait_until(lambda: len(runs) == 1)
    stored(make_queue(), job).move_to_completed("by hand", ignore_lock=True)
    gate.open()
    wait_until(lambda: heard.count("error") == 1)
    assert str(heard.of("error")[0][0]) == "Missing lock for job 1 finished"
    assert (heard.count("completed"), stored(queue, job).returnvalue) == (0, "by hand")


@contract("Q-17")
def test_a_run_that_was_taken_again_cannot_be_finished_by_its_first_owner(make_queue: MakeQueue) -> None:
    hand = make_queue(settings={**BRIEF, "lock_duration": 30_000})
    hand.add("n", {})
    first = taken(hand)
    first.move_to_delayed(now_ms() + 60_000)
    stored(hand, first).promote()
    second = taken(hand)
    with pytest.raises(LockMismatch, match=r"Lock mismatch for job 1\. Cmd finished from active"):
        first.move_to_completed("first")
    second.move_to_completed("second")
    assert stored(hand, first).returnvalue == "second"
