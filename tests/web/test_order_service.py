"""The service behind /orders, on a real database and queues that only remember."""

from __future__ import annotations

import pytest

from processors import contracts
from processors.database import Database
from processors.records import Order, OrderStatus, Product, RefusalReason, User
from tests.web.conftest import FakeJob, FakeQueue, stored
from web.problems import Problem
from web.services.orders import Line, Orders

CONFIRMATION_JOBS = [
    ("notifications", "send-order-update"),
    ("emails", "send-order-confirmation"),
    ("orders", "generate-invoice"),
    ("orders", "calculate-commission"),
    ("orders", "update-analytics"),
]


class Shop:
    """The service with its surroundings: a catalogue, one customer, the jobs added so far."""

    def __init__(self, database: Database) -> None:
        self.database = database
        #: (queue, job name, status of the order as committed when the job was added)
        self.added: list[tuple[str, str, str]] = []
        self.queues = {name: FakeQueue(name, self._note) for name in contracts.QUEUES}
        self.orders = Orders(database, self.queues)  # type: ignore[arg-type]
        self.customer = stored(database, User(email="amal@example.com", full_name="أمل", password_hash="!"))

    def place(self, **options: int) -> Order:
        order, _ = self.orders.create(self.customer, [Line(1, 2), Line(3, 1)], **options)
        self.added.clear()
        return order

    def decide(self, order: Order, status: OrderStatus, reason: RefusalReason | None = None) -> None:
        with self.database.transaction() as session:
            row = session.get_one(Order, order.id)
            row.status, row.refusal_reason = status, reason

    def _note(self, job: FakeJob) -> None:
        with self.database.reading() as session:
            status = session.get_one(Order, job.data.get("orderId") or job.data["data"]["orderId"]).status
        self.added.append((job.queue.name, job.name, str(status)))


@pytest.fixture
def shop(database: Database) -> Shop:
    return Shop(database)


def test_a_new_order_is_committed_before_its_two_jobs_are_added(shop: Shop) -> None:
    order, jobs = shop.orders.create(shop.customer, [Line(1, 2), Line(3, 1)], delivery_address="عدن")
    assert order.status == OrderStatus.PENDING
    assert order.total_minor == 2 * 1_850_000 + 75_000
    assert [item.name_en for item in order.items] == [
        "Sidr honey from Do'an, 500 g",
        "Mulawah bread, 5 loaves",
    ]
    assert shop.added == [
        ("notifications", "send-notification", "pending"),
        ("orders", "process-order", "pending"),
    ]
    assert [job.name for job in jobs] == ["send-notification", "process-order"]


def test_the_jobs_of_a_new_order_carry_what_their_schemas_want(shop: Shop) -> None:
    order, (notice, processing) = shop.orders.create(shop.customer, [Line(1, 2)])
    assert notice.options["priority"] == 1
    assert contracts.SendNotification().load(notice.data)["data"] == {"orderId": order.id}
    assert order.number in notice.data["body"]
    assert contracts.ProcessOrder().load(processing.data) == {
        "order_id": order.id,
        "user_id": shop.customer.id,
        "items": [{"product_id": 1, "quantity": 2}],
        "total_amount": 3_700_000,
    }


def test_an_unknown_product_refuses_the_whole_order(shop: Shop) -> None:
    with pytest.raises(Problem) as refused:
        shop.orders.create(shop.customer, [Line(1, 1), Line(999, 1)])
    assert (refused.value.code, refused.value.details) == ("product_not_found", {"productIds": [999]})
    with shop.database.reading() as session:
        assert session.query(Order).count() == 0
    assert shop.added == []


def test_confirming_adds_the_five_jobs_after_the_commit(shop: Shop) -> None:
    order = shop.place(marketer_id=1)
    shop.decide(order, OrderStatus.PROCESSED)
    confirmed, jobs = shop.orders.confirm(shop.customer, order.id)
    assert confirmed.status == OrderStatus.CONFIRMED
    assert confirmed.confirmed_at is not None
    assert [(job.queue.name, job.name) for job in jobs] == CONFIRMATION_JOBS
    assert shop.added == [(queue, name, "confirmed") for queue, name in CONFIRMATION_JOBS]
    update, mail, invoice, commission, analytics = jobs
    assert update.options["priority"] == 1
    assert contracts.SendOrderUpdate().load(update.data)["status"] == "confirmed"
    assert contracts.SendOrderConfirmation().load(mail.data)["email"] == "amal@example.com"
    assert contracts.GenerateInvoice().load(invoice.data)["order_id"] == order.id
    assert contracts.CalculateCommission().load(commission.data) == {
        "order_id": order.id,
        "amount": order.total_minor,
        "marketer_id": 1,
    }
    assert contracts.UpdateAnalytics().load(analytics.data) == {
        "order_id": order.id,
        "event_type": "order_confirmed",
        "data": {"amount": order.total_minor},
    }


def test_confirming_twice_answers_the_same_and_adds_nothing(shop: Shop) -> None:
    order = shop.place()
    shop.decide(order, OrderStatus.PROCESSED)
    first, jobs = shop.orders.confirm(shop.customer, order.id)
    count = {name: len(queue.jobs) for name, queue in shop.queues.items()}
    second, again = shop.orders.confirm(shop.customer, order.id)
    assert second.confirmed_at == first.confirmed_at
    assert [job.id for job in again] == [job.id for job in jobs]
    assert {name: len(queue.jobs) for name, queue in shop.queues.items()} == count


def test_a_confirmation_whose_jobs_were_lost_gets_them_when_it_is_repeated(shop: Shop) -> None:
    order = shop.place()
    shop.decide(order, OrderStatus.CONFIRMED)  # committed, then the process died
    _, jobs = shop.orders.confirm(shop.customer, order.id)
    assert [(job.queue.name, job.name) for job in jobs] == CONFIRMATION_JOBS


@pytest.mark.parametrize("status", [OrderStatus.PENDING, OrderStatus.PROCESSING])
def test_an_order_in_work_cannot_be_confirmed_yet(shop: Shop, status: OrderStatus) -> None:
    order = shop.place()
    shop.decide(order, status)
    with pytest.raises(Problem) as refused:
        shop.orders.confirm(shop.customer, order.id)
    assert refused.value.code == "order_in_progress"
    assert refused.value.retry_after == 1
    assert len(shop.queues["orders"].jobs) == 1
    assert not shop.queues["emails"].jobs


def test_an_order_whose_jobs_could_not_be_added_gets_them_when_it_is_confirmed(shop: Shop) -> None:
    shop.queues["orders"].is_down = True
    with pytest.raises(Problem) as refused:
        shop.orders.create(shop.customer, [Line(1, 1)])
    assert (refused.value.code, refused.value.retry_after) == ("order_not_started", 5)
    order_id = refused.value.details["orderId"]
    shop.queues["orders"].is_down = False
    with pytest.raises(Problem) as refused:
        shop.orders.confirm(shop.customer, order_id)
    assert refused.value.code == "order_in_progress"
    assert [job.name for job in shop.queues["orders"].jobs.values()] == ["process-order"]
    assert [job.name for job in shop.queues["notifications"].jobs.values()] == ["send-notification"]


def test_a_refused_order_says_why(shop: Shop) -> None:
    order = shop.place()
    shop.decide(order, OrderStatus.REFUSED, RefusalReason.OUT_OF_STOCK)
    with pytest.raises(Problem) as refused:
        shop.orders.confirm(shop.customer, order.id)
    assert refused.value.code == "order_refused"
    assert refused.value.details == {"reason": "out_of_stock"}
    assert refused.value.params["reason"]["en"] == "one of its items is sold out"  # type: ignore[index]
    assert shop.added == []


def test_other_peoples_orders_do_not_exist_except_for_administrators(shop: Shop) -> None:
    order = shop.place()
    stranger = stored(shop.database, User(email="x@example.com", full_name="X", password_hash="!"))
    boss = stored(shop.database, User(email="b@example.com", full_name="B", password_hash="!", is_admin=True))
    for call in (shop.orders.get, shop.orders.confirm):
        with pytest.raises(Problem) as refused:
            call(stranger, order.id)
        assert refused.value.code == "order_not_found"
    assert shop.orders.get(boss, order.id)[0].id == order.id


def test_prices_are_those_of_the_day(shop: Shop) -> None:
    order = shop.place()
    with shop.database.transaction() as session:
        session.get_one(Product, 1).price_minor = 1
    assert shop.orders.get(shop.customer, order.id)[0].items[0].unit_price_minor == 1_850_000


def test_job_ids_differ_for_the_same_number_in_another_database(shop: Shop) -> None:
    first, second = shop.place(), shop.place()
    ids = {job.id for job in shop.queues["orders"].jobs.values()}
    assert ids == {
        f"process-order-{o.number}-{int(o.created_at.timestamp() * 1000)}" for o in (first, second)
    }
