"""What handlers and services reach for, built once a process on first use."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass

from redis import Redis

from bthwani_jobs import Queue
from bthwani_jobs.store.connection import client
from processors import contracts, sample_catalogue
from processors.database import Database
from processors.gateways.invoices import Invoices, TypstInvoices
from processors.gateways.mailer import Mailer, mailer_for
from processors.gateways.payments import Payments, WalletPayments
from processors.gateways.push import FilePush, Push
from processors.records import Base
from processors.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Resources:
    settings: Settings
    database: Database
    redis: Redis
    queues: Mapping[str, Queue]
    mailer: Mailer
    push: Push
    payments: Payments
    invoices: Invoices


_lock = threading.Lock()
_built: Resources | None = None
_built_by: int | None = None
_replacement: Resources | None = None


def resources() -> Resources:
    """From this process's environment. A forked child builds its own: connections must not be shared."""
    global _built, _built_by
    if _replacement is not None:
        return _replacement
    with _lock:
        if _built is None or _built_by != os.getpid():
            _built, _built_by = build(Settings.from_env(os.environ)), os.getpid()
        return _built


def use(replacement: Resources | None) -> None:
    """Make `resources()` answer with this object in every thread; None ends it. For tests."""
    global _replacement
    _replacement = replacement


def build(settings: Settings) -> Resources:
    """Open what the settings name. A new SQLite file gets its tables and a catalogue to order from."""
    database = Database(settings.database_url)
    database.prepare(Base, sample_catalogue.install)
    redis = client(settings.redis_url)
    options = contracts.default_job_options(settings)
    return Resources(
        settings=settings,
        database=database,
        redis=redis,
        queues={name: Queue(name, redis, default_job_options=options) for name in contracts.QUEUES},
        mailer=mailer_for(settings),
        push=FilePush(settings.data_dir / "push"),
        payments=WalletPayments(),
        invoices=TypstInvoices(settings.data_dir),
    )
