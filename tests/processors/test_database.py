from __future__ import annotations

import multiprocessing
import threading
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy.exc import StatementError

from processors import sample_catalogue
from processors.database import Database, insert_once
from processors.records import AnalyticsEvent, Base, Order, Product, User
from tests.processors.conftest import at_once


def _start(url: str) -> int:
    database = Database(url)
    database.prepare(Base, sample_catalogue.install)
    with database.reading() as session:
        return session.query(Product).count()


def test_many_processes_may_start_on_an_empty_folder(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new' / 'file.sqlite3'}"
    with ProcessPoolExecutor(4, mp_context=multiprocessing.get_context("spawn")) as pool:
        counts = list(pool.map(_start, [url] * 8))
    assert counts == [len(sample_catalogue.PRODUCTS)] * 8


def test_a_catalogue_that_was_emptied_stays_empty(database: Database) -> None:
    with database.transaction() as session:
        session.query(Product).delete()
    assert _start(str(database.engine.url)) == 0


def test_readers_do_not_wait_for_a_writer(database: Database) -> None:
    with database.transaction() as writing, database.reading() as reading:
        writing.query(Product).update({"stock": 1})
        assert {product.stock for product in reading.query(Product)} != {1}


def test_what_a_transaction_read_is_not_stale_when_it_writes(database: Database) -> None:
    def count_up() -> None:
        with database.transaction() as session:
            product = session.query(Product).order_by(Product.id).first()
            assert product is not None
            product.stock = product.stock + 1

    with database.reading() as session:
        before = session.query(Product).order_by(Product.id).first()
    at_once(8, count_up)
    with database.reading() as session:
        after = session.query(Product).order_by(Product.id).first()
    assert before is not None and after is not None
    assert after.stock == before.stock + 8


def test_an_error_takes_everything_back(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.transaction() as session:
        session.query(Product).update({"stock": 0})
        session.flush()
        raise ZeroDivisionError
    with database.reading() as session:
        assert any(product.stock for product in session.query(Product))


def test_a_row_is_inserted_once_by_whoever_comes_first(database: Database, paid: Order) -> None:
    def insert() -> bool:
        with database.transaction() as session:
            return insert_once(session, AnalyticsEvent, order_id=paid.id, event_type="seen")

    assert sorted(at_once(6, insert)) == [False] * 5 + [True]


def test_a_time_without_a_zone_is_refused(database: Database) -> None:
    user = User(email="x@example.com", full_name="x", password_hash="!", created_at=datetime(2026, 1, 1))
    with (
        pytest.raises(StatementError, match="Expected a time with its zone"),
        database.transaction() as session,
    ):
        session.add(user)


def test_threads_share_one_database(database: Database) -> None:
    names = set()

    def read() -> None:
        with database.reading() as session:
            names.add((threading.current_thread().name, session.query(Product).count()))

    at_once(12, read)
    assert len(names) == 12
