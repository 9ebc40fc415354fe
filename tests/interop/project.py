"""A user's project folder: a setup.cfg, a module of handlers, and RQ's own command line started in it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import redis

from tests.support.processes import Processes, PythonProcess
from tests.support.waiting import wait_until

SETTINGS = {
    "lock_duration": 2000,
    "lock_renew_time": 300,
    "stalled_interval": 150,
    "guard_interval": 200,
    "retry_process_delay": 100,
}
OURS = {"RQ_WORKER_CLASS": "bthwani_jobs.Worker"}

_SETUP_CFG = """\
[bthwani_jobs]
processors = handlers
"""

_HANDLERS = """\
import os
import time

import redis

from bthwani_jobs import Processor

client = redis.Redis.from_url(os.environ["RQ_REDIS_URL"])
SETTINGS = {settings}


def declare(queue):
    processor = Processor(queue, settings=SETTINGS)

    @processor.process("*")
    def handle(job):
        client.rpush("test:starts:" + queue, job.id)
        if job.name == "fail":
            raise RuntimeError("boom")
        if job.name == "slow":
            time.sleep(0.05)
        while job.name == "gated" and not client.exists("test:gate:" + queue):
            time.sleep(0.01)
        job.log("ran")
        return {{"id": job.id, "n": job.data.get("n")}}

    return processor


processors = [declare(queue) for queue in {queues}]
globals().update((f"processor_{{n}}", each) for n, each in enumerate(processors))
"""


class Project:
    """`queues`: the names its handlers serve.

    Jobs called "fail" raise, "slow" ones take 50 ms, "gated" ones wait for `open_gates`.
    """

    def __init__(
        self, folder: Path, processes: Processes, client: redis.Redis, queues: Sequence[str]
    ) -> None:
        self.folder = folder
        self.queues = list(queues)
        self._processes = processes
        self._client = client
        (folder / "setup.cfg").write_text(_SETUP_CFG)
        text = _HANDLERS.format(settings=json.dumps(SETTINGS), queues=json.dumps(self.queues))
        (folder / "handlers.py").write_text(text)

    def rq(self, *arguments: str, env: dict[str, str] | None = None) -> PythonProcess:
        """`rq <arguments>` typed in the folder."""
        return self._processes.python("-m", "rq.cli", *arguments, env=env, cwd=self.folder)

    def run_rq(self, *arguments: str, env: dict[str, str] | None = None) -> str:
        """The same, until its end, which must be a good one; its output."""
        return self.run_module("rq.cli", *arguments, env=env)

    def run_module(self, *arguments: str, env: dict[str, str] | None = None) -> str:
        """The same for any module: `python -m <arguments>`."""
        process = self._processes.python("-m", *arguments, env=env, cwd=self.folder)
        code = process.wait(40_000)
        assert code == 0, f"{' '.join(arguments)} ended with {code}:\n{process.output()}"
        return process.output()

    def starts(self, queue: str | None = None) -> list[str]:
        """Ids of the jobs whose handlers were called, in order."""
        rows = self._client.lrange(f"test:starts:{queue or self.queues[0]}", 0, -1)
        return [row.decode() for row in rows]

    def open_gates(self) -> None:
        for queue in self.queues:
            self._client.set(f"test:gate:{queue}", "1")

    def wait_for_start(self, job_id: str) -> None:
        wait_until(lambda: job_id in self.starts(), 20_000)

    def forget(self) -> None:
        for queue in self.queues:
            self._client.delete(f"test:gate:{queue}", f"test:starts:{queue}")
