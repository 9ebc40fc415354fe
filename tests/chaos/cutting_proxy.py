"""A TCP proxy before Redis that swallows the reply to a chosen call and hangs up, as a network does."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

from bthwani_jobs.store.scripts import script

_CHUNK = 1 << 16


class CuttingProxy:
    """Listens on a port of its own. Until `cut_reply_to` is called it passes everything through."""

    def __init__(self, redis_port: int) -> None:
        self._redis_port = redis_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._wanted: bytes | None = None
        self._open: list[socket.socket] = []
        self._closing = False
        #: how many replies have been swallowed
        self.cuts = 0
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def cut_reply_to(self, script_name: str) -> None:
        """The next call of this script is carried out, its reply never arrives."""
        with self._lock:
            self._wanted = script(script_name).digest.encode()

    def close(self) -> None:
        self._closing = True
        self._listener.close()
        with self._lock:
            for end in self._open:
                _hang_up(end)
        for thread in self._threads:
            thread.join(5)

    def _start(self, target: Callable[..., None], *arguments: socket.socket) -> None:
        thread = threading.Thread(target=target, args=arguments, name="proxy", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        self._listener.settimeout(0.2)
        while not self._closing:
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._redis_port))
            with self._lock:
                self._open += [client, server]
            cut = threading.Event()
            self._start(lambda a, b, c=cut: self._requests(a, b, c), client, server)
            self._start(lambda a, b, c=cut: self._replies(a, b, c), server, client)

    def _requests(self, client: socket.socket, server: socket.socket, cut: threading.Event) -> None:
        while data := _received(client):
            with self._lock:
                if self._wanted is not None and self._wanted in data:
                    self._wanted = None
                    cut.set()
            try:
                server.sendall(data)
            except OSError:
                break
        _hang_up(server)

    def _replies(self, server: socket.socket, client: socket.socket, cut: threading.Event) -> None:
        while data := _received(server):
            if cut.is_set():
                self.cuts += 1
                break
            try:
                client.sendall(data)
            except OSError:
                break
        _hang_up(client)
        _hang_up(server)


def _received(end: socket.socket) -> bytes:
    try:
        return end.recv(_CHUNK)
    except OSError:
        return b""


def _hang_up(end: socket.socket) -> None:
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    end.close()
