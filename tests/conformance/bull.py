"""Bull itself: installed on demand from the lock file, and run as one Node process that answers scenarios."""

from __future__ import annotations

import fcntl
import json
import select
import shutil
import subprocess
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

NODE_FOLDER = Path(__file__).parent / "node"
_ANSWER_WITHIN_S = 90


class BullUnavailable(RuntimeError):
    """Node or Bull is missing; the message says what to do."""


def install() -> None:
    """`npm ci` from the lock file, unless exactly that is installed already."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            raise BullUnavailable(
                f"Comparing with Bull needs {program}, which is not on the PATH: install Node.js 18 or newer."
            )
    modules = NODE_FOLDER / "node_modules"
    stamp = modules / ".installed-lock.json"
    lock = (NODE_FOLDER / "package-lock.json").read_text(encoding="utf-8")
    with (NODE_FOLDER / "package.json").open() as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if stamp.exists() and stamp.read_text(encoding="utf-8") == lock:
            return
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=NODE_FOLDER, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BullUnavailable(f"npm ci failed in {NODE_FOLDER}:\n{done.stderr[-2000:]}")
        stamp.write_text(lock, encoding="utf-8")


class Bull:
    """One Node process with Bull on a server; `ask`, then `answer`, one scenario at a time."""

    def __init__(self, port: int) -> None:
        install()
        self._process = subprocess.Popen(
            ["node", "run.js", str(port)],
            cwd=NODE_FOLDER,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def ask(self, scenario: Mapping[str, Any]) -> None:
        """Begin a scenario on a queue of its own; returns at once, so that our side can run meanwhile."""
        request = {"id": 0, "queue": f"conformance-{uuid.uuid4().hex}", "scenario": scenario}
        stdin = self._pipe(self._process.stdin)
        stdin.write(json.dumps(request) + "\n")
        stdin.flush()

    def answer(self) -> dict[str, Any]:
        """The trace of the scenario asked for. Raises RuntimeError if Bull's side crashed on it."""
        stdout = self._pipe(self._process.stdout)
        ready, _, _ = select.select([stdout], [], [], _ANSWER_WITHIN_S)
        line = stdout.readline() if ready else ""
        if not line:
            raise RuntimeError("Bull's process gave no answer; its own output says why.")
        reply = json.loads(line)
        if "crash" in reply:
            raise RuntimeError(f"Bull's side crashed: {reply['crash']}")
        return reply["trace"]

    def close(self) -> None:
        self._pipe(self._process.stdin).close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._pipe(self._process.stdout).close()

    @staticmethod
    def _pipe(pipe: IO[str] | None) -> IO[str]:
        if pipe is None:
            raise RuntimeError("Bull's process was started without pipes.")
        return pipe
