"""The database: one engine a process, transactions that write, and tables made on first use of SQLite."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from sqlalchemy import (
    Connection,
    CursorResult,
    DateTime,
    Dialect,
    Engine,
    TypeDecorator,
    create_engine,
    event,
    inspect,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.orm import DeclarativeBase, Session

BUSY_SECONDS = 30
BEGIN_OPTION = "sqlite_begin"


class UtcDateTime(TypeDecorator[datetime]):
    """An instant, always read back in UTC; a time without a zone is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"Expected a time with its zone, found {value!r}.")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Database:
    """Sessions on one database. Threads may share it; each `with` has a session of its own."""

    def __init__(self, url: str) -> None:
        self.engine = create_engine(url, **_connect_options(url))
        if self.engine.dialect.name == "sqlite":
            _use_explicit_begin(self.engine)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Commits at the end, rolls back on an error. On SQLite one writer at a time, from its start."""
        with (
            Session(self.engine.execution_options(**{BEGIN_OPTION: "IMMEDIATE"})) as session,
            session.begin(),
        ):
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """One consistent view; nothing is written. What was loaded stays readable afterwards."""
        with Session(self.engine, expire_on_commit=False, autoflush=False) as session:
            yield session

    def prepare(self, base: type[DeclarativeBase], first_rows: Callable[[Session], None]) -> None:
        """Create the tables of an SQLite file that has none, with their first rows, in one transaction.

        Any number of processes may start at once. Other databases are left to their own migrations.
        """
        url = self.engine.url
        if self.engine.dialect.name != "sqlite" or not url.database:
            return
        file = Path(url.database)
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.with_name(file.name + ".setup").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._create_tables(base, first_rows)

    def _create_tables(self, base: type[DeclarativeBase], first_rows: Callable[[Session], None]) -> None:
        with closing(self.engine.raw_connection()) as raw:
            raw.cursor().execute("PRAGMA journal_mode = WAL")
        with self.transaction() as session:
            connection = session.connection()
            is_new = not inspect(connection).get_table_names()
            base.metadata.create_all(connection)
            if is_new:
                first_rows(session)

    def close(self) -> None:
        self.engine.dispose()


def insert_once(session: Session, model: type[DeclarativeBase], **values: Any) -> bool:
    """Insert a row unless one with the same unique key is there. Returns whether this call inserted it."""
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    statement = insert(model).values(**values).on_conflict_do_nothing()
    return cast("CursorResult[Any]", session.execute(statement)).rowcount == 1


def _connect_options(url: str) -> dict[str, Any]:
    if make_url(url).get_backend_name() == "sqlite":
        return {"connect_args": {"timeout": BUSY_SECONDS}, "pool_size": 10, "max_overflow": 20}
    return {"pool_pre_ping": True}


def _use_explicit_begin(engine: Engine) -> None:
    """Python's driver begins late, on the first write: what was read before it could be stale by then."""

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(
            "BEGIN " + connection.get_execution_options().get(BEGIN_OPTION, "DEFERRED")
        )
