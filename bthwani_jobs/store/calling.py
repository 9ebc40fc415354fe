"""A queue's keys with a client and a call number: what every function of the store is given first."""

from __future__ import annotations

import os
import secrets
import threading
from itertools import count
from typing import Any

from redis import Redis

from .keys import QueueKeys
from .scripts import script


class _Caller(threading.local):
    """Who calls, by thread: redis-py resends a command after a lost reply, so each call carries a number."""

    def __init__(self) -> None:
        self.name = secrets.token_hex(6)
        self.numbers = count(1)


class QueueStore:
    """One queue in Redis. ``now_ms`` 0 means the server's clock; only tests set another time."""

    __slots__ = ("_caller", "client", "keys", "now_ms")

    def __init__(self, client: Redis, keys: QueueKeys, now_ms: int = 0) -> None:
        self.client = client
        self.keys = keys
        self.now_ms = now_ms
        self._caller = _Caller()

    def once(self, name: str, *args: Any) -> Any:
        """Run a state-changing script so that being sent twice is the same as once."""
        caller = self._caller
        # The process id keeps a forked child from continuing its parent's numbers.
        key = self.keys.call(f"{caller.name}-{os.getpid()}")
        return script(name).run(
            self.client, key, self.keys.prefix, self.keys.queue, self.now_ms, next(caller.numbers), *args
        )

    def run(self, name: str, *args: Any) -> Any:
        """Run a script that reads, or that may safely act twice."""
        keys = self.keys
        return script(name).run(self.client, keys.marker, keys.prefix, keys.queue, self.now_ms, "", *args)

    def server_ms(self) -> int:
        """The server's clock (or the test's)."""
        if self.now_ms:
            return self.now_ms
        seconds, microseconds = self.client.time()
        return int(seconds) * 1000 + int(microseconds) // 1000
