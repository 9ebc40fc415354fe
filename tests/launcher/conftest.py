"""A server with a password and one that evicts, and processes that a test starts and is rid of."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.support.processes import ROOT, PythonProcess
from tests.support.redis_server import RedisServer

Start = Callable[..., PythonProcess]
#: Every variable of `.env.example`. An empty one counts as not given, and wins over a developer's `.env`.
SETTINGS = re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)


@pytest.fixture(scope="session")
def locked_server() -> Iterator[RedisServer]:
    """Wants the password "sesame"; `wait` for its start knows no password, so it is set afterwards."""
    server = RedisServer().start()
    with server.client() as client:
        client.config_set("requirepass", "sesame")
    yield server
    server.destroy()


@pytest.fixture(scope="session")
def evicting_server() -> Iterator[RedisServer]:
    server = RedisServer(options=("--maxmemory-policy", "allkeys-lru")).start()
    yield server
    server.destroy()


@pytest.fixture
def start() -> Iterator[Start]:
    """`start("-m", "launcher", …, env={…})`: `python …` in the project's folder, without our settings."""
    started: list[PythonProcess] = []

    def begin(*arguments: str, env: Mapping[str, str] | None = None, cwd: Path = ROOT) -> PythonProcess:
        unset = dict.fromkeys(SETTINGS, "")
        process = PythonProcess(
            arguments, {**os.environ, **unset, "PYTHONUNBUFFERED": "1", **(env or {})}, cwd
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.destroy()
