"""/admin: who gets in, from where changes are taken, what browsers are told."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from processors.records import User
from processors.resources import Resources
from processors.settings import Settings
from tests.web.conftest import ADMIN_EMAIL, ADMIN_PASSWORD, Headers
from web.app import create_app

SAME_SITE = {"Sec-Fetch-Site": "same-origin"}
CREDENTIALS = {"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD}

PAGES = [
    "/admin",
    "/admin/",
    "/admin/queues",
    "/admin/queues/",
    "/admin/queues/0/view/workers",
    "/admin/queues/0/view/jobs",
    "/admin/queues/0/view/jobs/emails/failed/8/asc/1",
    "/admin/queues/0/view/job/emails__1",
    "/admin/queues/requeue/emails",
    "/admin/nothing",
]
DATA = [
    "/admin/queues/0/data/queues.json",
    "/admin/queues/0/data/workers.json",
    "/admin/queues/0/data/jobs/emails/queued/8/asc/1.json",
    "/admin/queues/0/data/job/emails__1.json",
    "/admin/queues/bull/emails__1.json",
    "/admin/queues/static/css/main.css",
]
CHANGES = [
    "/admin/queues/job/emails__1/delete",
    "/admin/queues/job/emails__1/requeue",
    "/admin/queues/requeue/emails",
    "/admin/queues/queue/emails/queued/empty",
    "/admin/queues/queue/emails/compact",
    "/admin/logout",
]


def error_of(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json["error"]["code"]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_leads_to_the_login_and_back(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 302
    assert answer.location == f"/admin/login?next={path}"


@pytest.mark.parametrize("path", DATA)
def test_data_and_static_files_want_the_login_too(client: FlaskClient, path: str) -> None:
    assert error_of(client.get(path)) == (401, "login_required")


@pytest.mark.parametrize("path", CHANGES)
def test_a_change_wants_the_login_before_anything_else(client: FlaskClient, path: str) -> None:
    assert error_of(client.post(path, headers=SAME_SITE)) == (401, "login_required")


def test_a_bearer_token_does_not_open_the_dashboard(client: FlaskClient, admin: Headers) -> None:
    assert error_of(client.get("/admin/queues/0/data/queues.json", headers=admin)) == (401, "login_required")


def test_the_login_opens_everything(admin_client: FlaskClient) -> None:
    for path in (
        "/admin/queues/",
        "/admin/queues/0/view/workers",
        "/admin/queues/0/view/jobs",
        DATA[0],
        DATA[-1],
    ):
        with admin_client.get(path) as answer:
            assert answer.status_code == 200, path


def test_the_cookie_is_for_the_server_and_for_admin_only(client: FlaskClient) -> None:
    answer = client.post("/admin/login", data=CREDENTIALS, headers=SAME_SITE)
    cookie = answer.headers["Set-Cookie"]
    for part in ("bthwani_admin=", "HttpOnly", "SameSite=Lax", "Path=/admin"):
        assert part in cookie
    assert "set-cookie" not in client.get("/products").headers


@pytest.mark.parametrize(
    ("email", "password"),
    [(ADMIN_EMAIL, "wrong"), ("nobody@example.com", ADMIN_PASSWORD), ("amal@example.com", "long enough")],
)
def test_only_an_administrators_credentials_log_in(
    client: FlaskClient, customer: Headers, email: str, password: str
) -> None:
    answer = client.post("/admin/login", data={"email": email, "password": password}, headers=SAME_SITE)
    assert answer.status_code == 401
    assert "كلمة المرور غير صحيحة" in answer.text
    assert client.get("/admin/queues/").status_code == 302


def test_the_login_page_is_arabic_and_takes_nothing_from_elsewhere(client: FlaskClient) -> None:
    page = client.get("/admin/login").text
    assert '<html lang="ar" dir="rtl">' in page
    assert "http://" not in page
    assert "https://" not in page
    for path in ("/static/admin.css", "/static/favicon.svg", "/static/fonts/IBMPlexSansArabic-Regular.ttf"):
        with client.get(path) as answer:
            assert answer.status_code == 200, path


def test_the_language_can_be_changed_before_and_after_the_login(client: FlaskClient) -> None:
    answer = client.post(
        "/admin/language", data={"next": "/admin/login?next=/admin/queues/"}, headers=SAME_SITE
    )
    assert answer.location == "/admin/login?next=/admin/queues/"
    assert '<html lang="en" dir="ltr">' in client.get("/admin/login").text
    client.post("/admin/login", data=CREDENTIALS, headers=SAME_SITE)
    assert '<html lang="en" dir="ltr">' in client.get("/admin/queues/").text


@pytest.mark.parametrize(
    ("wanted", "place"),
    [
        ("/admin/queues/0/view/workers", "/admin/queues/0/view/workers"),
        ("/admin/queues/0/view/jobs?x=1", "/admin/queues/0/view/jobs?x=1"),
        ("", "/admin/queues/"),
        ("//evil.example/admin/", "/admin/queues/"),
        ("/\\evil.example/admin/", "/admin/queues/"),
        ("https://evil.example/admin/", "/admin/queues/"),
        ("/orders", "/admin/queues/"),
        ("javascript:alert(1)", "/admin/queues/"),
    ],
)
def test_the_login_leads_to_pages_of_admin_only(client: FlaskClient, wanted: str, place: str) -> None:
    answer = client.post("/admin/login", data={**CREDENTIALS, "next": wanted}, headers=SAME_SITE)
    assert (answer.status_code, answer.location) == (303, place)


def test_logging_out_ends_it(admin_client: FlaskClient) -> None:
    assert admin_client.post("/admin/logout").status_code == 303
    assert admin_client.get("/admin/queues/").status_code == 302


def test_a_session_ends_with_the_right_to_it(admin_client: FlaskClient, resources: Resources) -> None:
    with resources.database.transaction() as session:
        session.query(User).filter_by(email=ADMIN_EMAIL).one().is_admin = False
    assert admin_client.get("/admin/queues/").status_code == 302


@pytest.mark.parametrize(
    ("headers", "taken"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "none"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"}, False),
        ({"Origin": "http://localhost"}, True),
        ({"Origin": "http://evil.example"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": "http://evil.example", "Referer": "http://localhost/admin/"}, False),
        ({"Referer": "http://localhost/admin/queues/"}, True),
        ({"Referer": "http://localhost.evil.example/"}, False),
        ({}, False),
    ],
)
def test_changes_are_taken_from_pages_of_this_site_only(
    app: Flask, admin_client: FlaskClient, headers: Headers, taken: bool
) -> None:
    del admin_client.environ_base["HTTP_SEC_FETCH_SITE"]
    answer = admin_client.post("/admin/queues/requeue/emails", headers=headers)
    assert answer.status_code == (200 if taken else 403)
    stranger = app.test_client()
    login = stranger.post("/admin/login", data=CREDENTIALS, headers=headers)
    assert login.status_code == (303 if taken else 403)


def test_browsers_are_told_what_to_forbid(admin_client: FlaskClient) -> None:
    headers = admin_client.get("/admin/queues/").headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cache-Control"] == "no-store"
    assert admin_client.get("/admin/login").headers["Content-Security-Policy"] == policy


def test_no_page_has_inline_script_or_style(admin_client: FlaskClient) -> None:
    for path in (
        "/admin/queues/",
        "/admin/queues/0/view/workers",
        "/admin/queues/0/view/jobs",
        "/admin/login",
    ):
        page = admin_client.get(path).text
        assert "<script>" not in page
        assert "style=" not in page
        assert "onclick" not in page


def test_every_application_has_its_own_dashboard(
    app: Flask, admin_client: FlaskClient, settings: Settings, resources: Resources
) -> None:
    second = create_app(settings, resources)
    assert second.test_client().get("/admin/queues/").status_code == 302
    assert admin_client.get("/admin/queues/").status_code == 200
