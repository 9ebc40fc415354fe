"""One Node process with Bull for the session, and the line that sums the comparison up."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from tests.support.redis_server import RedisServer

from .bull import Bull
from .sides import Sides


@pytest.fixture(scope="session")
def conformance_server() -> Iterator[RedisServer]:
    server = RedisServer().start()
    yield server
    server.destroy()


@pytest.fixture(scope="session")
def bull(conformance_server: RedisServer) -> Iterator[Bull]:
    process = Bull(conformance_server.port)
    yield process
    process.close()


@pytest.fixture
def sides(bull: Bull, conformance_server: RedisServer) -> Iterator[Sides]:
    connection: redis.Redis = conformance_server.client()
    yield Sides(bull, connection)
    connection.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    scenarios = alike = commands = deviations = 0
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            facts = dict(getattr(report, "user_properties", ()))
            if report.when != "call" or not facts.keys() & {"scenario", "commands"}:
                continue
            scenarios += "scenario" in facts
            alike += "scenario" in facts and outcome == "passed"
            commands += facts.get("commands", 0) if outcome == "passed" else 0
            deviations += facts.get("deviations", 0)
    if scenarios or commands:
        terminalreporter.write_line(
            f"{alike} of {scenarios} scenarios alike, {commands} random commands alike, "
            f"{deviations} listed deviations"
        )
