"""The dashboard in a real Chromium: our jobs are shown, and nothing that a job holds ever runs."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import pytest
import redis
import rq

from bthwani_jobs import Job, Processor, Queue, Worker
from tests.browser.chromium import document_of
from tests.browser.conftest import Site
from tests.support.waiting import wait_until

#: Marks the document if it ever becomes markup.
PAYLOAD = "<img src=x onerror=\"document.documentElement.setAttribute('data-ran',1)\">"
#: Also closes a script, a template or an attribute around it.
BREAKOUT = f"'\"></script></template>{PAYLOAD}"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def processor() -> Processor:
    emails = Processor("emails", concurrency=2)

    @emails.process("send-email")
    def send(job: Job) -> dict[str, str]:
        job.progress({"step": BREAKOUT} if job.data.get("fail") else 100)
        job.log(f"row {BREAKOUT}")
        if job.data.get("fail"):
            raise ConnectionError(f"refused {BREAKOUT}")
        return {"answer": f"returned {BREAKOUT}"}

    @emails.process(f"name {PAYLOAD}")
    def named(job: Job) -> None:
        raise ConnectionError("refused")

    return emails


class Jobs:
    """One job of each kind whose every text is hostile."""

    def __init__(self, queue: Queue, connection: redis.Redis) -> None:
        data = {"to": f"data {BREAKOUT}", BREAKOUT: "key", "note": "لا تنسَ إكمال طلبك."}
        self.failed = _added(queue, "send-email", {**data, "fail": True}, job_id=f"id {PAYLOAD}", attempts=2)
        self.completed = _added(queue, "send-email", data, attempts=1)
        self.named = _added(queue, f"name {PAYLOAD}", data, attempts=1)
        worker = Worker([queue], connection, processors=[processor()])
        worker.start()
        ended = {job.id: job for job in (self.failed, self.completed, self.named)}
        wait_until(lambda: all(job.get_state() in ("completed", "failed") for job in ended.values()))
        worker.close()
        self.waiting = _added(queue, f"name {PAYLOAD}", data, priority=1)


def _added(queue: Queue, name: str, data: object, **options: object) -> Job:
    job = queue.add(name, data, **options)
    assert job is not None
    return job


@pytest.fixture
def jobs(site: Site) -> Jobs:
    return Jobs(site.resources.queues["emails"], site.resources.redis)


def text_of(document: str) -> str:
    """The text of the page's body, as a reader sees it, without what is inside templates."""
    shown = re.sub(r"<template.*?</template>", "", document, flags=re.DOTALL)
    return html.unescape(re.sub(r"<[^>]+>", "", shown))


def assert_nothing_ran(document: str) -> None:
    assert not ran(document)
    assert "<img" not in document


def ran(document: str) -> bool:
    root = re.search(r"<html[^>]*>", document)
    assert root is not None
    return "data-ran" in root.group()


def test_the_payload_would_run_where_it_is_markup(tmp_path: Path) -> None:
    """Without this, a payload that never runs anywhere would prove nothing."""
    page = tmp_path / "open.html"
    page.write_text(f"<!DOCTYPE html><html><body>{BREAKOUT}</body></html>")
    assert ran(document_of(page.as_uri()))


@pytest.mark.parametrize("policy", ["as served", "without the policy"])
@pytest.mark.parametrize(
    ("registry", "which"), [("failed", "failed"), ("finished", "completed"), ("queued", "waiting")]
)
def test_nothing_that_a_job_holds_runs(
    site: Site, jobs: Jobs, registry: str, which: str, policy: str
) -> None:
    """Also without the Content-Security-Policy, which would hide a page that is open."""
    site.without_policy = policy == "without the policy"
    job: Job = getattr(jobs, which)
    listing = document_of(site.page(f"0/view/jobs/emails/{registry}/20/asc/1"))
    assert_nothing_ran(listing)
    assert job.name in text_of(listing)
    page = document_of(site.page(f"0/view/job/{job.rq_id}"))
    assert_nothing_ran(page)
    assert json.dumps(BREAKOUT) in text_of(page), "the data is shown"


def test_a_failed_job_is_shown_with_all_its_attempts(site: Site, jobs: Jobs) -> None:
    listing = text_of(document_of(site.page("0/view/jobs/emails/failed/20/asc/1")))
    assert f"refused {BREAKOUT}" in listing
    assert f"id {PAYLOAD}" in listing
    assert "2 / 2" in listing
    page = text_of(document_of(site.page(f"0/view/job/{jobs.failed.rq_id}")))
    for shown in (
        f"refused {BREAKOUT}",
        f"row {BREAKOUT}",
        f"ConnectionError: refused {BREAKOUT}",
        "المحاولة 1",
        "المحاولة 2",
        "فاشلة",
        "لا تنسَ إكمال طلبك.",
        "2 / 2",
    ):
        assert shown in page, shown


def test_a_completed_job_is_shown_with_its_result(site: Site, jobs: Jobs) -> None:
    page = text_of(document_of(site.page(f"0/view/job/{jobs.completed.rq_id}")))
    assert "returned '" in page
    assert "مكتملة" in page
    assert "100%" in page
    assert "1 / 1" in page


def test_a_job_of_plain_rq_is_no_way_in_either(site: Site) -> None:
    queue = rq.Queue(f"q {PAYLOAD}", connection=site.resources.redis)
    job = queue.enqueue("os.path.join", BREAKOUT, meta={"note": BREAKOUT}, description=f"what {BREAKOUT}")
    site.without_policy = True
    for path in ("", f"0/view/job/{job.id}", "0/view/workers"):
        assert_nothing_ran(document_of(site.page(path)))
    assert f"q {PAYLOAD}" in text_of(document_of(site.page("")))
    page = text_of(document_of(site.page(f"0/view/job/{job.id}")))
    assert f"what {BREAKOUT}" in page


def test_a_queue_name_in_the_address_is_no_way_in(site: Site) -> None:
    site.without_policy = True
    for name in (
        "');document.documentElement.setAttribute('data-ran',1);('",
        "%22%3E%3Cimg src=x onerror=1%3E",
    ):
        assert_nothing_ran(document_of(site.page(f"0/view/jobs/{name}/queued/8/asc/1")))


def test_the_queues_are_counted(site: Site, jobs: Jobs) -> None:
    document = document_of(site.page(""))
    row = re.search(r'<tr data-role="queue">.*?</tr>', document, flags=re.DOTALL)
    assert row is not None
    counts = dict(re.findall(r'data-count="(\w+)"[^>]*>(\d+)<', row.group()))
    assert counts == {
        "queued": "1",
        "started": "0",
        "scheduled": "0",
        "finished": "1",
        "failed": "2",
        "deferred": "0",
        "canceled": "0",
    }
