"""rq-dashboard's addresses with our jobs: what they show, and that changes leave nothing behind."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import rq
from flask.testing import FlaskClient

from bthwani_jobs import Job, Processor, Queue, Worker
from processors.resources import Resources
from tests.support.waiting import wait_until

Q = "/admin/queues"
RunWorker = Callable[..., Worker]


@pytest.fixture
def emails(resources: Resources) -> Queue:
    return resources.queues["emails"]


@pytest.fixture
def run_worker(connection: redis.Redis, resources: Resources) -> Iterator[RunWorker]:
    """A started worker on the application's Redis."""
    workers: list[Worker] = []

    def run(processor: Processor) -> Worker:
        worker = Worker([resources.queues[processor.name]], connection, processors=[processor])
        workers.append(worker)
        worker.start()
        return worker

    yield run
    for worker in workers:
        worker.close()


def failing() -> Processor:
    processor = Processor("emails")

    @processor.process("send-email")
    def send(job: Job) -> None:
        job.log("connecting")
        job.progress(40)
        raise ConnectionError("SMTP 451: try again")

    return processor


def added(queue: Queue, name: str = "send-email", data: Any = None, **options: Any) -> Job:
    job = queue.add(name, data if data is not None else {}, **{"attempts": 1, **options})
    assert job is not None
    return job


def listed(client: FlaskClient, registry: str, queue: str = "emails", paging: str = "20/asc/1") -> Any:
    answer = client.get(f"{Q}/0/data/jobs/{queue}/{registry}/{paging}.json")
    assert answer.status_code == 200, answer.text
    return answer.json


def ids(listing: Any) -> list[str]:
    return [job["id"] for job in listing["jobs"]]


def error_of(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json["error"]["code"]


def keys_of(connection: redis.Redis, job: Job) -> list[bytes]:
    """Every key that names the job, and every list, set or zset that holds it."""
    found = list(connection.scan_iter(f"*{job.rq_id}*"))
    for key in connection.scan_iter("*"):
        kind = connection.type(key)
        if kind == b"list" and job.rq_id.encode() in connection.lrange(key, 0, -1):
            found.append(key)
        if kind == b"zset" and any(job.rq_id.encode() in member for member in connection.zrange(key, 0, -1)):
            found.append(key)
    return found


# Reading


def test_our_jobs_are_listed_in_the_order_they_run(admin_client: FlaskClient, emails: Queue) -> None:
    plain, first = added(emails), added(emails, priority=1)
    listing = listed(admin_client, "queued")
    assert ids(listing) == [first.rq_id, plain.rq_id]
    assert ids(listed(admin_client, "queued", paging="20/dsc/1")) == [plain.rq_id, first.rq_id]
    row = listing["jobs"][0]
    assert (row["description"], row["status"]) == ("send-email", "queued")
    assert (row["bull"]["id"], row["bull"]["name"], row["bull"]["priority"]) == (first.id, "send-email", 1)


def test_pages_hold_what_they_say(admin_client: FlaskClient, emails: Queue) -> None:
    everything = [job.rq_id for job in emails.add_bulk([{"name": "send-email"}] * 7)]
    delayed = [added(emails, delay=60_000 + position).rq_id for position in range(7)]
    for registry, wanted in (("queued", everything), ("scheduled", delayed)):
        pages = [listed(admin_client, registry, paging=f"3/asc/{number}") for number in (1, 2, 3, 4)]
        assert [ids(page) for page in pages] == [wanted[:3], wanted[3:6], wanted[6:], []]
        backwards = [ids(listed(admin_client, registry, paging=f"3/dsc/{number}")) for number in (1, 2, 3)]
        assert [job for page in backwards for job in page] == wanted[::-1]
        assert pages[0]["total"] == 7
        assert pages[0]["pagination"]["num_pages"] == 3
        assert "prev_page" not in pages[0]["pagination"]
        assert pages[1]["pagination"]["next_page"]["url"] == f"{Q}/0/view/jobs/emails/{registry}/3/asc/3"


@pytest.mark.parametrize(
    "path",
    ["emails/nowhere/8/asc/1", "emails/queued/0/asc/1", "emails/queued/8/asc/0", "emails/queued/x/asc/1",
     "emails/queued/8/sideways/1", "emails/queued/9999/asc/1", "%20/queued/8/asc/1"],
)  # fmt: skip
def test_lists_that_do_not_exist_are_not_found(admin_client: FlaskClient, path: str) -> None:
    assert admin_client.get(f"{Q}/0/data/jobs/{path}.json").status_code == 404


def test_the_jobs_of_a_paused_queue_are_still_shown(admin_client: FlaskClient, emails: Queue) -> None:
    job = added(emails)
    emails.pause()
    assert ids(listed(admin_client, "queued")) == [job.rq_id]
    (row,) = admin_client.get(f"{Q}/0/data/queues.json").json["queues"]
    assert row["bull"]["isPaused"] is True
    assert row["bull"]["counts"]["paused"] == 1
    assert admin_client.post(f"{Q}/queue/emails/queued/empty").json == {"status": "OK", "count": 1}
    assert emails.count() == 0


def test_the_queues_are_counted_by_bulls_states(admin_client: FlaskClient, emails: Queue) -> None:
    added(emails)
    added(emails, delay=60_000)
    (row,) = admin_client.get(f"{Q}/0/data/queues.json").json["queues"]
    assert (row["name"], row["count"]) == ("emails", 1)
    assert (row["bull"]["counts"]["waiting"], row["bull"]["counts"]["delayed"]) == (1, 1)


def test_a_failed_job_tells_everything(
    admin_client: FlaskClient, emails: Queue, run_worker: RunWorker
) -> None:
    job = added(emails, data={"to": "أمل"}, attempts=2, backoff={"type": "fixed", "delay": 1})
    run_worker(failing())
    wait_until(lambda: job.is_failed())
    shown = admin_client.get(f"{Q}/bull/{job.rq_id}.json").json
    assert (shown["id"], shown["queue"], shown["name"], shown["state"]) == (
        job.id,
        "emails",
        "send-email",
        "failed",
    )
    assert shown["data"] == {"to": "أمل"}
    assert shown["opts"]["attempts"] == shown["attempts"] == shown["attemptsMade"] == 2
    assert shown["failedReason"] == "SMTP 451: try again"
    assert len(shown["stacktrace"]) == 2
    assert all("ConnectionError: SMTP 451" in trace for trace in shown["stacktrace"])
    assert shown["progress"] == 40
    assert shown["logs"] == {"logs": ["connecting", "connecting"], "count": 2}
    assert shown["timestamp"] <= shown["processedOn"] <= shown["finishedOn"]
    (row,) = listed(admin_client, "failed")["jobs"]
    assert row["bull"]["failedReason"] == "SMTP 451: try again"


def test_a_job_that_waits_for_its_next_attempt_says_when(
    admin_client: FlaskClient, emails: Queue, run_worker: RunWorker
) -> None:
    job = added(emails, attempts=2, backoff={"type": "fixed", "delay": 60_000})
    run_worker(failing())
    wait_until(lambda: job.is_delayed())
    shown = admin_client.get(f"{Q}/bull/{job.rq_id}.json").json
    assert 59_000 < shown["dueOn"] - shown["processedOn"] < 65_000
    assert listed(admin_client, "scheduled")["jobs"][0]["bull"]["dueOn"] == shown["dueOn"]


def test_any_text_can_be_an_id(admin_client: FlaskClient, emails: Queue) -> None:
    job = added(emails, job_id="تذكير/1:a b?#<img>")
    (row,) = listed(admin_client, "queued")["jobs"]
    assert row["bull"]["id"] == "تذكير/1:a b?#<img>"
    assert admin_client.get(f"{Q}/0/view/job/{row['id']}").status_code == 200
    assert admin_client.get(f"{Q}/bull/{row['id']}.json").json["id"] == job.id


@pytest.mark.parametrize("rq_id", ["emails__404", "no-such-job", "a__", "_", "emails___zz"])
def test_an_unknown_job_is_not_found(admin_client: FlaskClient, rq_id: str) -> None:
    page = admin_client.get(f"{Q}/0/view/job/{rq_id}")
    assert page.status_code == 404
    assert "text/html" in page.content_type
    for path in (f"0/data/job/{rq_id}.json", f"bull/{rq_id}.json"):
        assert error_of(admin_client.get(f"{Q}/{path}")) == (404, "job_not_found")
    for action in ("delete", "requeue"):
        assert error_of(admin_client.post(f"{Q}/job/{rq_id}/{action}")) == (404, "job_not_found")


def test_a_job_of_plain_rq_is_shown_with_its_dependency(
    admin_client: FlaskClient, connection: redis.Redis
) -> None:
    plain = rq.Queue("emails", connection=connection)
    first = plain.enqueue("os.getpid", job_id="plain-1")
    second = plain.enqueue("os.getpid", job_id="plain-2", depends_on=first)
    (row,) = listed(admin_client, "queued")["jobs"]
    assert (row["id"], row["bull"], row["description"]) == ("plain-1", None, "os.getpid()")
    assert ids(listed(admin_client, "deferred")) == ["plain-2"]
    shown = admin_client.get(f"{Q}/0/data/job/{second.id}.json").json
    assert (shown["depends_on"], shown["depends_on_status"]) == (["plain-1"], ["active"])
    assert error_of(admin_client.get(f"{Q}/bull/plain-1.json")) == (404, "job_not_found")
    assert admin_client.get(f"{Q}/0/view/job/plain-1").status_code == 200


def test_one_bad_record_does_not_hide_the_others(
    admin_client: FlaskClient, emails: Queue, connection: redis.Redis
) -> None:
    good, bad_options, bad_status = added(emails), added(emails), added(emails)
    connection.hset(f"rq:job:{bad_options.rq_id}", "o", "{not json")
    connection.hset(f"rq:job:{bad_status.rq_id}", "status", "waiting")
    connection.set("rq:job:emails__text", "not a hash")
    connection.rpush("rq:queue:emails", "emails__text", "a.b", "emails__gone")
    before = connection.lrange("rq:queue:emails", 0, -1)
    rows = listed(admin_client, "queued")["jobs"]
    assert [row["id"] for row in rows if "unreadable" not in row] == [good.rq_id]
    assert len(rows) == 6
    assert connection.lrange("rq:queue:emails", 0, -1) == before, "looking changes nothing"
    assert error_of(admin_client.get(f"{Q}/bull/{bad_options.rq_id}.json")) == (409, "job_unreadable")


class Planted:
    """Runs code where it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return (os.mkdir, (str(self.marker),))


def test_a_pickle_planted_in_redis_is_not_run(
    admin_client: FlaskClient, connection: redis.Redis, tmp_path: Path
) -> None:
    job = rq.Queue("emails", connection=connection).enqueue("os.getpid", job_id="planted")
    marker = tmp_path / "it-ran"
    for field in ("meta", "data", "result"):
        connection.hset(job.key, field, pickle.dumps(Planted(marker)))
    for path in ("0/data/jobs/emails/queued/8/asc/1.json", "0/data/job/planted.json", "0/view/job/planted"):
        assert admin_client.get(f"{Q}/{path}").status_code < 500
    assert not marker.exists()


def test_only_the_one_redis_is_there(admin_client: FlaskClient) -> None:
    assert admin_client.get(f"{Q}/1/view/queues").status_code == 404
    assert admin_client.get(f"{Q}/1/data/queues.json").status_code == 404


def test_looking_opens_no_connections(
    admin_client: FlaskClient, emails: Queue, connection: redis.Redis
) -> None:
    added(emails)
    listed(admin_client, "queued")
    before = connection.info("stats")["total_connections_received"]
    for _ in range(20):
        listed(admin_client, "queued")
        admin_client.get(f"{Q}/0/data/queues.json")
    assert connection.info("stats")["total_connections_received"] == before


def test_workers_show_all_they_run(admin_client: FlaskClient, emails: Queue, run_worker: RunWorker) -> None:
    worker = run_worker(failing())
    wait_until(lambda: admin_client.get(f"{Q}/0/data/workers.json").json["workers"])
    (row,) = admin_client.get(f"{Q}/0/data/workers.json").json["workers"]
    assert (row["name"], row["queues"], row["current_jobs"]) == (worker.name, ["emails"], [])


# Changing


@pytest.mark.parametrize(
    "options",
    [{}, {"priority": 3}, {"delay": 60_000}, {"lifo": True}],
    ids=["waiting", "prio", "delayed", "lifo"],
)
def test_deleting_leaves_nothing_of_the_job(
    admin_client: FlaskClient, emails: Queue, connection: redis.Redis, options: dict[str, Any]
) -> None:
    job, other = added(emails, **options), added(emails, priority=3)
    job.log("a row")
    assert keys_of(connection, job)
    assert admin_client.post(f"{Q}/job/{job.rq_id}/delete").json == {"status": "OK"}
    assert keys_of(connection, job) == []
    assert other.get_state() == "waiting"
    assert error_of(admin_client.post(f"{Q}/job/{job.rq_id}/delete")) == (404, "job_not_found")


def test_a_running_job_is_not_deleted(
    admin_client: FlaskClient, emails: Queue, run_worker: RunWorker
) -> None:
    processor, ends = Processor("emails"), []

    @processor.process("send-email")
    def send(job: Job) -> str:
        wait_until(lambda: ends, within_ms=20_000)
        return "sent"

    job = added(emails)
    run_worker(processor)
    wait_until(lambda: job.is_active())
    assert error_of(admin_client.post(f"{Q}/job/{job.rq_id}/delete")) == (409, "job_active")
    assert admin_client.post(f"{Q}/queue/emails/started/empty").json == {"status": "OK", "count": 0}
    ends.append(True)
    assert job.finished(timeout=10_000) == "sent"


def test_a_failed_job_runs_again(admin_client: FlaskClient, emails: Queue, run_worker: RunWorker) -> None:
    job, other = added(emails), added(emails)
    worker = run_worker(failing())
    wait_until(lambda: job.is_failed() and other.is_failed())
    worker.close()
    assert admin_client.post(f"{Q}/job/{job.rq_id}/requeue").json == {"status": "OK"}
    assert (job.get_state(), other.get_state()) == ("waiting", "failed")
    assert error_of(admin_client.post(f"{Q}/job/{job.rq_id}/requeue")) == (409, "job_state")
    assert admin_client.post(f"{Q}/requeue/emails").json == {"status": "OK", "count": 1}
    assert other.get_state() == "waiting"


def test_a_requeued_job_keeps_its_priority(
    admin_client: FlaskClient, emails: Queue, run_worker: RunWorker
) -> None:
    job = added(emails, priority=1)
    worker = run_worker(failing())
    wait_until(lambda: job.is_failed())
    worker.close()
    plain = added(emails)
    admin_client.post(f"{Q}/job/{job.rq_id}/requeue")
    assert [waiting.id for waiting in emails.get_waiting()] == [job.id, plain.id]


def test_requeueing_by_get_is_refused(
    admin_client: FlaskClient, emails: Queue, run_worker: RunWorker
) -> None:
    job = added(emails)
    run_worker(failing())
    wait_until(lambda: job.is_failed())
    answer = admin_client.get(f"{Q}/requeue/emails")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    assert admin_client.head(f"{Q}/requeue/emails").status_code == 405
    assert job.get_state() == "failed"


def test_emptying_leaves_nothing_of_the_jobs(
    admin_client: FlaskClient, emails: Queue, connection: redis.Redis
) -> None:
    waiting = [added(emails, priority=position or None) for position in range(3)]
    delayed = added(emails, delay=60_000)
    rq.Queue("emails", connection=connection).enqueue("os.getpid", job_id="plain-1")
    assert admin_client.post(f"{Q}/queue/emails/queued/empty").json == {"status": "OK", "count": 4}
    assert [key for job in waiting for key in keys_of(connection, job)] == []
    assert not connection.exists("rq:job:plain-1")
    assert delayed.get_state() == "delayed"
    assert admin_client.post(f"{Q}/queue/emails/scheduled/empty").json == {"status": "OK", "count": 1}
    assert keys_of(connection, delayed) == []
    assert error_of(admin_client.post(f"{Q}/queue/emails/made-up/empty")) == (404, "not_found")


def test_compacting_drops_what_is_gone_and_keeps_the_order(
    admin_client: FlaskClient, emails: Queue, connection: redis.Redis
) -> None:
    assert error_of(admin_client.post(f"{Q}/queue/emails/compact")) == (409, "queue_empty")
    first = added(emails)
    connection.rpush("rq:queue:emails", "emails__gone")
    second = added(emails)
    assert admin_client.post(f"{Q}/queue/emails/compact").json == {"status": "OK", "count": 1}
    assert ids(listed(admin_client, "queued")) == [first.rq_id, second.rq_id]


def test_plain_rq_jobs_are_deleted_and_requeued_by_rq(
    admin_client: FlaskClient, connection: redis.Redis
) -> None:
    plain = rq.Queue("emails", connection=connection)
    job = plain.enqueue("os.getpid", job_id="plain-1")
    assert error_of(admin_client.post(f"{Q}/job/plain-1/requeue")) == (409, "job_state")
    assert admin_client.post(f"{Q}/job/plain-1/delete").json == {"status": "OK"}
    assert not connection.exists(job.key)
    assert plain.job_ids == []
