"""Kill a process at every one of its calls, each time on a queue of its own, and gather what went wrong."""

from __future__ import annotations

import signal
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis

from bthwani_jobs import Queue
from tests.chaos.fork_server import Child, ForkServer
from tests.chaos.invariants import problems

MOMENTS = ["before", "after"]
AT_ONCE = 6
ENDS_WITHIN_S = 30.0


@dataclass
class Case:
    """One queue, one victim. `die` and `live` fork processes that play roles on it."""

    server: ForkServer
    client: redis.Redis
    url: str
    folder: Path
    queue_name: str
    kill_at: int
    moment: str
    died: bool = False

    @property
    def queue(self) -> Queue:
        return Queue(self.queue_name, self.client)

    @property
    def calls(self) -> list[str]:
        """The names of the victim's calls, the deadly one last."""
        return self._notes("victim").read_text().splitlines()

    def die(self, role: str, **arguments: Any) -> None:
        """The victim: ends by SIGKILL at its call `kill_at`, or by itself if it makes fewer."""
        arguments |= {"kill_at": self.kill_at, "moment": self.moment}
        child = self._fork(role, "victim", arguments)
        code = child.wait(ENDS_WITHIN_S)
        assert code in (0, -signal.SIGKILL), f"The victim ended with {code}:\n{child.output()}"
        self.died = code != 0

    def live(self, role: str, **arguments: Any) -> None:
        """A process that must reach its end."""
        child = self._fork(role, "survivor", arguments)
        code = child.wait(ENDS_WITHIN_S)
        assert code == 0, f"The surviving process ended with {code}:\n{child.output()}"

    def start(self, role: str, **arguments: Any) -> Child:
        """A process that plays its role beside the victim; the caller waits for it."""
        return self._fork(role, "other", arguments)

    def leave_stalled(self) -> None:
        """Have a process die in the handler of the next job."""
        child = self.server.fork(
            "abandon", self.folder / f"{self.queue_name}-abandoned.log", url=self.url, queue=self.queue_name
        )
        assert child.wait(ENDS_WITHIN_S) == -signal.SIGKILL, child.output()

    def _fork(self, role: str, part: str, arguments: dict[str, Any]) -> Child:
        notes = {"notes": str(self._notes(part))}
        log = self._notes(part).with_suffix(".log")
        return self.server.fork(role, log, url=self.url, queue=self.queue_name, **notes, **arguments)

    def _notes(self, part: str) -> Path:
        return self.folder / f"{self.queue_name}-{self.moment}-{part}.calls"


Body = Callable[[Case], list[str]]


def at_every_call(case: Callable[[int], Case], body: Body) -> None:
    """Run `body` once without a death, to count the victim's calls, and then with one at each of them.

    `body` gives what it found wrong; broken invariants are added. Fails with all of it.
    """
    whole = case(0)
    faults = _faults(whole, body)
    assert not faults, "Without any death:\n" + "\n".join(faults)
    total = len(whole.calls)
    assert total > 0, "The victim made no calls: nothing has been tested."
    with ThreadPoolExecutor(AT_ONCE) as pool:
        results = list(pool.map(lambda n: _faults(case(n), body), range(1, total + 1)))
    found = [line for lines in results for line in lines]
    assert not found, "\n".join(found)


def _faults(case: Case, body: Body) -> list[str]:
    try:
        found = [*body(case), *problems(case.client, case.queue_name)]
    except Exception as error:
        found = [f"{type(error).__name__}: {error}"]
    if found:
        where = f"{case.moment} call {case.kill_at}" if case.died else "without a death"
        calls = case.calls
        return [
            f"Killed {where} ({calls[-1] if calls else '-'}; queue {case.queue_name}):",
            *(f"    {f}" for f in found),
        ]
    keys = list(case.client.scan_iter(f"*{case.queue_name}*", count=1000))
    if keys:
        case.client.unlink(*keys)
    case.client.srem("rq:queues", f"rq:queue:{case.queue_name}")
    return []


def new_queue_name() -> str:
    return f"q-{uuid.uuid4().hex[:12]}"
