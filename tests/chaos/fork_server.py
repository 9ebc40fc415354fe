"""Processes in milliseconds: a small server that has everything imported and forks a child for each request.

`python -m tests.chaos.fork_server <socket>` serves until its stdin closes. Each request is one line of JSON,
the arguments of `roles.play`; it is answered with the child's pid and, when the child has ended, its exit
code (negative: the signal that ended it).
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

from tests.chaos import roles
from tests.support.processes import ROOT, clean_environment

_READY = "ready\n"


class Child:
    """One forked process. `output` is what it wrote and logged."""

    def __init__(self, channel: socket.socket, log: Path) -> None:
        self._channel = channel
        self._reader = channel.makefile()
        self._log = log
        self.pid = int(self._reader.readline())

    def wait(self, within_s: float) -> int:
        """The exit code; fails, and kills the child, if it takes longer."""
        self._channel.settimeout(within_s)
        try:
            return int(self._reader.readline())
        except TimeoutError:
            os.kill(self.pid, signal.SIGKILL)
            raise AssertionError(
                f"A process still ran after {within_s:.0f} s. It wrote:\n{self.output()}"
            ) from None
        finally:
            self._reader.close()
            self._channel.close()

    def kill(self) -> None:
        """SIGKILL; `wait` is still to be called."""
        os.kill(self.pid, signal.SIGKILL)

    def output(self) -> str:
        return self._log.read_text(errors="replace")[-4000:] if self._log.exists() else ""


class ForkServer:
    """The server as a test's session holds it."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="chaos-")
        self._path = str(Path(self._folder.name) / "requests")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.fork_server", self._path],
            cwd=ROOT,
            env=clean_environment(""),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        answer = self._process.stdout.readline()
        assert answer == _READY, f"The fork server did not start: it said {answer!r}."

    def fork(self, role: str, log: Path, **arguments: Any) -> Child:
        """Have a child play `role` (see `roles`)."""
        channel = socket.socket(socket.AF_UNIX)
        channel.settimeout(20)
        channel.connect(self._path)
        request = {"role": role, "log": str(log), "arguments": arguments}
        channel.sendall(json.dumps(request).encode() + b"\n")
        return Child(channel, log)

    def close(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()
        self._folder.cleanup()


def serve(path: str) -> None:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(64)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # supervisors are nobody's to wait for
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    selector.register(sys.stdin, selectors.EVENT_READ)
    sys.stdout.write(_READY)
    sys.stdout.flush()
    while True:
        if any(key.fileobj is sys.stdin for key, _ in selector.select()):
            return
        channel, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            _supervise(channel)
            os._exit(0)
        channel.close()


def _supervise(channel: socket.socket) -> None:
    """Fork the child proper, and tell how it ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    request = json.loads(channel.makefile().readline())
    pid = os.fork()
    if pid == 0:
        channel.close()
        _become(request)
    channel.sendall(f"{pid}\n".encode())
    _, status = os.waitpid(pid, 0)
    try:
        channel.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    except BrokenPipeError:
        pass  # the test has given up on it


def _become(request: dict[str, Any]) -> None:
    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(log, stream)
    try:
        roles.play(request["role"], request["arguments"])
    except BaseException:
        os.write(2, traceback.format_exc().encode())
        os._exit(70)
    os._exit(0)


if __name__ == "__main__":
    serve(sys.argv[1])
