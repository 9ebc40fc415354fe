"""rq-dashboard as it is, in a bare Flask application: it shows our jobs, its buttons leave nothing behind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis
import rq_dashboard
from flask import Flask
from flask.testing import FlaskClient

from bthwani_jobs import Processor, Queue, harden
from bthwani_jobs.runtime.stalled_checker import check
from bthwani_jobs.store.claiming import FinishedRun, StepClient
from bthwani_jobs.store.keys import QueueKeys
from tests.chaos.invariants import FIRST_SCORE, assert_consistent, snapshot
from tests.conftest import RunWorker
from tests.interop.states import fill
from tests.support.redis_server import RedisServer
from tests.support.waiting import wait_until

REGISTRIES = ["queued", "scheduled", "deferred", "started", "finished", "failed", "canceled"]
IDS = ["completed", "failed", "retried", "active", "delayed", "waiting", "prioritised", "urgent"]
IN_REGISTRY = {
    "queued": ["urgent", "prioritised", "waiting"],
    "scheduled": ["retried", "delayed"],
    "started": ["active"],
    "finished": ["completed"],
    "failed": ["failed"],
}


@pytest.fixture
def dashboard(redis_server: RedisServer) -> Iterator[FlaskClient]:
    harden()
    app = Flask(__name__)
    app.config.from_object(rq_dashboard.default_settings)
    app.config["RQ_DASHBOARD_REDIS_URL"] = redis_server.url
    rq_dashboard.web.setup_rq_connection(app)
    app.register_blueprint(rq_dashboard.blueprint, url_prefix="/rq")
    app.testing = True
    with app.test_client() as client:
        # Its POST routes act through the connection that the latest view has opened.
        assert client.get("/rq/0/data/queues.json").status_code == 200
        yield client
    app.redis_conn.close()


@pytest.fixture
def filled(queue: Queue, connection: redis.Redis, run_worker: RunWorker) -> Queue:
    """A queue with a job in every state, some with logs."""
    fill(queue, connection, run_worker)
    return queue


def _ids_of(dashboard: FlaskClient, queue: Queue, registry: str) -> list[str]:
    answer = dashboard.get(f"/rq/0/data/jobs/{queue.name}/{registry}/20/asc/1.json")
    assert answer.status_code == 200, answer.data
    return [row["id"].rpartition("__")[2] for row in answer.json["jobs"]]


def _settle(queue: Queue, run_worker: RunWorker) -> None:
    """Whoever ran the active job is gone; a worker of ours passes by and clears up."""
    leases = queue.connection.zrange(f"rq:wip:{queue.name}", 0, -1)
    if leases:
        queue.connection.zadd(f"rq:wip:{queue.name}", dict.fromkeys(leases, FIRST_SCORE))
    processor = Processor(queue.name)
    processor.process("*")(lambda job: "done")
    worker = run_worker(processor, queues=[queue])
    wait_until(lambda: queue.get_waiting_count() + queue.get_active_count() == 0)
    check(queue, now=True)
    worker.close()


def _press(dashboard: FlaskClient, path: str) -> None:
    answer = dashboard.post(f"/rq/{path}")
    assert answer.status_code == 200, answer.data
    assert answer.json["status"] == "OK"


def test_pages_and_lists(dashboard: FlaskClient, filled: Queue, connection: redis.Redis) -> None:
    before = snapshot(connection, filled.name)
    for registry in REGISTRIES:
        page = dashboard.get(f"/rq/0/view/jobs/{filled.name}/{registry}/20/asc/1")
        assert page.status_code == 200
        assert _ids_of(dashboard, filled, registry) == IN_REGISTRY.get(registry, [])
    for path in ("", "view/workers", "data/queues.json", "data/workers.json"):
        assert dashboard.get(f"/rq/0/{path}", follow_redirects=True).status_code == 200
    row = next(
        each for each in dashboard.get("/rq/0/data/queues.json").json["queues"] if each["name"] == filled.name
    )

    assert row["queued_job_registry_count" if "queued_job_registry_count" in row else "count"] == 3
    assert snapshot(connection, filled.name) == before
    assert_consistent(connection, filled.name)


@pytest.mark.parametrize("job_id", IDS)
def test_job_pages(dashboard: FlaskClient, filled: Queue, connection: redis.Redis, job_id: str) -> None:
    job = filled.get_job(job_id)
    assert dashboard.get(f"/rq/0/view/job/{job.rq_id}").status_code == 200
    shown = dashboard.get(f"/rq/0/data/job/{job.rq_id}.json")

    assert shown.status_code == 200
    assert shown.json["id"] == job.rq_id
    assert shown.json["description"] == job.name
    assert shown.json["origin"] == filled.name
    assert_consistent(connection, filled.name)


def test_requeue(
    dashboard: FlaskClient, filled: Queue, connection: redis.Redis, run_worker: RunWorker
) -> None:
    _press(dashboard, f"job/{filled.get_job('failed').rq_id}/requeue")
    assert [job.id for job in filled.get_waiting()][-1] == "failed"
    assert_consistent(connection, filled.name)
    _settle(filled, run_worker)

    assert filled.get_job("failed").is_completed()
    assert_consistent(connection, filled.name)


@pytest.mark.parametrize("job_id", [each for each in IDS if each != "failed"])
def test_requeue_of_what_has_not_failed_changes_nothing(
    dashboard: FlaskClient, filled: Queue, connection: redis.Redis, job_id: str
) -> None:
    dashboard.application.testing = False  # an error is an answer here
    before = snapshot(connection, filled.name)
    assert dashboard.post(f"/rq/job/{filled.get_job(job_id).rq_id}/requeue").status_code == 500

    assert snapshot(connection, filled.name) == before


def test_requeue_of_all(
    dashboard: FlaskClient, filled: Queue, connection: redis.Redis, run_worker: RunWorker
) -> None:
    _press(dashboard, f"requeue/{filled.name}")
    assert filled.get_failed_count() == 0
    _settle(filled, run_worker)

    assert filled.get_job("failed").is_completed()
    assert_consistent(connection, filled.name)


@pytest.mark.parametrize("job_id", IDS)
def test_delete(
    dashboard: FlaskClient, filled: Queue, connection: redis.Redis, run_worker: RunWorker, job_id: str
) -> None:
    _press(dashboard, f"job/{filled.get_job(job_id).rq_id}/delete")
    assert filled.get_job(job_id) is None
    _settle(filled, run_worker)

    assert filled.get_job(job_id) is None
    assert_consistent(connection, filled.name)


def test_delete_of_a_job_that_a_worker_runs(
    dashboard: FlaskClient, queue: Queue, connection: redis.Redis
) -> None:
    """Its outcome is dropped; nothing of it comes back."""
    job = queue.add("a", {}, job_id="a")
    steps = StepClient(connection, QueueKeys(queue.name), "someone", "token", 60_000)
    (claimed,) = steps.step([], 1, False).jobs
    _press(dashboard, f"job/{job.rq_id}/delete")
    reply = steps.step([_completed(claimed.rq_id, claimed.token)], 0, True)
    steps.connection.drop()
    check(queue, now=True)

    assert list(reply.lost.values()) == ["missing_key"]
    assert queue.get_jobs() == []
    assert_consistent(connection, queue.name)


def test_delete_in_a_paused_queue(
    dashboard: FlaskClient, queue: Queue, connection: redis.Redis, run_worker: RunWorker
) -> None:
    """The dashboard cannot see the paused list: the entry is dropped when its turn comes."""
    for n in range(3):
        queue.add("a", {}, job_id=f"a{n}", priority=n)
    queue.pause()
    _press(dashboard, f"job/{queue.get_job('a1').rq_id}/delete")
    queue.resume()
    _settle(queue, run_worker)

    assert {job.id for job in queue.get_completed()} == {"a0", "a2"}
    assert_consistent(connection, queue.name)


@pytest.mark.parametrize("registry", list(IN_REGISTRY))
def test_empty(
    dashboard: FlaskClient, filled: Queue, connection: redis.Redis, run_worker: RunWorker, registry: str
) -> None:
    _press(dashboard, f"queue/{filled.name}/{registry}/empty")
    assert _ids_of(dashboard, filled, registry) == []
    _settle(filled, run_worker)

    left = {job.id for job in filled.get_jobs()}
    assert left == set(IDS) - set(IN_REGISTRY[registry])
    assert_consistent(connection, filled.name)


def test_compact_keeps_the_order(
    dashboard: FlaskClient, filled: Queue, connection: redis.Redis, run_worker: RunWorker
) -> None:
    filled.add("late", {}, job_id="late")
    connection.rpush(f"rq:queue:{filled.name}", f"{filled.name}__nobody")
    _press(dashboard, f"queue/{filled.name}/compact")

    assert [job.id for job in filled.get_waiting()] == ["urgent", "prioritised", "waiting", "late"]
    assert_consistent(connection, filled.name)
    filled.add("soon", {}, job_id="soon", priority=2)
    assert [job.id for job in filled.get_waiting()][:3] == ["urgent", "soon", "prioritised"]


def _completed(rq_id: str, token: str) -> FinishedRun:
    return FinishedRun(rq_id, token, "complete", '"done"')
