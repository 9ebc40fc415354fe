"""Bulk adds stay short for the server, and whole for the caller."""

from __future__ import annotations

import redis

from bthwani_jobs import Queue
from bthwani_jobs.store import adding
from bthwani_jobs.store.adding import NewJob
from tests.chaos.invariants import assert_consistent


def _calls(connection: redis.Redis) -> int:
    stats = connection.info("commandstats")
    return sum(stats.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in ("eval", "evalsha"))


def test_a_call_stops_before_it_costs_too_much_and_the_rest_is_sent_again(
    queue: Queue, connection: redis.Redis
) -> None:
    """Each prioritised job costs time for every prioritised one ahead of it."""
    queue.add_bulk([{"name": "a", "opts": {"priority": 1}}] * 1500)
    before = _calls(connection)
    jobs = queue.add_bulk([{"name": "b", "opts": {"priority": 2}}] * 1000)

    assert _calls(connection) - before >= 2
    assert [job.id for job in jobs] == [str(n) for n in range(1501, 2501)]
    waiting = [job.id for job in queue.get_waiting()]
    assert waiting == [str(n) for n in range(1, 2501)]


def test_plain_jobs_go_a_thousand_a_call(queue: Queue, connection: redis.Redis) -> None:
    queue.add("a")
    before = _calls(connection)
    queue.add_bulk([{"name": "a"}] * 2500)
    assert _calls(connection) - before == 3


def test_automatic_ids_skip_chosen_ones(queue: Queue, connection: redis.Redis) -> None:
    for taken in ("2", "3"):
        queue.add("a", {}, job_id=taken)
    assert [queue.add("a").id for _ in range(3)] == ["4", "5", "6"]
    assert_consistent(connection, queue.name)


def test_every_add_consumes_a_number(queue: Queue, connection: redis.Redis) -> None:
    for _ in range(3):
        queue.add("a", {}, job_id="same")
    assert queue.add("a").id == "4"


def test_a_duplicate_inside_one_bulk_is_stored_once(queue: Queue, connection: redis.Redis) -> None:
    new = [NewJob(f"{queue.name}__x", "a", f'{{"n":{n}}}', "") for n in range(2)]
    assert [added.is_new for added in adding.add_jobs(queue.store, new)] == [True, False]
    assert queue.get_job("x").data == {"n": 0}
    assert_consistent(connection, queue.name)


def test_data_passes_through_untouched(queue: Queue) -> None:
    """What cjson would change: empty lists, big numbers, deep nesting, unicode, control characters."""
    data = {"empty": [], "none": {}, "big": 2**53 + 1, "deep": [[[[]]]], "float": 1e300}
    data["text"] = "\x00\x1e\x1f\u2028ضصث🚚"
    queue.add("a", data, job_id="x")
    assert queue.get_job("x").data == data
