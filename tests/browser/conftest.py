"""The application served to a real browser."""

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
from tests.browser.chromium import Browser, Page
from tests.support.redis_server import RedisServer
from web.app import create_app

ADMIN_EMAIL = "admin@bthwani.example"
ADMIN_PASSWORD = "correct horse battery"
#: Apart from the other tests' keys.
REDIS_DB = 6

Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


class Site:
    """The served application. ``without_policy`` takes its Content-Security-Policy away."""

    def __init__(self, app: Flask, resources: Resources) -> None:
        self.app = app
        self.resources = resources
        self.without_policy = False
        self.server = make_server("127.0.0.1", 0, self._serve, threaded=True)
        self.base = f"http://127.0.0.1:{self.server.port}"

    def url(self, path: str) -> str:
        return f"{self.base}/admin/queues/{path}"

    def _serve(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            dropped = {"Content-Security-Policy"} if self.without_policy else set()
            return start_response(status, [pair for pair in headers if pair[0] not in dropped], *more)

        return self.app.wsgi_app(environ, start)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    started = Browser()
    yield started
    started.close()


@pytest.fixture
def site(redis_server: RedisServer, tmp_path: Path) -> Iterator[Site]:
    settings = Settings.from_env(
        {
            "REDIS_URL": f"{redis_server.url.rpartition('/')[0]}/{REDIS_DB}",
            "DATA_DIR": str(tmp_path),
            "SECRET_KEY": "a key for tests only",
            "ADMIN_EMAIL": ADMIN_EMAIL,
            "ADMIN_PASSWORD": ADMIN_PASSWORD,
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


@pytest.fixture
def stranger(browser: Browser) -> Iterator[Page]:
    """A tab in which nobody has logged in."""
    page = browser.page()
    yield page
    page.close()


@pytest.fixture
def page(stranger: Page, site: Site) -> Page:
    """A tab in which the administrator has logged in, by the form."""
    stranger.open(site.url(""))
    stranger.type("[name=email]", ADMIN_EMAIL)
    stranger.type("[name=password]", ADMIN_PASSWORD)
    stranger.click("form.login button")
    stranger.wait_for("location.pathname === '/admin/queues/' && document.readyState === 'complete'")
    return stranger
