"""A whole application without Redis: a real database and maildir, and queues that remember."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fakeredis import FakeRedis
from marshmallow import Schema

from processors import contracts, sample_catalogue
from processors.database import Database
from processors.gateways.invoices import TypstInvoices
from processors.gateways.mailer import mailer_for
from processors.gateways.payments import WalletPayments
from processors.gateways.push import FilePush
from processors.lookups import order_in_full
from processors.records import Base, Order, OrderItem, OrderStatus, Product, User
from processors.resources import Resources, use
from processors.settings import Settings

BORN_MS = int(datetime(2026, 3, 1, 21, 0, tzinfo=UTC).timestamp() * 1000)


@dataclass
class FakeJob:
    """What a handler sees of a job."""

    name: str
    data: Mapping[str, Any]
    id: str = "1"
    timestamp: int = BORN_MS
    opts: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(delay=0))
    attempts_made: int = 0
    progressed: list[Any] = field(default_factory=list)
    logged: list[str] = field(default_factory=list)

    def progress(self, value: Any) -> None:
        self.progressed.append(value)

    def log(self, row: str) -> None:
        self.logged.append(row)


class RecordingQueue:
    """Adds as Bull does: an id that is there already adds nothing."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.added: dict[str, tuple[str, dict[str, Any]]] = {}
        self._lock = threading.Lock()

    def add(self, name: str, data: dict[str, Any], **options: Any) -> None:
        with self._lock:
            job_id = options.get("job_id") or str(len(self.added) + 1)
            self.added.setdefault(job_id, (name, data))

    def named(self, name: str) -> list[dict[str, Any]]:
        return [data for added, data in self.added.values() if added == name]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.from_env({"DATA_DIR": str(tmp_path / "data")})


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    database = Database(settings.database_url)
    database.prepare(Base, sample_catalogue.install)
    yield database
    database.close()


@pytest.fixture
def have(settings: Settings, database: Database) -> Iterator[Resources]:
    """What handlers get from `resources()` during the test."""
    have = Resources(
        settings=settings,
        database=database,
        redis=FakeRedis(),
        queues={name: RecordingQueue(name) for name in contracts.QUEUES},
        mailer=mailer_for(settings),
        push=FilePush(settings.data_dir / "push"),
        payments=WalletPayments(),
        invoices=TypstInvoices(settings.data_dir),
    )
    use(have)
    yield have
    use(None)


@pytest.fixture
def customer(database: Database) -> User:
    return add_user(database, "salma@example.com", wallet_balance_minor=10_000_000)


@pytest.fixture
def make_order(database: Database, customer: User) -> Callable[..., Order]:
    """Places an order of the given quantities by sku."""

    def make(quantities: Mapping[str, int] | None = None, **values: Any) -> Order:
        wanted = {"HONEY-SIDR-500": 2, "BREAD-MULAWAH-5": 3} if quantities is None else quantities
        return place_order(database, customer.id, wanted, **values)

    return make


@pytest.fixture
def paid(make_order: Callable[..., Order]) -> Order:
    """An order whose stock and money were dealt with."""
    return make_order(status=OrderStatus.PROCESSED)


def add_user(database: Database, email: str, **values: Any) -> User:
    with database.transaction() as session:
        user = User(email=email, full_name="سلمى أحمد", password_hash="!", phone="+967777123456", **values)
        session.add(user)
        session.flush()
        session.expunge(user)
    return user


def place_order(database: Database, user_id: int, quantities: Mapping[str, int], **values: Any) -> Order:
    with database.transaction() as session:
        products = session.query(Product).where(Product.sku.in_(quantities)).order_by(Product.id)
        items = [
            OrderItem(
                product_id=product.id,
                name_ar=product.name_ar,
                name_en=product.name_en,
                quantity=quantities[product.sku],
                unit_price_minor=product.price_minor,
            )
            for product in products
        ]
        total = sum(item.line_minor for item in items)
        order = Order(user_id=user_id, items=items, total_minor=total, **values)
        session.add(order)
        session.flush()
        order_id = order.id
    with database.reading() as session:
        return order_in_full(session, order_id)


def job_of(name: str, schema: type[Schema], data: dict[str, Any], **values: Any) -> FakeJob:
    """A job as its handler gets it: the data went through JSON's spelling and the schema."""
    return FakeJob(name=name, data=schema().load(data), **values)


def at_once(times: int, action: Callable[[], Any]) -> list[Any]:
    """Run in that many threads, started together."""
    barrier = threading.Barrier(times)

    def run() -> Any:
        barrier.wait()
        return action()

    with ThreadPoolExecutor(times) as pool:
        return [future.result() for future in [pool.submit(run) for _ in range(times)]]
