"""What an idle runner sleeps on: its own finished runs, and the queue's marker in Redis, both at once."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable

from redis import Redis

from ..store.connection import HeldConnection


class Bell:
    """Wakes a thread that sleeps in `select`. Ringing twice wakes once."""

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        self._rung = False
        self._closed = False
        self._lock = threading.Lock()

    def ring(self) -> None:
        if not self._rung:
            with self._lock:
                if not self._closed:
                    self._rung = True
                    os.write(self._writer, b"!")

    def silence(self) -> None:
        """Only the sleeping thread calls this, and looks at its work afterwards."""
        try:
            os.read(self._reader, 16)
        except BlockingIOError:
            pass
        # Last: a ring between the two writes nothing, but its work is found by the look that follows. The
        # other way round its byte would be read here while the flag stays up: the bell would be deaf for
        # ever.
        self._rung = False

    def fileno(self) -> int:
        return self._reader

    def close(self) -> None:
        """A handler that outlives its worker may still ring: then nothing happens."""
        with self._lock:
            self._closed = True
            os.close(self._reader)
            os.close(self._writer)


class Stillness:
    """Lets other threads wait for a runner: until it rests, or until some of its runs have ended."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._waiting = 0
        self.is_reached = False

    def unsettle(self) -> None:
        """A pause began or ended: whether the runner is still is to be found out anew."""
        self.is_reached = False

    def reach(self) -> None:
        self.is_reached = True
        self.changed()

    def changed(self) -> None:
        """Those who wait look again."""
        if self._waiting:
            with self._condition:
                self._condition.notify_all()

    def wait(self, condition: Callable[[], bool]) -> None:
        with self._condition:
            self._waiting += 1
            try:
                while not condition():
                    # The end of the runner's thread, and a call between look and sleep, notify nobody.
                    self._condition.wait(0.2)
            finally:
                self._waiting -= 1


class MarkerWait:
    """A BZPOPMIN on markers, sent without waiting for the reply, on a connection of its own."""

    def __init__(self, client: Redis, *markers: str) -> None:
        self._connection = HeldConnection(client, socket_timeout_s=10)
        self._markers = markers
        self.is_pending = False

    def begin(self, timeout_s: float) -> None:
        self._connection.send("BZPOPMIN", *self._markers, timeout_s)
        self.is_pending = True

    def take(self) -> bool:
        """Once the socket is readable: whether a marker was there."""
        if not self._connection.has_reply():
            return False
        self.is_pending = False
        return self._connection.read() is not None

    def fileno(self) -> int:
        return int(self._connection.socket().fileno())

    def drop(self) -> None:
        self.is_pending = False
        self._connection.drop()


def sleep(bell: Bell, wait: MarkerWait, timeout_s: float) -> tuple[bool, bool]:
    """Sleep until the bell rings, the marker wait is answered, or the time is over: (rung, answered)."""
    poll = select.poll()
    poll.register(bell.fileno(), select.POLLIN)
    if wait.is_pending:
        poll.register(wait.fileno(), select.POLLIN)
    ready = {fd for fd, _ in poll.poll(max(0, timeout_s * 1000))}
    return bell.fileno() in ready, wait.is_pending and wait.fileno() in ready
