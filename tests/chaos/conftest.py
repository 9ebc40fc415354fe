from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from tests.chaos.fork_server import ForkServer
from tests.chaos.killing import Case, new_queue_name
from tests.support.redis_server import RedisServer


@pytest.fixture(scope="session")
def fork_server() -> Iterator[ForkServer]:
    server = ForkServer()
    yield server
    server.close()


@pytest.fixture
def make_case(
    fork_server: ForkServer, redis_server: RedisServer, connection: redis.Redis, tmp_path: Path
) -> Callable[[str], Callable[[int], Case]]:
    """`make_case(moment)(n)`: a case of its own queue, whose victim is killed at its n-th call."""

    def of_moment(moment: str) -> Callable[[int], Case]:
        def case(kill_at: int) -> Case:
            return Case(
                fork_server, connection, redis_server.url, tmp_path, new_queue_name(), kill_at, moment
            )

        return case

    return of_moment
