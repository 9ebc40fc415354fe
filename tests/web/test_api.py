"""The HTTP API through the real library: what each route answers, and what it leaves on the queues."""

from __future__ import annotations

from typing import Any

import pytest
import redis
from flask import Flask
from flask.testing import FlaskClient

from processors.records import Notification, Order, OrderStatus, RefusalReason
from processors.resources import Resources
from tests.web.conftest import ADMIN_EMAIL, ADMIN_PASSWORD, Headers, registered

ENGLISH = {"Accept-Language": "en"}
ITEMS = {"items": [{"productId": 1, "quantity": 2}], "deliveryAddress": "عدن، كريتر"}


def error_of(answer: Any) -> tuple[int, str]:
    assert set(answer.json) == {"error"}
    assert set(answer.json["error"]) == {"code", "message", "details"}
    return answer.status_code, answer.json["error"]["code"]


def place(client: FlaskClient, customer: Headers) -> dict[str, Any]:
    answer = client.post("/orders", json=ITEMS, headers=customer)
    assert answer.status_code == 201, answer.text
    return answer.json


def decide(
    resources: Resources, order_id: int, status: OrderStatus, reason: RefusalReason | None = None
) -> None:
    with resources.database.transaction() as session:
        order = session.get_one(Order, order_id)
        order.status, order.refusal_reason = status, reason


# Accounts


def test_registering_answers_the_account_and_adds_the_welcome_mail(
    client: FlaskClient, resources: Resources
) -> None:
    account = {"email": "amal@example.com", "password": "long enough", "fullName": "أمل"}
    answer = client.post("/auth/register", json=account)
    assert answer.status_code == 201
    user = answer.json["user"]
    assert (user["email"], user["fullName"], user["language"], user["isAdmin"]) == (
        "amal@example.com",
        "أمل",
        "ar",
        False,
    )
    assert "password" not in answer.text
    assert [job.name for job in resources.queues["emails"].get_waiting()] == ["send-welcome-email"]
    assert error_of(client.post("/auth/register", json=account)) == (409, "email_taken")


def test_validation_names_every_field_in_the_language_asked_for(client: FlaskClient) -> None:
    wrong = {"email": "no", "password": "short", "isAdmin": True}
    arabic = client.post("/auth/register", json=wrong)
    assert error_of(arabic) == (422, "invalid_request")
    assert set(arabic.json["error"]["details"]) == {"email", "password", "fullName", "isAdmin"}
    assert arabic.json["error"]["details"]["fullName"] == ["هذا الحقل مطلوب."]
    assert arabic.headers["Content-Language"] == "ar"
    english = client.post("/auth/register", json=wrong, headers=ENGLISH)
    assert english.json["error"]["details"]["fullName"] == ["Missing data for required field."]
    assert english.json["error"]["message"] == "Some fields of the request are not valid."


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"'])
def test_a_body_that_is_not_an_object_is_refused(client: FlaskClient, body: bytes) -> None:
    answer = client.post("/auth/login", data=body, content_type="application/json")
    assert error_of(answer) == (400, "malformed_json")


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        rb'{"email": "\ud800@example.com", "password": "x"}',
        rb'{"email": "amal@example.com", "password": "\udfff"}',
        rb'{"\ud800": "an unknown field is named in the answer"}',
    ],
    ids=["lists", "objects", "email", "password", "name"],
)
def test_json_that_cannot_be_held_is_refused(client: FlaskClient, body: bytes) -> None:
    answer = client.post("/auth/login", data=body, content_type="application/json")
    assert error_of(answer) == (400, "malformed_json")


def test_wrong_credentials_do_not_say_which(client: FlaskClient, customer: Headers) -> None:
    for email in ("amal@example.com", "nobody@example.com"):
        answer = client.post("/auth/login", json={"email": email, "password": "wrong"})
        assert error_of(answer) == (401, "wrong_credentials")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/orders"),
        ("GET", "/orders/1"),
        ("POST", "/orders/1/confirm"),
        ("GET", "/notifications"),
        ("POST", "/reminders"),
        ("POST", "/emails"),
        ("GET", "/queues"),
        ("GET", "/queues/emails/jobs/1"),
        ("POST", "/users/1/credit"),
    ],
)
def test_what_needs_a_token_says_so(client: FlaskClient, method: str, path: str) -> None:
    for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": "Basic eDp5"}):
        answer = client.open(path, method=method, headers=headers)
        assert error_of(answer) == (401, "unauthorized")
        assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/emails"), ("GET", "/queues/emails/jobs/1"), ("POST", "/users/1/credit")]
)
def test_what_needs_an_administrator_refuses_others(
    client: FlaskClient, customer: Headers, method: str, path: str
) -> None:
    answer = client.open(path, method=method, headers=customer, json={})
    assert error_of(answer) == (403, "forbidden")


def test_an_administrators_session_is_no_token(admin_client: FlaskClient) -> None:
    assert error_of(admin_client.get("/queues")) == (401, "unauthorized")


def test_an_administrator_credits_a_wallet(client: FlaskClient, customer: Headers, admin: Headers) -> None:
    me = client.post("/auth/login", json={"email": "amal@example.com", "password": "long enough"}).json[
        "user"
    ]
    answer = client.post(f"/users/{me['id']}/credit", json={"amountMinor": 5_000_000}, headers=admin)
    assert answer.json["user"]["walletBalanceMinor"] == 5_000_000
    for amount in (0, -1, "5", 1.5, None):
        answer = client.post(f"/users/{me['id']}/credit", json={"amountMinor": amount}, headers=admin)
        assert error_of(answer) == (422, "invalid_request")


# Orders


def test_a_new_order_has_two_jobs_on_two_queues(
    client: FlaskClient, customer: Headers, resources: Resources
) -> None:
    placed = place(client, customer)
    order = placed["order"]
    assert order["status"] == "pending"
    assert (order["totalMinor"], order["currency"]) == (3_700_000, "YER")
    assert order["deliveryAddress"] == "عدن، كريتر"
    assert [(job["queue"], job["name"]) for job in placed["jobs"]] == [
        ("notifications", "send-notification"),
        ("orders", "process-order"),
    ]
    for job in placed["jobs"]:
        stored = resources.queues[job["queue"]].get_job(job["id"])
        assert stored is not None
        assert stored.name == job["name"]
    assert resources.queues["notifications"].get_counts_per_priority([1]) == {"1": 1}


@pytest.mark.parametrize(
    "items",
    [
        [],
        [{"productId": 1}],
        [{"productId": 1, "quantity": 0}],
        [{"productId": 1, "quantity": "2"}],
        [{"productId": 1, "quantity": 1, "price": 1}],
        "all",
        None,
    ],
)
def test_items_that_cannot_be_ordered_are_refused(client: FlaskClient, customer: Headers, items: Any) -> None:
    answer = client.post("/orders", json={"items": items}, headers=customer)
    assert error_of(answer) == (422, "invalid_request")
    assert "items" in answer.json["error"]["details"]


def test_a_product_that_is_not_sold_here(
    client: FlaskClient, customer: Headers, resources: Resources
) -> None:
    answer = client.post("/orders", json={"items": [{"productId": 99, "quantity": 1}]}, headers=customer)
    assert error_of(answer) == (422, "product_not_found")
    assert answer.json["error"]["details"] == {"productIds": [99]}
    assert resources.queues["orders"].count() == 0


@pytest.mark.parametrize("number", [str(2**63), str(2**70), "9" * 5000], ids=["2**63", "2**70", "long"])
def test_a_number_that_no_row_can_have_is_no_address(
    client: FlaskClient, customer: Headers, admin: Headers, number: str
) -> None:
    answers = [
        client.get(f"/orders/{number}", headers=customer),
        client.post(f"/orders/{number}/confirm", headers=customer),
        client.post(f"/users/{number}/credit", json={"amountMinor": 1}, headers=admin),
    ]
    assert [error_of(answer) for answer in answers] == [(404, "not_found")] * 3


@pytest.mark.parametrize("number", [2**63, 1e30, 0, -1])
def test_a_number_that_no_row_can_have_is_refused(
    client: FlaskClient, customer: Headers, number: float
) -> None:
    product = {"items": [{"productId": number, "quantity": 1}]}
    assert error_of(client.post("/orders", json=product, headers=customer)) == (422, "invalid_request")
    marketer = {**ITEMS, "marketerId": number}
    assert error_of(client.post("/orders", json=marketer, headers=customer)) == (422, "invalid_request")


def test_the_catalogue_is_open_to_all(client: FlaskClient) -> None:
    products = client.get("/products").json["products"]
    assert products[0]["sku"] == "HONEY-SIDR-500"
    assert products[0]["stock"] == 40


def test_confirming_waits_for_the_processing(client: FlaskClient, customer: Headers) -> None:
    order = place(client, customer)["order"]
    answer = client.post(f"/orders/{order['id']}/confirm", headers=customer)
    assert error_of(answer) == (409, "order_in_progress")
    assert answer.headers["Retry-After"] == "1"


def test_confirming_twice_adds_the_five_jobs_once(
    client: FlaskClient, customer: Headers, resources: Resources
) -> None:
    order = place(client, customer)["order"]
    decide(resources, order["id"], OrderStatus.PROCESSED)
    first = client.post(f"/orders/{order['id']}/confirm", headers=customer)
    assert first.status_code == 200
    assert first.json["order"]["status"] == "confirmed"
    assert len(first.json["jobs"]) == 5
    assert {job["queue"] for job in first.json["jobs"]} == {"notifications", "emails", "orders"}
    counts = client.get("/queues", headers=customer).json
    second = client.post(f"/orders/{order['id']}/confirm", headers=customer)
    assert (second.status_code, second.json) == (200, first.json)
    assert client.get("/queues", headers=customer).json == counts


def test_a_refused_order_says_why_in_both_languages(
    client: FlaskClient, customer: Headers, resources: Resources
) -> None:
    order = place(client, customer)["order"]
    decide(resources, order["id"], OrderStatus.REFUSED, RefusalReason.INSUFFICIENT_FUNDS)
    answer = client.post(f"/orders/{order['id']}/confirm", headers=customer | ENGLISH)
    assert error_of(answer) == (409, "order_refused")
    assert answer.json["error"]["message"] == "The order was refused: the balance of your wallet is too low"
    assert answer.json["error"]["details"] == {"reason": "insufficient_funds"}
    assert "Retry-After" not in answer.headers
    arabic = client.post(f"/orders/{order['id']}/confirm", headers=customer)
    assert "رصيد المحفظة لا يكفي" in arabic.json["error"]["message"]


def test_other_peoples_orders_do_not_exist(client: FlaskClient, customer: Headers, admin: Headers) -> None:
    order = place(client, customer)["order"]
    stranger = registered(client, "stranger@example.com")
    assert error_of(client.get(f"/orders/{order['id']}", headers=stranger)) == (404, "order_not_found")
    assert error_of(client.get("/orders/999", headers=customer)) == (404, "order_not_found")
    assert client.get(f"/orders/{order['id']}", headers=admin).json["order"]["id"] == order["id"]


def test_an_order_shows_what_its_jobs_have_done(
    client: FlaskClient, customer: Headers, resources: Resources
) -> None:
    order = place(client, customer)["order"]
    nothing = client.get(f"/orders/{order['id']}", headers=customer).json["outcome"]
    assert nothing == {
        "invoice": None,
        "commission": None,
        "analytics": [],
        "notifications": [],
        "emails": [],
    }
    with resources.database.transaction() as session:
        user_id = session.get_one(Order, order["id"]).user_id
        for key, about in (("this", order["id"]), ("other", order["id"] + 1)):
            row = {"type": "order", "title": key, "body": "نص", "data": {"orderId": about}}
            session.add(Notification(key=key, user_id=user_id, **row))
    outcome = client.get(f"/orders/{order['id']}", headers=customer).json["outcome"]
    assert [notice["title"] for notice in outcome["notifications"]] == ["this"]
    inbox = client.get("/notifications", headers=customer).json["notifications"]
    assert [notice["title"] for notice in inbox] == ["other", "this"]


# Messages


def test_a_reminder_is_a_delayed_job(client: FlaskClient, customer: Headers, resources: Resources) -> None:
    reminder = {"message": "لا تنسَ إكمال طلبك!", "delay": 60_000}
    answer = client.post("/reminders", json=reminder, headers=customer)
    assert answer.status_code == 202
    job = resources.queues["notifications"].get_job(answer.json["job"]["id"])
    assert job is not None
    assert (job.name, job.get_state(), job.delay) == ("send-reminder", "delayed", 60_000)
    assert job.data["message"] == "لا تنسَ إكمال طلبك!"
    refused = client.post("/reminders", json={"message": "x", "delay": -1}, headers=customer)
    assert error_of(refused) == (422, "invalid_request")


def test_a_mail_has_three_attempts_and_exponential_backoff(
    client: FlaskClient, admin: Headers, resources: Resources
) -> None:
    mail = {"to": "a@example.com", "subject": "عنوان", "body": "نص"}
    answer = client.post("/emails", json=mail, headers=admin)
    assert answer.status_code == 202
    job = resources.queues["emails"].get_job(answer.json["job"]["id"])
    assert job is not None
    assert (job.opts.attempts, job.opts.backoff.type, job.opts.backoff.delay) == (3, "exponential", 1000)
    assert job.data == {**mail, "language": "ar"}


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("subject", "s\r\nBcc: b@example.com"),
        ("subject", "s\0"),
        ("to", '"\x01"@example.com'),
        ("body", "b\0"),
    ],
)
def test_a_mail_with_control_characters_is_refused(
    client: FlaskClient, admin: Headers, field: str, text: str
) -> None:
    mail = {"to": "a@example.com", "subject": "عنوان", "body": "نص\nنص", field: text}
    answer = client.post("/emails", json=mail, headers=admin)
    assert error_of(answer) == (422, "invalid_request")
    assert set(answer.json["error"]["details"]) == {field}
    assert "رموز تحكم" in answer.json["error"]["details"][field][0]


def test_an_address_has_lines_but_no_control_characters(client: FlaskClient, customer: Headers) -> None:
    two_lines = client.post("/orders", json={**ITEMS, "deliveryAddress": "عدن\nكريتر"}, headers=customer)
    assert two_lines.status_code == 201
    refused = client.post("/orders", json={**ITEMS, "deliveryAddress": "a\0b"}, headers=customer)
    assert error_of(refused) == (422, "invalid_request")


# Queues


def test_a_job_is_shown_whole_to_administrators(
    client: FlaskClient, admin: Headers, resources: Resources
) -> None:
    job = resources.queues["reports"].add("cleanup-cache", {"x": [1]}, job_id="one/two", attempts=5)
    assert job is not None
    job.log("first row")
    shown = client.get("/queues/reports/jobs/one/two", headers=admin).json["job"]
    assert (shown["id"], shown["name"], shown["queue"], shown["state"]) == (
        "one/two",
        "cleanup-cache",
        "reports",
        "waiting",
    )
    assert shown["data"] == {"x": [1]}
    assert shown["opts"]["attempts"] == 5
    assert shown["logs"] == ["first row"]
    assert error_of(client.get("/queues/reports/jobs/none", headers=admin)) == (404, "job_not_found")
    assert error_of(client.get("/queues/nowhere/jobs/1", headers=admin)) == (404, "queue_not_found")
    assert error_of(client.get(f"/queues/reports/jobs/{'x' * 2000}", headers=admin))[0] == 422


def test_the_queues_are_counted_and_a_pause_is_shown(
    client: FlaskClient, customer: Headers, resources: Resources
) -> None:
    resources.queues["reports"].add("cleanup-cache", {})
    resources.queues["reports"].pause()
    queues = {queue["name"]: queue for queue in client.get("/queues", headers=customer).json["queues"]}
    assert set(queues) == {"notifications", "orders", "emails", "reports"}
    assert queues["reports"]["isPaused"] is True
    assert queues["reports"]["counts"]["paused"] == 1
    assert queues["emails"]["isPaused"] is False


# Health and failures


def test_ready_while_redis_and_database_answer(client: FlaskClient) -> None:
    assert client.get("/healthz").json == {"status": "ok"}
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["checks"]) == (200, {"redis": "ok", "database": "ok"})


def test_not_ready_names_what_is_down(
    client: FlaskClient, resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise redis.ConnectionError("refused")

    monkeypatch.setattr(resources.redis, "ping", refuse)
    answer = client.get("/readyz", headers=ENGLISH)
    assert error_of(answer) == (503, "unavailable")
    assert answer.json["error"]["details"] == {"redis": "down", "database": "ok"}
    assert client.get("/healthz").status_code == 200


def test_redis_lost_in_a_request_is_a_503_that_says_when_to_come_back(
    client: FlaskClient, customer: Headers, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise redis.ConnectionError("refused")

    monkeypatch.setattr(app.extensions["bthwani"].queues, "all", refuse)
    answer = client.get("/queues", headers=customer)
    assert error_of(answer) == (503, "unavailable")
    assert answer.headers["Retry-After"] == "5"


def test_a_defect_is_answered_without_its_text(
    client: FlaskClient, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise RuntimeError("secret inside")

    monkeypatch.setattr(app.extensions["bthwani"].catalogue, "products", fail)
    answer = client.get("/products", headers=ENGLISH)
    assert error_of(answer) == (500, "internal")
    assert "secret" not in answer.text


def test_unknown_addresses_and_methods_have_the_same_shape(client: FlaskClient) -> None:
    assert error_of(client.get("/nothing")) == (404, "not_found")
    answer = client.delete("/products")
    assert error_of(answer) == (405, "method_not_allowed")
    assert "GET" in answer.headers["Allow"]
    large = client.post("/auth/login", data=b"x" * 2_000_000, content_type="application/json")
    assert large.status_code in (400, 413)


def test_the_first_admin_logs_in_by_the_api_too(client: FlaskClient) -> None:
    answer = client.post("/auth/login", json={"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD})
    assert answer.json["user"]["isAdmin"] is True
