"""Both sides at once: Bull and ours on one server, each on keys of its own (``bull:…`` and ``rq:…``)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

import redis

from .bull import Bull
from .compare import Difference, differences
from .runner import run_scenario


class Sides:
    """Runs a scenario on both and compares; leaves no keys behind."""

    def __init__(self, bull: Bull, connection: redis.Redis) -> None:
        self._bull = bull
        self._connection = connection

    def differences(self, scenario: Mapping[str, Any]) -> list[Difference]:
        self._bull.ask(scenario)
        try:
            ours = run_scenario(scenario, self._connection, f"conformance-{uuid.uuid4().hex}")
        finally:
            theirs = self._bull.answer()
            self._connection.flushdb()
        return differences(scenario, theirs, ours)
