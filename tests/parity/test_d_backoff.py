"""Contract section 14.D: backoff, the waits between attempts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bthwani_jobs import Queue
from bthwani_jobs.errors import UnknownBackoffStrategy
from tests.conftest import MakeQueue, RunWorker
from tests.parity.handlers import (
    Flavour,
    Runs,
    always_failing,
    fail_first,
    failed,
    processor,
)
from tests.support.timing import EARLY_MS
from tests.support.waiting import wait_until

contract = pytest.mark.contract
AtMost = Callable[[float], float]


def assert_gaps(runs: Runs, waits: list[int], slack: float) -> None:
    """Each start came after its wait, never early and not later than `slack` allows."""
    assert len(runs.gaps) == len(waits), runs.gaps
    for gap, wait in zip(runs.gaps, waits, strict=True):
        assert wait - EARLY_MS <= gap <= wait + slack, (runs.gaps, waits)


@contract("S-056")
def test_exponential_backoff_of_a_second_waits_one_and_three(
    queue: Queue, run_worker: RunWorker, runs: Runs, at_most: AtMost
) -> None:
    run_worker(processor(queue, always_failing(runs)))
    job = queue.add("n", {}, attempts=3, backoff={"type": "exponential", "delay": 1000})
    assert failed(queue, job).attempts_made == 3
    assert_gaps(runs, [1000, 3000], at_most(150))


@contract("S-057")
def test_exponential_waits_grow_by_two_to_the_n_minus_one(
    queue: Queue, run_worker: RunWorker, runs: Runs, at_most: AtMost
) -> None:
    run_worker(processor(queue, always_failing(runs)))
    job = queue.add("n", {}, attempts=7, backoff={"type": "exponential", "delay": 20})
    failed(queue, job)
    assert_gaps(runs, [20, 60, 140, 300, 620, 1260], at_most(150))


@contract("S-058")
def test_exponential_backoff_of_200(
    queue: Queue, run_worker: RunWorker, runs: Runs, flavour: Flavour, at_most: AtMost
) -> None:
    run_worker(processor(queue, always_failing(runs, flavour)))
    failed(queue, queue.add("n", {}, attempts=4, backoff={"type": "exponential", "delay": 200}))
    assert_gaps(runs, [200, 600, 1400], at_most(150))


@contract("S-059")
def test_a_number_is_a_fixed_backoff(
    queue: Queue, run_worker: RunWorker, runs: Runs, at_most: AtMost
) -> None:
    run_worker(processor(queue, fail_first(runs, times=2)))
    job = queue.add("n", {}, attempts=3, backoff=300)
    wait_until(lambda: job.get_state() == "completed")
    assert_gaps(runs, [300, 300], at_most(150))


@contract("S-060")
@pytest.mark.parametrize("backoff", [{"type": "fixed", "delay": 0}, {"type": "exponential"}], ids=str)
def test_a_backoff_without_delay_retries_at_once(
    queue: Queue, run_worker: RunWorker, runs: Runs, at_most: AtMost, backoff: dict[str, Any]
) -> None:
    run_worker(processor(queue, always_failing(runs)))
    failed(queue, queue.add("n", {}, attempts=3, backoff=backoff))
    assert_gaps(runs, [0, 0], at_most(150))


@contract("S-066")
def test_a_custom_strategy_decides_the_wait(
    make_queue: MakeQueue, run_worker: RunWorker, runs: Runs, at_most: AtMost
) -> None:
    queue = with_strategy(make_queue, lambda attempts_made, error: attempts_made * 200)
    run_worker(processor(queue, fail_first(runs, times=2)))
    job = queue.add("n", {}, attempts=3, backoff={"type": "mine"})
    wait_until(lambda: job.get_state() == "completed")
    assert_gaps(runs, [200, 400], at_most(150))


@contract("S-067")
@pytest.mark.parametrize("options", [{"k": 1}, None], ids=str)
def test_what_a_custom_strategy_is_called_with(
    make_queue: MakeQueue, run_worker: RunWorker, runs: Runs, options: dict[str, int] | None
) -> None:
    calls: list[tuple[Any, ...]] = []

    def strategy(attempts_made: int, error: BaseException, given: object = None) -> int:
        calls.append((attempts_made, str(error), given))
        return 0

    queue = with_strategy(make_queue, strategy)
    run_worker(processor(queue, always_failing(runs)))
    backoff = {"type": "mine", "options": options} if options else {"type": "mine"}
    failed(queue, queue.add("n", {}, attempts=2, backoff=backoff))
    assert calls == [(1, "boom", options)]


@contract("S-068")
def test_a_strategy_answering_minus_one_ends_the_retries(
    make_queue: MakeQueue, run_worker: RunWorker, runs: Runs
) -> None:
    queue = with_strategy(make_queue, lambda attempts_made, error: -1)
    run_worker(processor(queue, always_failing(runs)))
    job = failed(queue, queue.add("n", {}, attempts=3, backoff={"type": "mine"}))
    assert (len(runs), job.attempts_made) == (1, 1)


@contract("S-069")
def test_a_strategy_answering_zero_retries_at_once(
    make_queue: MakeQueue, run_worker: RunWorker, runs: Runs, at_most: AtMost
) -> None:
    queue = with_strategy(make_queue, lambda attempts_made, error: 0)
    run_worker(processor(queue, always_failing(runs)))
    failed(queue, queue.add("n", {}, attempts=3, backoff={"type": "mine"}))
    assert_gaps(runs, [0, 0], at_most(150))


@contract("S-070")
def test_an_asynchronous_strategy_is_awaited(
    make_queue: MakeQueue, run_worker: RunWorker, runs: Runs, flavour: Flavour, at_most: AtMost
) -> None:
    async def strategy(attempts_made: int, error: BaseException) -> int:
        return 250

    queue = with_strategy(make_queue, strategy)
    run_worker(processor(queue, always_failing(runs, flavour)))
    failed(queue, queue.add("n", {}, attempts=2, backoff={"type": "mine"}))
    assert_gaps(runs, [250], at_most(150))


@contract("S-071")
def test_a_custom_strategy_may_replace_a_built_in(
    make_queue: MakeQueue, run_worker: RunWorker, runs: Runs, at_most: AtMost
) -> None:
    queue = make_queue(settings={"backoff_strategies": {"fixed": lambda attempts_made, error: 200}})
    run_worker(processor(queue, always_failing(runs)))
    failed(queue, queue.add("n", {}, attempts=2, backoff={"type": "fixed", "delay": 30_000}))
    assert_gaps(runs, [200], at_most(150))


@contract("S-072", "Q-19")
def test_an_unknown_strategy_is_refused_at_add(queue: Queue) -> None:
    with pytest.raises(UnknownBackoffStrategy) as caught:
        queue.add("n", {}, attempts=3, backoff={"type": "nope"})
    assert str(caught.value) == (
        "Unknown backoff strategy nope. "
        "If a custom backoff strategy is used, specify it when the queue is created."
    )
    assert queue.count() == 0


@contract("S-072", "Q-19")
def test_a_strategy_that_only_the_producer_names_fails_the_job(
    make_queue: MakeQueue, run_worker: RunWorker, runs: Runs
) -> None:
    producer = make_queue(settings={"backoff_strategies": {"mine": lambda attempts_made, error: 0}})
    queue = make_queue()
    run_worker(processor(queue, always_failing(runs)), queues=[queue])
    job = failed(queue, producer.add("n", {}, attempts=3, backoff={"type": "mine"}))
    assert len(runs) == 1
    assert "Unknown backoff strategy mine" in job.failed_reason


@contract("Q-19")
def test_a_strategy_that_raises_fails_the_job(
    make_queue: MakeQueue, run_worker: RunWorker, runs: Runs
) -> None:
    def strategy(attempts_made: int, error: BaseException) -> int:
        raise LookupError("no such wait")

    queue = with_strategy(make_queue, strategy)
    run_worker(processor(queue, always_failing(runs)))
    job = failed(queue, queue.add("n", {}, attempts=3, backoff={"type": "mine"}))
    assert len(runs) == 1
    assert "no such wait" in job.failed_reason


def with_strategy(make_queue: MakeQueue, strategy: Callable[..., Any]) -> Queue:
    """A queue that knows this strategy as "mine"."""
    return make_queue(settings={"backoff_strategies": {"mine": strategy}})
