"""The whole application on a database and a Redis database of the test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from flask import Flask
from flask.testing import FlaskClient

from processors import resources as app_resources
from processors import sample_catalogue
from processors.database import Database
from processors.records import Base, User
from processors.resources import Resources
from processors.settings import Settings
from tests.support.redis_server import RedisServer
from web.app import create_app
from web.services import passwords

ADMIN_EMAIL = "admin@bthwani.example"
ADMIN_PASSWORD = "correct horse battery"
#: Apart from the other tests' keys, because the application's queues have fixed names.
REDIS_DB = 5

Headers = dict[str, str]


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real cost is half a second each."""
    monkeypatch.setattr(passwords, "METHOD", "scrypt:1024:8:1")


@pytest.fixture
def settings(redis_server: RedisServer, tmp_path: Path) -> Settings:
    url = f"{redis_server.url.rpartition('/')[0]}/{REDIS_DB}"
    return Settings.from_env(
        {
            "REDIS_URL": url,
            "DATA_DIR": str(tmp_path),
            "SECRET_KEY": "a key for tests only",
            "ADMIN_EMAIL": ADMIN_EMAIL,
            "ADMIN_PASSWORD": ADMIN_PASSWORD,
        }
    )


@pytest.fixture
def resources(settings: Settings) -> Iterator[Resources]:
    """What the web application and its workers share; `processors.resources.resources()` answers it too."""
    made = app_resources.build(settings)
    app_resources.use(made)
    yield made
    app_resources.use(None)
    for queue in made.queues.values():
        queue.close()
    made.redis.flushdb()
    made.redis.close()
    made.database.close()


@pytest.fixture
def app(settings: Settings, resources: Resources) -> Flask:
    made = create_app(settings, resources)
    made.testing = False  # errors are answered, as in production
    return made


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def connection(settings: Settings) -> Iterator[redis.Redis]:
    """A client of the application's Redis database."""
    made = redis.Redis.from_url(settings.redis_url)
    yield made
    made.close()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A database with the sample catalogue, for services that are tested without the rest."""
    made = Database(f"sqlite:///{tmp_path / 'alone.sqlite3'}")
    made.prepare(Base, sample_catalogue.install)
    yield made
    made.close()


@pytest.fixture
def customer(client: FlaskClient) -> Headers:
    """A registered customer's authorization."""
    return registered(client, "amal@example.com", "أمل")


@pytest.fixture
def admin(client: FlaskClient) -> Headers:
    """The first administrator's authorization."""
    return logged_in(client, ADMIN_EMAIL, ADMIN_PASSWORD)


@pytest.fixture
def admin_client(app: Flask) -> FlaskClient:
    """A browser in which the administrator has logged in, on pages of this site."""
    browser = app.test_client()
    browser.environ_base["HTTP_SEC_FETCH_SITE"] = "same-origin"
    answer = browser.post("/admin/login", data={"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD})
    assert answer.status_code == 303
    return browser


def registered(client: FlaskClient, email: str, name: str = "Someone", **more: Any) -> Headers:
    account = {"email": email, "password": "long enough", "fullName": name, **more}
    answer = client.post("/auth/register", json=account)
    assert answer.status_code == 201, answer.text
    return logged_in(client, email, "long enough")


def logged_in(client: FlaskClient, email: str, password: str) -> Headers:
    answer = client.post("/auth/login", json={"email": email, "password": password})
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json['token']}"}


def stored(database: Database, user: User) -> User:
    """The user, saved, readable without a session."""
    with database.transaction() as session:
        session.add(user)
        session.flush()
        session.expunge(user)
    return user


class FakeJob:
    def __init__(self, queue: FakeQueue, name: str, data: Any, options: dict[str, Any]) -> None:
        self.queue, self.name, self.data, self.options = queue, name, data, options
        self.id = options.get("job_id") or str(len(queue.jobs) + 1)


class FakeQueue:
    """Remembers what is added, once for each id; ``on_add`` sees each job at that very moment."""

    def __init__(self, name: str, on_add: Callable[[FakeJob], None] | None = None) -> None:
        self.name = name
        self.jobs: dict[str, FakeJob] = {}
        self.is_down = False
        self._on_add = on_add

    def add(self, name: str, data: Any, **options: Any) -> FakeJob:
        if self.is_down:
            raise redis.ConnectionError("refused")
        job = FakeJob(self, name, data, options)
        if self._on_add is not None:
            self._on_add(job)
        return self.jobs.setdefault(job.id, job)
