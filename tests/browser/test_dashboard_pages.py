"""The dashboard in a real Chromium: our jobs are shown, buttons work, and nothing that a job holds runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import redis
import rq

from bthwani_jobs import Job, Processor, Queue, Worker
from tests.browser.chromium import Page
from tests.browser.conftest import ADMIN_EMAIL, Site
from tests.support.waiting import wait_until

#: Marks the document if it ever becomes markup.
PAYLOAD = "<img src=x onerror=\"document.documentElement.setAttribute('data-ran',1)\">"
#: Also closes a script, a template or an attribute around it.
BREAKOUT = f"'\"></script></template>{PAYLOAD}"
#: Resolves once a broken image has failed, and so any that broke before it.
IMAGES_HAVE_FAILED = (
    "new Promise(done => { const i = new Image(); i.onerror = () => done(1); i.src = '/nothing' })"
)

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
    """One job of each kind, whose every text is hostile."""

    def __init__(self, queue: Queue, connection: redis.Redis) -> None:
        data = {"to": f"data {BREAKOUT}", BREAKOUT: "key", "note": "لا تنسَ إكمال طلبك."}
        twice = {"attempts": 2, "backoff": {"type": "fixed", "delay": 1}}
        self.failed = added(queue, "send-email", {**data, "fail": True}, job_id=f"id {PAYLOAD}", **twice)
        self.completed = added(queue, "send-email", data, attempts=1)
        self.named = added(queue, f"name {PAYLOAD}", data, attempts=1)
        worker = Worker([queue], connection, processors=[processor()])
        worker.start()
        jobs = (self.failed, self.completed, self.named)
        wait_until(lambda: all(job.get_state() in ("completed", "failed") for job in jobs), within_ms=10_000)
        worker.close()
        self.waiting = added(queue, f"name {PAYLOAD}", data, priority=1)


def added(queue: Queue, name: str, data: object, **options: object) -> Job:
    job = queue.add(name, data, **options)
    assert job is not None
    return job


@pytest.fixture
def jobs(site: Site) -> Jobs:
    return Jobs(site.resources.queues["emails"], site.resources.redis)


def open_list(page: Page, site: Site, registry: str, queue: str = "emails") -> None:
    page.open(site.url(f"0/view/jobs/{queue}/{registry}/20/asc/1"))
    page.wait_for("document.querySelector('#total').textContent !== '…'")


def open_job(page: Page, site: Site, rq_id: str) -> None:
    page.open(site.url(f"0/view/job/{rq_id}"))
    page.wait_for("!document.querySelector('#state').hidden")


def ran(page: Page) -> bool:
    page.evaluate(IMAGES_HAVE_FAILED)
    return bool(page.evaluate("document.documentElement.hasAttribute('data-ran')"))


def assert_nothing_ran(page: Page) -> None:
    assert not ran(page)
    assert page.evaluate("document.images.length") == 0


def test_the_payload_would_run_where_it_is_markup(stranger: Page, tmp_path: Path) -> None:
    """Without this, a payload that never runs anywhere would prove nothing."""
    file = tmp_path / "open.html"
    file.write_text(f"<!DOCTYPE html><html><body>{BREAKOUT}</body></html>")
    stranger.open(file.as_uri())
    assert ran(stranger)


@pytest.mark.parametrize("policy", ["as served", "without the policy"])
def test_nothing_that_a_job_holds_runs(page: Page, site: Site, jobs: Jobs, policy: str) -> None:
    """Also without the Content-Security-Policy, which would hide a page that is open."""
    site.without_policy = policy == "without the policy"
    for registry, job in (("failed", jobs.failed), ("finished", jobs.completed), ("queued", jobs.waiting)):
        open_list(page, site, registry)
        assert job.name in page.text()
        assert_nothing_ran(page)
        open_job(page, site, job.rq_id)
        assert json.dumps(BREAKOUT) in page.text(), "the data is shown"
        page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
        assert_nothing_ran(page)


def test_the_pages_keep_their_own_policy(page: Page, site: Site, jobs: Jobs) -> None:
    """No script, style, font or request of ours is refused, and nothing is logged as an error."""
    page.open(site.url("0/view/queues"))
    page.wait_for("document.querySelector('#queues [data-role=queue]')")
    open_list(page, site, "failed")
    open_job(page, site, jobs.failed.rq_id)
    page.open(site.url("0/view/workers"))
    page.wait_for("!document.querySelector('#workers').textContent.includes('جارٍ')")
    page.evaluate("document.fonts.ready.then(() => 1)")
    assert page.complaints() == []


def test_a_failed_job_is_shown_with_all_its_attempts(page: Page, site: Site, jobs: Jobs) -> None:
    open_list(page, site, "failed")
    for shown in (f"refused {BREAKOUT}", f"id {PAYLOAD}", "2 / 2"):
        assert shown in page.text(), shown
    open_job(page, site, jobs.failed.rq_id)
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
    text = page.text()
    for shown in (
        "send-email",
        "فاشلة",
        f"refused {BREAKOUT}",
        f"row {BREAKOUT}",
        "المحاولة 1",
        "المحاولة 2",
        "لا تنسَ إكمال طلبك.",
        "2 / 2",
        '"attempts": 2',
        jobs.failed.rq_id,
    ):
        assert shown in text, shown
    assert text.count(f"ConnectionError: refused {BREAKOUT}") == 2


def test_a_completed_job_is_shown_with_its_result(page: Page, site: Site, jobs: Jobs) -> None:
    open_job(page, site, jobs.completed.rq_id)
    for shown in ("مكتملة", f"returned {json.dumps(BREAKOUT)[1:-1]}", "100%", "1 / 1"):
        assert shown in page.text(), shown


def test_a_job_of_plain_rq_is_no_way_in_either(page: Page, site: Site) -> None:
    queue = rq.Queue(f"q {PAYLOAD}", connection=site.resources.redis)
    job = queue.enqueue("os.path.join", BREAKOUT, meta={"note": BREAKOUT}, description=f"what {BREAKOUT}")
    site.without_policy = True
    page.open(site.url(""))
    page.wait_for("document.querySelector('#queues [data-role=queue]')")
    assert f"q {PAYLOAD}" in page.text()
    assert_nothing_ran(page)
    open_job(page, site, job.id)
    assert f"what {BREAKOUT}" in page.text()
    assert_nothing_ran(page)


def test_a_queue_name_in_the_address_is_no_way_in(page: Page, site: Site) -> None:
    site.without_policy = True
    for name in (
        "');document.documentElement.setAttribute('data-ran',1);('",
        "%22%3E%3Cimg src=x onerror=1%3E",
    ):
        open_list(page, site, "queued", queue=name)
        assert_nothing_ran(page)


def test_the_queues_are_counted(page: Page, site: Site, jobs: Jobs) -> None:
    page.open(site.url(""))
    page.wait_for("document.querySelector('#queues [data-role=queue]')")
    counts = page.evaluate(
        "Object.fromEntries([...document.querySelectorAll('#queues [data-count]')]"
        ".map(each => [each.dataset.count, each.textContent]))"
    )
    assert counts == {
        "queued": "1",
        "started": "0",
        "scheduled": "0",
        "finished": "1",
        "failed": "2",
        "deferred": "0",
        "canceled": "0",
    }


def test_a_failed_job_is_retried_by_its_button(page: Page, site: Site, jobs: Jobs) -> None:
    open_job(page, site, jobs.failed.rq_id)
    page.click("#requeue-job-btn")
    page.wait_for("document.querySelector('#state').textContent === 'في الانتظار'")
    assert jobs.failed.get_state() == "waiting"


def test_a_job_is_deleted_after_the_question_only(page: Page, site: Site, jobs: Jobs) -> None:
    open_list(page, site, "queued")
    page.click("[data-role=delete-job-btn]")
    page.wait_for("document.querySelector('#confirmation').open")
    page.click("#confirmation button[value=no]")
    page.wait_for("!document.querySelector('#confirmation').open")
    assert jobs.waiting.get_state() == "waiting"
    page.click("[data-role=delete-job-btn]")
    page.wait_for("document.querySelector('#confirmation').open")
    page.click("#confirmation button[value=yes]")
    page.wait_for("document.querySelector('#total').textContent === '0'")
    assert jobs.waiting.get_state() == "stuck"


def test_a_list_is_emptied_by_its_button(page: Page, site: Site, jobs: Jobs) -> None:
    open_list(page, site, "failed")
    page.click("#empty-btn")
    page.click("#confirmation button[value=yes]")
    page.wait_for("document.querySelector('#total').textContent === '0'")
    assert jobs.failed.get_state() == "stuck"
    assert jobs.completed.get_state() == "completed"


def test_a_session_that_ends_leads_to_the_login(page: Page, site: Site, jobs: Jobs) -> None:
    open_list(page, site, "failed")
    with site.resources.database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE users SET is_admin = 0 WHERE email = ?", (ADMIN_EMAIL,))
    page.wait_for("location.pathname === '/admin/login'")


def test_the_pages_change_their_language_and_their_direction(page: Page, site: Site, jobs: Jobs) -> None:
    open_list(page, site, "failed")
    assert page.evaluate("getComputedStyle(document.documentElement).direction") == "rtl"
    page.click("form[action$=language] button")
    page.wait_for("document.documentElement.lang === 'en'")
    assert page.evaluate("location.pathname") == "/admin/queues/0/view/jobs/emails/failed/20/asc/1"
    assert page.evaluate("getComputedStyle(document.documentElement).direction") == "ltr"
    assert "Retry all" in page.text()
