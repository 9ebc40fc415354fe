"""The application served to a real browser in which the administrator has logged in."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.serving import make_server

from processors.resources import Resources, build
from processors.settings import Settings
from tests.support.redis_server import RedisServer
from web.app import create_app

ADMIN = {"email": "admin@bthwani.example", "password": "correct horse battery"}
#: Apart from the other tests' keys.
REDIS_DB = 6

Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


class Site:
    """The served application. ``without_policy`` takes its Content-Security-Policy away."""

    def __init__(self, app: Flask, resources: Resources) -> None:
        self.app = app
        self.resources = resources
        self.without_policy = False
        self.cookie = _session_cookie(app)
        self.server = make_server("127.0.0.1", 0, self._serve, threaded=True)
        self.base = f"http://127.0.0.1:{self.server.port}"

    def page(self, path: str) -> str:
        return f"{self.base}/admin/queues/{path}"

    def _serve(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        # The browser starts with an empty profile each time, so the server puts the cookie in its hand.
        environ["HTTP_COOKIE"] = f"bthwani_admin={self.cookie}"

        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            kept = [
                (name, value)
                for name, value in headers
                if not (self.without_policy and name == "Content-Security-Policy")
            ]
            return start_response(status, kept, *more)

        return self.app.wsgi_app(environ, start)


def _session_cookie(app: Flask) -> str:
    client = app.test_client()
    answer = client.post("/admin/login", data=ADMIN, headers={"Sec-Fetch-Site": "same-origin"})
    assert answer.status_code == 303
    cookie = client.get_cookie("bthwani_admin", path="/admin")
    assert cookie is not None
    return cookie.value


@pytest.fixture
def site(redis_server: RedisServer, tmp_path: Path) -> Iterator[Site]:
    settings = Settings.from_env(
        {
            "REDIS_URL": f"{redis_server.url.rpartition('/')[0]}/{REDIS_DB}",
            "DATA_DIR": str(tmp_path),
            "SECRET_KEY": "a key for tests only",
            "ADMIN_EMAIL": ADMIN["email"],
            "ADMIN_PASSWORD": ADMIN["password"],
        }
    )
    resources = build(settings)
    made = Site(create_app(settings, resources), resources)
    thread = threading.Thread(target=made.server.serve_forever, name="site")
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()
    resources.redis.flushdb()
    for queue in resources.queues.values():
        queue.close()
    resources.redis.close()
    resources.database.close()
