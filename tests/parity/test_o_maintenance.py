"""Contract section 14.O: clean, empty, obliterate, remove_jobs; and retry_jobs of 14.D."""

from __future__ import annotations

import pytest
import redis

from bthwani_jobs import InvalidInput, Job, Queue
from bthwani_jobs.core.ids import encode_part
from bthwani_jobs.errors import ActiveJobs, MissingKey, NotPaused
from bthwani_jobs.store import maintaining
from bthwani_jobs.store.calling import QueueStore
from tests.conftest import MakeQueue, RunWorker
from tests.parity.handlers import (
    Gate,
    Heard,
    Runs,
    always_failing,
    fail_first,
    ids,
    names,
    noted,
    processor,
    stored,
)
from tests.support.timing import now_ms
from tests.support.waiting import wait_until

contract = pytest.mark.contract


def keys_of(connection: redis.Redis, queue: Queue) -> list[str]:
    parts = {queue.name, encode_part(queue.name)}
    return sorted({key.decode() for part in parts for key in connection.scan_iter(f"*{part}*", count=1000)})


# remove_jobs


@contract("S-219", "S-198")
def test_jobs_are_removed_by_a_pattern(make_queue: MakeQueue) -> None:
    queue, other = make_queue(), make_queue()
    heard, heard_other = Heard(queue, "removed"), Heard(other, "removed")
    for job_id in ("foo1", "foo2", "bar"):
        queue.add("n", {}, job_id=job_id)
    queue.remove_jobs("foo*")
    assert ids(queue.get_waiting()) == ["bar"]
    assert sorted(heard.of("removed")) == [("foo1",), ("foo2",)]
    assert heard_other.calls == []


@contract("S-219")
def test_a_pattern_reaches_jobs_in_every_state_and_spares_running_ones(
    queue: Queue, run_worker: RunWorker, runs: Runs, gate: Gate
) -> None:
    def handle(job: Job) -> None:
        runs.note(job)
        if job.name == "fails":
            raise RuntimeError("boom")
        if job.name == "runs":
            gate.pass_through()

    run_worker(processor(queue, handle))
    done = [queue.add(name, {}, job_id=f"order:{name}") for name in ("completes", "fails")]
    wait_until(lambda: [job.get_state() for job in done] == ["completed", "failed"])
    running = queue.add("runs", {}, job_id="order:runs")
    wait_until(lambda: len(runs) == 3)
    queue.add("later", {}, job_id="order:later", delay=60_000, priority=2)
    queue.add("waits", {}, job_id="order:waits", priority=2).log("a row")
    queue.add("plain", {}, job_id="order:plain")
    queue.add("kept", {}, job_id="kept")
    queue.remove_jobs("order:*")
    assert queue.get_job_counts() == {
        "waiting": 1,
        "active": 1,
        "completed": 0,
        "failed": 0,
        "delayed": 0,
        "paused": 0,
    }
    assert queue.get_counts_per_priority([2]) == {"2": 0}
    assert queue.get_job_logs("order:waits")["count"] == 0
    gate.open()
    wait_until(lambda: running.get_state() == "completed")


@contract("Q-34")
def test_a_star_removes_this_queues_jobs_and_nothing_else(make_queue: MakeQueue, queue_name: str) -> None:
    queue, longer = make_queue(), make_queue(f"{queue_name}:x")
    longer.add("n", {})
    queue.add("n", {}, repeat={"every": 3_600_000})
    heard = Heard(queue, "removed")
    queue.add("n", {}, job_id="wait")
    pending = queue.get_delayed()[0]
    queue.remove_jobs("*")
    assert sorted(heard.of("removed")) == sorted([("wait",), (pending.id,)])
    assert longer.count() == 1
    assert queue.get_repeatable_count() == 1
    queue.add("n", {}, job_id="طلب-7")
    queue.remove_jobs("طلب-?")
    assert queue.count() == 0


@pytest.mark.parametrize(
    ("pattern", "gone"),
    [
        ("a?c", ["abc", "a[c", "a*c"]),
        ("a[b]c", ["abc"]),
        ("a[^b]c", ["a[c", "a*c"]),
        ("a[a-c]c", ["abc"]),
        ("a\\*c", ["a*c"]),
        ("*c", ["abc", "a[c", "a*c", "c"]),
        ("abc", ["abc"]),
        ("b", []),
    ],
)
@contract("S-219")
def test_patterns_are_redis_own(queue: Queue, pattern: str, gone: list[str]) -> None:
    everything = ["abc", "a[c", "a*c", "c"]
    for job_id in everything:
        queue.add("n", {}, job_id=job_id)
    queue.remove_jobs(pattern)
    assert ids(queue.get_waiting()) == [job_id for job_id in everything if job_id not in gone]


@contract("S-219")
def test_what_is_no_pattern_is_refused(queue: Queue) -> None:
    for pattern in ("", None, 7):
        with pytest.raises(InvalidInput, match="remove_jobs takes a pattern"):
            queue.remove_jobs(pattern)  # type: ignore[arg-type]


# clean


@contract("S-220")
def test_clean_wants_a_grace_and_a_known_type(queue: Queue) -> None:
    heard = Heard(queue, "cleaned")
    with pytest.raises(InvalidInput) as caught:
        queue.clean()
    assert str(caught.value) == "You must define a grace period."
    for unknown in ("bad", "waiting", "repeat"):
        with pytest.raises(InvalidInput) as caught:
            queue.clean(0, unknown)
        assert str(caught.value) == f"Cannot clean unknown queue type {unknown}"
    with pytest.raises(InvalidInput):
        queue.clean(-1)
    assert heard.calls == []


@contract("S-197")
def test_cleaned_is_local_to_the_caller_and_comes_for_nothing_too(make_queue: MakeQueue) -> None:
    queue, other = make_queue(), make_queue()
    heard, heard_other = Heard(queue, "cleaned"), Heard(other, "cleaned")
    job = queue.add("n", {})
    assert queue.clean(0, "wait") == [job.id]
    assert queue.clean(0) == []
    assert heard.of("cleaned") == [([job.id], "wait"), ([], "completed")]
    assert heard_other.calls == []


@contract("S-221", "Q-05")
def test_the_time_of_the_finish_counts(queue: Queue, run_worker: RunWorker) -> None:
    run_worker(processor(queue, lambda job: None))
    long_ago = now_ms() - 10_000
    jobs = [queue.add("n", {}, timestamp=long_ago) for _ in range(2)]
    wait_until(lambda: queue.get_completed_count() == 2)
    assert queue.clean(5000) == []
    wait_until(lambda: now_ms() > stored(queue, jobs[1]).finished_on + 120)
    assert queue.clean(100, "completed") == ids(jobs)
    assert queue.get_job(jobs[0].id) is None


@contract("S-222")
def test_a_limit_takes_the_oldest(queue: Queue) -> None:
    for _ in range(5):
        queue.add("n", {})
    assert queue.clean(0, "wait", 2) == ["1", "2"]
    assert ids(queue.get_waiting()) == ["3", "4", "5"]


@contract("S-222")
def test_a_limit_takes_those_that_finished_first(queue: Queue, run_worker: RunWorker) -> None:
    run_worker(processor(queue, lambda job: None))
    for _ in range(4):
        queue.add("n", {})
    wait_until(lambda: queue.get_completed_count() == 4)
    assert queue.clean(0, "completed", 3) == ["1", "2", "3"]
    assert ids(queue.get_completed()) == ["4"]


@contract("S-223")
def test_only_old_jobs_count_towards_a_limit(queue: Queue) -> None:
    for age in (0, 6000, 0):
        queue.add("n", {}, timestamp=now_ms() - age)
    assert queue.clean(5000, "wait", 1) == ["2"]
    assert ids(queue.get_waiting()) == ["1", "3"]


@contract("S-224", "Q-04")
def test_delayed_jobs_are_cleaned_with_a_limit_too(queue: Queue) -> None:
    for _ in range(2):
        queue.add("n", {}, delay=9000)
    assert queue.clean(0, "delayed") == ["1", "2"]
    for _ in range(3):
        queue.add("n", {}, delay=9000)
    assert queue.clean(0, "delayed", 2) == ["3", "4"]
    assert ids(queue.get_delayed()) == ["5"]


@contract("S-225")
def test_only_an_unlocked_active_job_is_cleaned(
    make_queue: MakeQueue, run_worker: RunWorker, runs: Runs, gate: Gate
) -> None:
    queue = make_queue(settings={"stalled_interval": 0})

    def handle(job: Job) -> None:
        runs.note(job)
        if job.name == "unlocked":
            job.release_lock()
        gate.pass_through()

    run_worker(processor(queue, handle, concurrency=2))
    locked, unlocked = queue.add("locked", {}), queue.add("unlocked", {})
    wait_until(lambda: len(runs) == 2)
    wait_until(lambda: queue.clean(0, "active") == [unlocked.id])
    assert ids(queue.get_active()) == [locked.id]
    assert queue.get_job(unlocked.id) is None
    gate.open()
    wait_until(lambda: locked.get_state() == "completed")


@contract("S-226", "Q-03")
def test_failed_jobs_with_logs_leave_no_key(
    queue: Queue, run_worker: RunWorker, connection: redis.Redis
) -> None:
    def handle(job: Job) -> None:
        job.log("about to fail")
        raise RuntimeError("boom")

    run_worker(processor(queue, handle))
    for _ in range(3):
        queue.add("n", {})
    wait_until(lambda: queue.get_failed_count() == 3)
    assert queue.clean(0, "failed") == ["1", "2", "3"]
    assert [key for key in keys_of(connection, queue) if "rq:job:" in key or ":log" in key] == []


@contract("S-222")
def test_waiting_jobs_of_a_paused_queue_are_called_paused(queue: Queue) -> None:
    queue.add("n", {}, priority=3)
    queue.add("n", {})
    queue.pause()
    assert queue.clean(0, "wait") == []
    assert queue.clean(0, "paused") == ["1", "2"]
    assert queue.get_counts_per_priority([3]) == {"3": 0}


@contract("S-222", "S-226")
def test_more_jobs_than_one_step_takes_are_cleaned(queue: Queue) -> None:
    old = now_ms() - 60_000
    queue.add_bulk(
        [{"name": "n", "opts": {"timestamp": old if number % 2 else old + 120_000}} for number in range(2600)]
    )
    assert queue.clean(1000, "wait", 1100) == [str(number) for number in range(2, 2202, 2)]
    assert queue.clean(1000, "wait") == [str(number) for number in range(2202, 2602, 2)]
    assert ids(queue.get_waiting()) == [str(number) for number in range(1, 2600, 2)]
    queue.add_bulk([{"name": "n", "opts": {"delay": 60_000 + number}} for number in range(2100)])
    assert len(queue.clean(0, "delayed", 1500)) == 1500
    assert len(queue.clean(0, "delayed")) == 600


# empty


@contract("S-227", "Q-03")
def test_empty_deletes_what_waits(queue: Queue, connection: redis.Redis) -> None:
    jobs = queue.add_bulk([{"name": "n", "opts": {"priority": number % 3}} for number in range(100)])
    queue.add("n", {}, job_id="later", delay=60_000)
    jobs[0].log("a row")
    queue.empty()
    assert queue.count() == 0
    assert queue.get_counts_per_priority([1, 2]) == {"1": 0, "2": 0}
    assert [key for key in keys_of(connection, queue) if "rq:job:" in key or ":log" in key] == []
    assert queue.add("n", {}, job_id="later").get_state() == "waiting"


@contract("Q-02")
def test_empty_leaves_a_paused_queue_paused(queue: Queue, run_worker: RunWorker, runs: Runs) -> None:
    run_worker(processor(queue, noted(runs)))
    queue.pause()
    queue.add_bulk([{"name": "n"} for _ in range(2100)])
    queue.empty()
    assert queue.is_paused()
    job = queue.add("after", {})
    assert (queue.count(), job.get_state()) == (1, "paused")
    queue.resume()
    wait_until(lambda: job.get_state() == "completed")
    assert runs.names == ["after"]


@contract("S-228")
def test_empty_leaves_running_and_finished_jobs_and_repeatables(
    queue: Queue, run_worker: RunWorker, runs: Runs, gate: Gate
) -> None:
    def handle(job: Job) -> None:
        runs.note(job)
        if job.name == "fails":
            raise RuntimeError("boom")
        if job.name == "runs":
            gate.pass_through()

    run_worker(processor(queue, handle))
    done = [queue.add(name, {}) for name in ("completes", "fails")]
    wait_until(lambda: [job.get_state() for job in done] == ["completed", "failed"])
    running = queue.add("runs", {})
    wait_until(lambda: len(runs) == 3)
    queue.add("repeats", {}, repeat={"every": 3_600_000})
    queue.add("waits", {})
    queue.empty()
    counts = queue.get_job_counts("waiting", "active", "completed", "failed", "delayed", "repeat")
    assert counts == {"waiting": 0, "active": 1, "completed": 1, "failed": 1, "delayed": 0, "repeat": 1}
    gate.open()
    wait_until(lambda: running.get_state() == "completed")


# obliterate


@contract("S-229")
def test_a_queue_with_running_jobs_is_not_obliterated(
    queue: Queue, run_worker: RunWorker, runs: Runs, gate: Gate
) -> None:
    def handle(job: Job) -> None:
        runs.note(job)
        gate.pass_through()

    heard = Heard(queue, "paused", "global:paused")
    run_worker(processor(queue, handle))
    running, waiting = queue.add("n", {}), queue.add("n", {})
    wait_until(lambda: len(runs) == 1)
    with pytest.raises(ActiveJobs) as caught:
        queue.obliterate()
    assert str(caught.value) == "Cannot obliterate queue with active jobs"
    assert queue.is_paused()
    assert (running.get_state(), waiting.get_state()) == ("active", "paused")
    wait_until(lambda: sorted(heard.names) == ["global:paused", "paused"])


@contract("S-230", "Q-48")
def test_nothing_is_left_of_an_obliterated_queue(
    make_queue: MakeQueue, run_worker: RunWorker, runs: Runs, gate: Gate, connection: redis.Redis
) -> None:
    queue, other = make_queue(), make_queue()

    def handle(job: Job) -> None:
        runs.note(job)
        if job.name == "fails":
            raise RuntimeError("boom")
        if job.name == "runs":
            gate.pass_through()

    heard = Heard(queue, "error", "completed")
    worker = run_worker(processor(queue, handle))
    done = [queue.add(name, {}) for name in ("completes", "fails")]
    wait_until(lambda: [job.get_state() for job in done] == ["completed", "failed"])
    queue.add("runs", {})
    wait_until(lambda: len(runs) == 3)
    queue.add("later", {}, delay=60_000)
    queue.add("repeats", {}, repeat={"every": 3_600_000})
    queue.add("waits", {}, priority=4).log("a row")
    queue.obliterate(force=True, count=2)
    assert not queue.is_paused()
    assert sum(queue.get_job_counts().values()) == queue.get_repeatable_count() == 0
    gate.open()
    wait_until(lambda: heard.count("error") == 1)
    assert isinstance(heard.of("error")[0][0], MissingKey)
    assert str(heard.of("error")[0][0]) == "Missing key for job 3 finished"
    worker.close()
    other.obliterate()
    assert keys_of(connection, other) == []
    assert not connection.sismember("rq:queues", f"rq:queue:{queue.name}")
    assert other.add("n", {}).id == "1"


@contract("S-230")
def test_a_queue_resumed_meanwhile_is_not_obliterated(make_queue: MakeQueue) -> None:
    queue, other = make_queue(), make_queue()
    queue.add("n", {})
    queue.on("paused", other.resume)
    with pytest.raises(NotPaused) as caught:
        queue.obliterate()
    assert str(caught.value) == "Cannot obliterate non-paused queue"
    assert queue.count() == 1


# retry_jobs


@contract("S-080")
def test_all_failed_jobs_run_again_in_the_order_of_their_failures(
    queue: Queue, run_worker: RunWorker, runs: Runs
) -> None:
    run_worker(processor(queue, fail_first(runs)))
    for number in range(8):
        queue.add(str(number), {}, lifo=number == 5)
    wait_until(lambda: queue.get_failed_count() == 8)
    queue.retry_jobs(count=2)
    wait_until(lambda: queue.get_completed_count() == 8)
    assert runs.names[8:] == runs.names[:8]


@contract("S-081")
def test_what_retry_jobs_changes_and_announces(queue: Queue, run_worker: RunWorker, runs: Runs) -> None:
    worker = run_worker(processor(queue, always_failing(runs)))
    job = queue.add("n", {}, attempts=2)
    wait_until(lambda: job.get_state() == "failed")
    worker.close()
    heard = Heard(queue, "waiting", "global:waiting", "global:resumed")
    queue.retry_jobs()
    found = stored(queue, job)
    assert (found.get_state(), found.attempts_made, len(found.stacktrace)) == ("waiting", 2, 2)
    assert (found.finished_on, found.processed_on, found.failed_reason) == (None, None, None)
    assert found.retried_on is None
    queue.resume()  # a later event of the same queue: what was announced before it has arrived
    wait_until(lambda: heard.count("global:resumed") == 1)
    assert heard.names == ["global:resumed"]


@contract("Q-11")
def test_retry_jobs_honours_priorities(queue: Queue, run_worker: RunWorker, runs: Runs) -> None:
    worker = run_worker(processor(queue, always_failing(runs)))
    for name, priority in (("plain", None), ("second", 5), ("first", 1)):
        queue.add(name, {}, priority=priority)
    wait_until(lambda: queue.get_failed_count() == 3)
    worker.close()
    queue.add("waits", {})
    queue.retry_jobs()
    assert names(queue.get_waiting()) == ["first", "second", "waits", "plain"]


@contract("S-080")
def test_jobs_that_fail_again_are_not_retried_for_ever(
    queue: Queue, run_worker: RunWorker, runs: Runs
) -> None:
    run_worker(processor(queue, always_failing(runs)))
    queue.add_bulk([{"name": "n"} for _ in range(50)])
    wait_until(lambda: queue.get_failed_count() == 50)
    queue.retry_jobs(count=1)
    wait_until(lambda: queue.get_failed_count() == 50 and len(runs) == 100)
    queue.pause()
    queue.retry_jobs()
    assert queue.get_paused_count() == 50


# What lies between milliseconds, and what other tools have put there


@contract("S-222")
def test_a_grace_of_zero_takes_what_was_added_in_this_very_millisecond(queue: Queue) -> None:
    job = queue.add("n", {})
    at_that_moment = QueueStore(queue.connection, queue.store.keys, now_ms=job.timestamp)
    for grace, taken in ((1, []), (0, [job.rq_id])):
        assert list(maintaining.clean(at_that_moment, "wait", grace, 0)) == taken


@contract("S-224", "S-227", "S-230", "S-080")
def test_entries_of_other_tools_stay_until_the_queue_is_obliterated(
    queue: Queue, connection: redis.Redis
) -> None:
    in_an_hour = now_ms() // 1000 + 3600
    foreign = {f"rq:{kind}:{queue.name}": f"foreign-{kind}" for kind in ("scheduled", "failed", "wip")}
    for key, member in foreign.items():
        connection.zadd(key, {member: in_an_hour})
        connection.hset(f"rq:job:{member}", "origin", queue.name)
    queue.empty()
    queue.retry_jobs()
    queue.remove_jobs("*")
    assert [queue.clean(0, kind) for kind in ("delayed", "failed", "active")] == [[], [], []]
    for key, member in foreign.items():
        assert connection.zscore(key, member) == in_an_hour
    with pytest.raises(ActiveJobs):
        queue.obliterate()
    queue.obliterate(force=True)
    assert keys_of(connection, queue) == []
    assert not any(connection.exists(f"rq:job:{member}") for member in foreign.values())


@contract("S-222", "S-227", "S-219")
def test_poisoned_entries_are_removed_like_any_other(queue: Queue, connection: redis.Redis) -> None:
    for command in (lambda: queue.clean(0, "wait"), queue.empty):
        connection.set(f"rq:job:{queue.name}__bad", "not a hash")
        connection.rpush(f"rq:queue:{queue.name}", f"{queue.name}__bad", "gone", b"\xff\x00")
        job = queue.add("n", {})
        command()
        assert (queue.count(), queue.get_job(job.id)) == (0, None)
        assert not connection.exists(f"rq:job:{queue.name}__bad")
    connection.set(f"rq:job:{queue.name}__bad", "not a hash")
    queue.remove_jobs("b*")
    assert not connection.exists(f"rq:job:{queue.name}__bad")
