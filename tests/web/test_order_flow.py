"""One order from its placing to its invoice, over HTTP, with the application's own handlers at work."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from flask.testing import FlaskClient

from bthwani_jobs import Worker
from processors.emails import emails
from processors.notifications import notifications
from processors.orders import orders
from processors.resources import Resources
from tests.support.waiting import wait_until
from tests.web.conftest import Headers


@pytest.fixture
def worker(resources: Resources, connection: redis.Redis) -> Iterator[Worker]:
    handlers = [notifications, emails, orders]
    started = Worker([resources.queues[each.name] for each in handlers], connection, processors=handlers)
    started.start()
    yield started
    started.close()


def shown(client: FlaskClient, customer: Headers, order_id: int) -> Any:
    return client.get(f"/orders/{order_id}", headers=customer).json


def placed(client: FlaskClient, customer: Headers, product_id: int) -> int:
    order = {"items": [{"productId": product_id, "quantity": 1}]}
    return int(client.post("/orders", json=order, headers=customer).json["order"]["id"])


def test_an_order_is_processed_confirmed_and_leaves_all_its_results(
    client: FlaskClient, customer: Headers, admin: Headers, worker: Worker
) -> None:
    me = client.post("/auth/login", json={"email": "amal@example.com", "password": "long enough"}).json[
        "user"
    ]
    client.post(f"/users/{me['id']}/credit", json={"amountMinor": 10_000_000}, headers=admin)
    order_id = placed(client, customer, product_id=1)
    wait_until(lambda: shown(client, customer, order_id)["order"]["status"] == "processed", within_ms=15_000)
    confirmed = client.post(f"/orders/{order_id}/confirm", headers=customer)
    assert confirmed.status_code == 200

    def all_there() -> Any:
        outcome = shown(client, customer, order_id)["outcome"]
        complete = all(outcome[name] for name in ("invoice", "commission", "analytics", "emails"))
        return outcome if complete and len(outcome["notifications"]) == 3 else None

    outcome = wait_until(all_there, within_ms=20_000)
    assert Path(outcome["invoice"]["file"]).read_bytes().startswith(b"%PDF")
    assert outcome["invoice"]["totalMinor"] == 1_850_000
    assert outcome["commission"]["amountMinor"] == 1_850_000
    assert [event["eventType"] for event in outcome["analytics"]] == ["order_confirmed"]
    (mail,) = outcome["emails"]
    assert mail["recipient"] == "amal@example.com"
    assert Path(mail["file"]).exists()
    for job in confirmed.json["jobs"]:
        path = f"/queues/{job['queue']}/jobs/{job['id']}"
        wait_until(lambda path=path: client.get(path, headers=admin).json["job"]["state"] == "completed")
    again = client.post(f"/orders/{order_id}/confirm", headers=customer)
    assert again.json == confirmed.json
    assert client.get("/products").json["products"][0]["stock"] == 39
    account = client.post("/auth/login", json={"email": "amal@example.com", "password": "long enough"}).json
    assert account["user"]["walletBalanceMinor"] == 10_000_000 - 1_850_000


def test_an_order_that_cannot_be_paid_is_refused(
    client: FlaskClient, customer: Headers, worker: Worker
) -> None:
    order_id = placed(client, customer, product_id=1)
    wait_until(lambda: shown(client, customer, order_id)["order"]["status"] == "refused", within_ms=15_000)
    assert shown(client, customer, order_id)["order"]["refusalReason"] == "insufficient_funds"
    answer = client.post(f"/orders/{order_id}/confirm", headers=customer)
    assert (answer.status_code, answer.json["error"]["code"]) == (409, "order_refused")
