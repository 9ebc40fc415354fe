"""Contract section 14.B: the order in which jobs start."""

from __future__ import annotations

from collections import Counter

import pytest

from bthwani_jobs import Job, Processor, Queue
from tests.conftest import MakeQueue, RunWorker
from tests.parity.handlers import Gate, Handler, Runs, fail_first, ids, names, noted, processor
from tests.parity.stalling import QUICK_STALLS, leave_stalled
from tests.support.timing import now_ms
from tests.support.waiting import wait_until

contract = pytest.mark.contract


def names_in_order(
    queue: Queue, run_worker: RunWorker, runs: Runs, jobs: int, handler: Processor | None = None
) -> list[str]:
    """Run everything with one slot; the names of the jobs in the order of their starts."""
    run_worker(handler or processor(queue, noted(runs)))
    wait_until(lambda: queue.get_completed_count() == jobs)
    return runs.names


@contract("S-022")
def test_plain_jobs_start_in_the_order_of_their_adding(
    queue: Queue, run_worker: RunWorker, runs: Runs
) -> None:
    for number in range(5):
        queue.add(str(number), {})
    assert names_in_order(queue, run_worker, runs, 5) == ["0", "1", "2", "3", "4"]


@contract("S-023")
def test_every_prioritised_job_comes_before_every_plain_one(
    queue: Queue, run_worker: RunWorker, runs: Runs
) -> None:
    for name, priority in [
        ("n1", None),
        ("n2", None),
        ("p10", 10),
        ("p1", 1),
        ("p5", 5),
        ("p5b", 5),
        ("n3", None),
        ("pbig", 2147483647),
    ]:
        queue.add(name, {}, priority=priority)
    order = names_in_order(queue, run_worker, runs, 8)
    assert order == ["p1", "p5", "p5b", "p10", "pbig", "n1", "n2", "n3"]


@contract("S-024")
def test_the_waiting_list_is_in_the_order_of_priority(queue: Queue) -> None:
    for priority in (3, 3, 2, 1):
        queue.add("n", {}, priority=priority)
    assert ids(queue.get_waiting()) == ["4", "3", "1", "2"]


@contract("S-025")
def test_a_low_priority_still_overtakes_plain_jobs(queue: Queue, run_worker: RunWorker, runs: Runs) -> None:
    queue.add("send-notification", {})
    queue.add("send-notification", {})
    queue.add("send-bulk-notifications", {}, priority=5)
    order = names_in_order(queue, run_worker, runs, 3)
    assert order == ["send-bulk-notifications", "send-notification", "send-notification"]


@contract("S-026")
def test_priority_zero_is_no_priority(queue: Queue, run_worker: RunWorker, runs: Runs) -> None:
    for name, priority in (("a", None), ("b", 0), ("c", None), ("d", 0)):
        queue.add(name, {}, priority=priority)
    assert names_in_order(queue, run_worker, runs, 4) == ["a", "b", "c", "d"]


@contract("S-027")
def test_removing_a_prioritised_job_keeps_the_order_of_the_rest(queue: Queue) -> None:
    first, *_ = [queue.add("n", {}, priority=priority) for priority in (3, 3, 2, 1)]
    first.remove()
    queue.add("n", {}, priority=10)
    assert ids(queue.get_waiting()) == ["4", "3", "2", "5"]


@contract("S-028")
def test_lifo_jobs_run_last_in_first_out(queue: Queue, run_worker: RunWorker, runs: Runs) -> None:
    queue.pause()
    for number in (1, 2, 3, 4):
        queue.add(str(number), {}, lifo=True)
    queue.resume()
    assert names_in_order(queue, run_worker, runs, 4) == ["4", "3", "2", "1"]


@contract("S-029", "Q-10")
def test_a_later_priority_goes_before_a_lifo_job(queue: Queue) -> None:
    queue.pause()
    queue.add("a", {})
    queue.add("l", {}, lifo=True)
    queue.add("p", {}, priority=9)
    assert names(queue.get_waiting()) == ["p", "l", "a"]


@contract("S-030")
def test_priority_wins_over_lifo(queue: Queue) -> None:
    queue.add("p1", {}, priority=1)
    queue.add("p3", {}, priority=3)
    queue.add("p5", {}, priority=5)
    queue.add("both", {}, priority=3, lifo=True)
    assert names(queue.get_waiting()) == ["p1", "p3", "both", "p5"]


@contract("S-031")
def test_a_plain_retry_goes_to_the_tail(queue: Queue, run_worker: RunWorker, runs: Runs) -> None:
    queue.add("f", {"fails": True}, attempts=2)
    queue.add("a", {})
    order = names_in_order(queue, run_worker, runs, 2, processor(queue, failing_once(runs, "f")))
    assert order == ["f", "a", "f"]


@contract("S-032")
def test_a_prioritised_retry_goes_behind_its_equals(queue: Queue, run_worker: RunWorker, runs: Runs) -> None:
    queue.add("pf", {}, priority=2, attempts=2)
    queue.add("p2", {}, priority=2)
    queue.add("p3", {}, priority=3)
    order = names_in_order(queue, run_worker, runs, 3, processor(queue, failing_once(runs, "pf")))
    assert order == ["pf", "p2", "pf", "p3"]


@contract("S-033")
def test_a_lifo_retry_runs_again_at_once(queue: Queue, run_worker: RunWorker, runs: Runs) -> None:
    queue.add("a", {})
    queue.add("p", {}, priority=1)
    queue.add("lf", {}, lifo=True, attempts=2)
    order = names_in_order(queue, run_worker, runs, 3, processor(queue, failing_once(runs, "lf")))
    assert order == ["lf", "lf", "p", "a"]


@contract("S-034")
def test_two_workers_share_the_jobs_without_doubling(
    make_queue: MakeQueue, run_worker: RunWorker, runs: Runs
) -> None:
    first, second = make_queue(), make_queue()
    for worker_queue in (first, second):
        run_worker(processor(worker_queue, noted(runs), concurrency=2), queues=[worker_queue])
    added = [first.add("n", {}).id for _ in range(20)]
    wait_until(lambda: first.get_completed_count() == 20)
    assert Counter(runs.ids) == Counter(added)


@contract("S-035")
def test_a_stalled_job_comes_back_before_all_others(
    make_queue: MakeQueue, run_worker: RunWorker, runs: Runs, gate: Gate
) -> None:
    queue = make_queue(settings=QUICK_STALLS)
    leave_stalled(queue, run_worker, gate, name="s")

    def hold_first(job: Job) -> None:
        runs.note(job)
        if job.name == "hold":
            gate.pass_through()

    queue.add("hold", {}, lifo=True)
    run_worker(processor(queue, hold_first))
    wait_until(lambda: runs.names == ["hold"])
    queue.add("p", {}, priority=1)
    queue.add("w", {})
    wait_until(lambda: names(queue.get_waiting()) == ["s", "p", "w"])
    gate.open()
    wait_until(lambda: queue.get_completed_count() == 4)
    assert runs.names == ["hold", "s", "p", "w"]


@contract("S-036")
def test_a_prioritised_retry_comes_before_later_delayed_jobs(
    queue: Queue, run_worker: RunWorker, runs: Runs
) -> None:
    due: list[Job] = []

    def handle(job: Job) -> None:
        with runs.during(job):
            if job.name == "first" and job.attempts_made == 0:
                wait_until(lambda: len(due) == 3)
                wait_until(lambda: now_is_past(due))
                raise RuntimeError("once")

    queue.add("first", {}, priority=1, attempts=2)
    run_worker(processor(queue, handle))
    wait_until(lambda: len(runs) == 1)
    due.extend(queue.add("later", {}, priority=2, delay=200) for _ in range(3))
    wait_until(lambda: queue.get_completed_count() == 4)
    assert runs.names == ["first", "first", "later", "later", "later"]


def now_is_past(jobs: list[Job]) -> bool:
    """Whether the last of these delayed jobs is due."""
    return now_ms() > max(job.timestamp + job.opts.delay for job in jobs)


def failing_once(runs: Runs, name: str) -> Handler:
    """A handler whose first attempt at jobs of this name raises."""
    failing = fail_first(runs)

    def handle(job: Job) -> None:
        if job.name == name:
            failing(job)
        else:
            runs.note(job)

    return handle
