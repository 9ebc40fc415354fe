"""Python processes that a test starts, kills and is rid of at its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_FOREIGN_PREFIXES = ("REDIS_", "RQ_", "BTHWANI_", "QUEUE_", "TEST_REDIS_")


class PythonProcess:
    """One running `python …`, leader of a process group of its own; its output goes to a file."""

    def __init__(self, arguments: tuple[str, ...], environment: Mapping[str, str], cwd: Path) -> None:
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        self._process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=cwd,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative: the signal that ended it."""
        return self._process.poll()

    def kill(self) -> None:
        """SIGKILL to this process alone, as the out-of-memory killer would; returns when it is gone."""
        self._process.kill()
        self._process.wait()

    def terminate(self) -> None:
        """SIGTERM: a request to end warmly. Does not wait."""
        self._process.terminate()

    def interrupt(self) -> None:
        """SIGINT, what Ctrl-C sends. Does not wait."""
        self._process.send_signal(signal.SIGINT)

    def wait(self, within_ms: float = 10_000) -> int:
        """The exit code; fails with the output so far when it takes longer."""
        try:
            return self._process.wait(within_ms / 1000)
        except subprocess.TimeoutExpired:
            raise AssertionError(
                f"The process still runs after {within_ms:.0f} ms.\n{self.output()}"
            ) from None

    def output(self) -> str:
        """Everything written to stdout and stderr so far."""
        self._output.flush()
        size = os.fstat(self._output.fileno()).st_size
        return os.pread(self._output.fileno(), size, 0).decode(errors="replace")

    def destroy(self) -> None:
        """SIGKILL to the whole group, children included; may be called more than once."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._process.wait()
        self._output.close()


class Processes:
    """Starts processes and ends them all together."""

    def __init__(self, redis_url: str) -> None:
        self.redis_url = redis_url
        self._started: list[PythonProcess] = []

    def python(
        self, *arguments: str, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> PythonProcess:
        """`python <arguments>` in the project's folder (or `cwd`), with this Redis and no other setting."""
        process = PythonProcess(arguments, {**clean_environment(self.redis_url), **(env or {})}, cwd or ROOT)
        self._started.append(process)
        return process

    def destroy(self) -> None:
        """Kill whatever still runs."""
        while self._started:
            self._started.pop().destroy()


def clean_environment(redis_url: str) -> dict[str, str]:
    """This process's environment without its Redis, RQ or queue settings, then both Redis addresses."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN_PREFIXES)}
    return {
        **kept,
        "RQ_REDIS_URL": redis_url,
        "REDIS_URL": redis_url,
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")])),
        "PYTHONUNBUFFERED": "1",
    }
