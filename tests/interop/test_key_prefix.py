"""RQ_KEY_PREFIX: one setting moves RQ's keys and ours together; with braces, into one slot of a cluster."""

from __future__ import annotations

import pytest
import redis

from bthwani_jobs import Queue
from bthwani_jobs.runtime.stalled_checker import check
from tests.chaos.invariants import assert_consistent
from tests.interop.project import OURS, Project

PREFIX = "{shop}"


@pytest.mark.parametrize("settings", [{}, OURS], ids=["stock worker", "our worker"])
def test_everything_lies_under_the_prefix(
    project: Project,
    connection: redis.Redis,
    queue_name: str,
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, str],
) -> None:
    before = set(connection.scan_iter(count=1000))
    monkeypatch.setenv("RQ_KEY_PREFIX", PREFIX)
    queue = Queue(queue_name, connection)
    for name, options in (("plain", {}), ("first", {"priority": 1}), ("later", {"delay": 3_600_000})):
        queue.add(name, {}, job_id=name, **options)
    queue.add("tick", {}, repeat={"every": 3_600_000})
    project.run_rq("worker", "--burst", queue_name, env={"RQ_KEY_PREFIX": PREFIX, **settings})
    check(queue, now=True)

    assert project.starts() == ["first", "plain"]
    assert {job.id for job in queue.get_completed()} == {"first", "plain"}
    assert_consistent(connection, queue_name, PREFIX)
    made = {key for key in set(connection.scan_iter(count=1000)) - before if not key.startswith(b"test:")}
    strays = [key for key in made if not key.startswith(PREFIX.encode())]
    connection.delete(*made)
    queue.close()
    assert strays == []
