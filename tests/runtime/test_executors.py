"""Threads are kept, abandoned ones counted out; coroutines are cancelled."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator

import pytest

from bthwani_jobs import Job, Queue
from bthwani_jobs.runtime.executors import LoopExecutor, ThreadExecutor
from bthwani_jobs.runtime.processing import Run
from bthwani_jobs.runtime.registry import Handler
from tests.support.waiting import wait_until

MakeRun = Callable[[Callable[[Job], object]], Run]


@pytest.fixture
def make_run(queue: Queue) -> MakeRun:
    numbers = iter(range(1000))

    def make(function: Callable[[Job], object]) -> Run:
        is_async = asyncio.iscoroutinefunction(function)
        job = Job(queue, f"{queue.name}__{next(numbers)}", {"d": "{}"})
        return Run(job, f"t-{job.id}", Handler("*", function, 1, None, is_async))

    return make


@pytest.fixture
def ended() -> list[Run]:
    return []


@pytest.fixture
def threads(ended: list[Run], queue_name: str) -> Iterator[ThreadExecutor]:
    executor = ThreadExecutor(f"job:{queue_name}", lambda run: None, ended.append)
    yield executor
    executor.close()


@pytest.fixture
def loop(ended: list[Run], queue_name: str) -> Iterator[LoopExecutor]:
    executor = LoopExecutor(f"loop:{queue_name}", lambda run: None, ended.append)
    yield executor
    executor.close()


def _alive(executor: ThreadExecutor) -> int:
    return sum(thread.name.startswith(f"{executor.name}-") for thread in threading.enumerate())


def _settle_as_timed_out(run: Run) -> None:
    assert run.settle("timed out")


def test_a_thread_is_kept_for_the_next_run(
    threads: ThreadExecutor, ended: list[Run], make_run: MakeRun
) -> None:
    names: list[str] = []
    for number in range(1, 4):
        threads.submit(make_run(lambda job: names.append(threading.current_thread().name)))
        wait_until(lambda n=number: len(ended) == n)

    assert len(set(names)) == 1
    assert _alive(threads) == 1


def test_runs_at_once_have_a_thread_each(
    threads: ThreadExecutor, ended: list[Run], make_run: MakeRun
) -> None:
    together = threading.Barrier(3)
    for _ in range(3):
        threads.submit(make_run(lambda job: together.wait(5)))
    wait_until(lambda: len(ended) == 3)
    assert [run.error for run in ended] == [None, None, None]


def test_an_abandoned_thread_does_not_hold_up_the_next_run_and_ends(
    threads: ThreadExecutor, ended: list[Run], make_run: MakeRun
) -> None:
    release = threading.Event()
    stuck = make_run(lambda job: release.wait(10))
    threads.submit(stuck)
    _settle_as_timed_out(stuck)
    threads.abandon(stuck)
    assert threads.abandoned == 1

    threads.submit(make_run(lambda job: "next"))
    wait_until(lambda: [run.result for run in ended] == ["next"])
    release.set()
    wait_until(lambda: threads.abandoned == 0)
    wait_until(lambda: _alive(threads) == 1)
    assert stuck not in ended
    assert stuck.result is None


@pytest.mark.parametrize("fault", [SystemExit(3), KeyboardInterrupt(), RuntimeError("boom")])
def test_whatever_a_handler_raises_is_the_runs_and_the_thread_lives(
    threads: ThreadExecutor, ended: list[Run], make_run: MakeRun, fault: BaseException
) -> None:
    def fail(job: Job) -> None:
        raise fault

    threads.submit(make_run(fail))
    threads.submit(make_run(lambda job: "next"))
    wait_until(lambda: len(ended) == 2)
    assert {repr(run.error) for run in ended} == {repr(fault), "None"}


def test_closing_lets_idle_threads_end_and_busy_ones_finish(
    threads: ThreadExecutor, ended: list[Run], make_run: MakeRun
) -> None:
    release = threading.Event()
    threads.submit(make_run(lambda job: release.wait(10)))
    threads.submit(make_run(lambda job: None))
    wait_until(lambda: len(ended) == 1)
    threads.close()
    wait_until(lambda: _alive(threads) == 1)
    release.set()
    wait_until(lambda: _alive(threads) == 0)
    assert len(ended) == 2


def test_coroutines_run_at_once_on_one_thread(
    loop: LoopExecutor, ended: list[Run], make_run: MakeRun
) -> None:
    names: set[str] = set()
    waiting = 0

    async def wait(job: Job) -> None:
        nonlocal waiting
        names.add(threading.current_thread().name)
        waiting += 1
        while waiting < 3:
            await asyncio.sleep(0.001)

    for _ in range(3):
        loop.submit(make_run(wait))
    wait_until(lambda: len(ended) == 3)
    assert len(names) == 1


def test_an_abandoned_coroutine_is_cancelled(loop: LoopExecutor, ended: list[Run], make_run: MakeRun) -> None:
    begun, cancelled = threading.Event(), threading.Event()

    async def wait(job: Job) -> None:
        begun.set()
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    run = make_run(wait)
    loop.submit(run)
    assert begun.wait(5)
    _settle_as_timed_out(run)
    loop.abandon(run)
    assert cancelled.wait(5)
    assert ended == []


def test_closing_a_loop_ends_what_still_runs_on_it(queue_name: str, make_run: MakeRun) -> None:
    loop = LoopExecutor(f"loop:{queue_name}", lambda run: None, lambda run: None)
    begun, over = threading.Event(), threading.Event()

    async def wait(job: Job) -> None:
        begun.set()
        try:
            await asyncio.sleep(30)
        finally:
            over.set()

    loop.submit(make_run(wait))
    assert begun.wait(5)
    loop.close()
    assert over.wait(5)
