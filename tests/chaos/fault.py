"""The fault injector: counts a process's calls to Redis and kills the process at the n-th."""

from __future__ import annotations

import os
import re
import select
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

from redis.connection import AbstractConnection, Connection

from bthwani_jobs import store
from bthwani_jobs.store.scripts import script

#: Sent when a connection opens. Nothing happens at the server: a death there is one before the next call.
_GREETINGS = {"HELLO", "CLIENT", "AUTH", "SELECT", "PING"}
_REPLY_WITHIN_MS = 50
_WORD = re.compile(rb"\$\d+\r\n([^\r\n]*)\r\n")


class Injector:
    """Kills this process at its `kill_at`-th call (0: never): before the bytes leave, or once answered.

    Every counted call is a line in `notes`, written before it is sent.
    """

    def __init__(self, kill_at: int, moment: str, notes: Path) -> None:
        self.kill_at = kill_at
        self.moment = moment
        self._notes = os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        self._lock = threading.Lock()
        self._count = 0
        self._names = {script(name).digest: name for name in _script_names()}
        self._exempt = threading.local()

    def install(self) -> None:
        """From here on calls count."""
        send = Connection.send_packed_command
        injector = self

        def counted(self: AbstractConnection, command: Any, check_health: bool = True) -> None:
            name = injector._name(command)
            if name is None:
                return send(self, command, check_health)
            # The lock is kept until the death: another thread's next call would be a later one.
            with injector._lock:
                injector._count += 1
                os.write(injector._notes, f"{name}\n".encode())
                due = injector._count == injector.kill_at
                if due and injector.moment == "before":
                    _die()
                send(self, command, check_health)
                if due:
                    poll = select.poll()
                    poll.register(self._sock, select.POLLIN)
                    poll.poll(_REPLY_WITHIN_MS)
                    _die()
            return None

        Connection.send_packed_command = counted  # type: ignore[method-assign]

    @contextmanager
    def exempt(self) -> Iterator[None]:
        """Calls of this thread do not count: the test's own."""
        self._exempt.on = True
        try:
            yield
        finally:
            self._exempt.on = False

    def _name(self, command: Any) -> str | None:
        if getattr(self._exempt, "on", False):
            return None
        text = command if isinstance(command, bytes) else b"".join(command)
        words = [word.decode(errors="replace") for word in _WORD.findall(text[:200])]
        if not words or words[0] in _GREETINGS:
            return None
        return self._names.get(words[1], words[0]) if words[0] == "EVALSHA" else words[0]


def _script_names() -> list[str]:
    folder = files(store) / "lua"
    return [item.name.removesuffix(".lua") for item in folder.iterdir() if item.name.endswith(".lua")]


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
    signal.pause()
