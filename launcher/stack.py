"""All processes of the application, through honcho: started, kept alive, and stopped in order."""

from __future__ import annotations

import multiprocessing
import queue
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

from honcho.manager import Manager
from honcho.printer import Message

from launcher.output import Output
from launcher.supervised import SupervisedProcess, signal_group

#: Beyond the grace of the workers themselves, before they are killed.
MARGIN_S = 5.0
STORE_STOPS_WITHIN_S = 15.0
#: A process that has earned a pause of this length before its next start has died five times in a row.
HOPELESS_PAUSE_S = 3.2
#: How long the store outlives a launcher that was killed, so that the workers can give their jobs back.
ORPHANED_STORE_S = 3.0


class Stack(Manager):
    """honcho's Manager with a loop of its own: honcho's stops everything as soon as one process ends.

    A process that dies is started again, and a line says so. `stop()` ends all others before the store (the
    Redis server), so that workers can hand back what they hold, and kills only what outlasts `grace_s`.
    """

    def __init__(self, output: Output, *, grace_s: float) -> None:
        super().__init__(output)
        self.output = output
        self.grace_s = grace_s
        #: signals received that ask to stop
        self.requests = 0
        self.killed: list[str] = []
        #: processes that die again and again right after their start
        self.hopeless: set[str] = set()
        self._stopping = multiprocessing.Event()
        self._store: str | None = None

    def add(
        self, name: str, command: str, env: Mapping[str, str], *, restart: bool = True, store: bool = False
    ) -> None:
        """Add a process; `start` starts it. The `store` is stopped after all others."""

        def construct(cmd: str, **honcho: Any) -> SupervisedProcess:
            return SupervisedProcess(
                cmd,
                stopping=self._stopping,
                grace_s=self.grace_s,
                restart=restart,
                orphan_pause_s=ORPHANED_STORE_S if store else 0.0,
                **honcho,
            )

        self._process_ctor = construct
        self.add_process(name, command, env=dict(env))
        if store:
            self._store = name

    def start(self, name: str) -> None:
        entry = self._processes[name]
        entry["process"] = multiprocessing.Process(
            name=name, target=entry["obj"].run, args=(self.events, True)
        )
        entry["process"].start()

    def run_until(self, condition: Callable[[], bool], within_s: float | None = None) -> bool:
        """Pass output on until the condition holds or somebody asks to stop. Returns whether it holds."""
        deadline = None if within_s is None else time.monotonic() + within_s
        while not condition():
            if self.asked_to_stop or (deadline is not None and time.monotonic() > deadline):
                return condition()
            self._pump()
        return True

    @property
    def asked_to_stop(self) -> bool:
        """By a signal, or by closing what shows the output."""
        return self.requests > 0 or self.output.is_broken

    def ended(self, name: str) -> bool:
        """Whether the process has ended and is not started again."""
        return "returncode" in self._processes[name]

    def pid(self, name: str) -> int | None:
        """Of the process that runs or ran last; None before its first start."""
        pid: int | None = self._processes[name].get("pid")
        return pid

    def exit_code(self, name: str) -> int:
        """Of a process that has ended; negative: the signal that ended it."""
        return int(self._processes[name]["returncode"])

    def stop(self) -> None:
        """End everything: the others first, then the store. Returns when all are gone."""
        self._terminating = True
        self._stopping.set()
        others = [name for name in self._running() if name != self._store]
        self._end(others, self.grace_s + MARGIN_S, asked_before=self.requests)
        if self._store in self._running():
            self._end([self._store], STORE_STOPS_WITHIN_S, asked_before=self.requests)
        for entry in self._processes.values():
            if "process" in entry:
                entry["process"].join()
        self.output.close()

    @contextmanager
    def signals(self) -> Iterator[None]:
        """SIGINT, SIGTERM and SIGHUP count as requests to stop while this is entered."""

        def note(signum: int, frame: FrameType | None) -> None:
            self.requests += 1

        asked = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {signum: signal.signal(signum, note) for signum in asked}
        try:
            yield
        finally:
            for signum, handler in before.items():
                signal.signal(signum, handler)

    def _running(self) -> list[str]:
        return [
            name
            for name, entry in self._processes.items()
            if "process" in entry and "returncode" not in entry
        ]

    def _end(self, names: list[str], within_s: float, *, asked_before: int) -> None:
        """SIGTERM, and SIGKILL to what is still there after `within_s` or a further request to stop."""
        asked: set[int] = set()
        deadline = time.monotonic() + within_s
        while self._left(names) and time.monotonic() < deadline and self.requests == asked_before:
            new = self._pids(names) - asked  # one that was just being started shows up a little later
            for pid in new:
                signal_group(pid, signal.SIGTERM)
            asked |= new
            self._pump()
        self.killed += self._left(names)
        while self._left(names):
            for pid in self._pids(names):
                signal_group(pid, signal.SIGKILL)
            self._pump()

    def _left(self, names: list[str]) -> list[str]:
        return [name for name in names if not self.ended(name)]

    def _pids(self, names: list[str]) -> set[int]:
        return {self._processes[name]["pid"] for name in self._left(names) if "pid" in self._processes[name]}

    def _pump(self) -> None:
        """Handle one event, or none after a tenth of a second."""
        try:
            message = self.events.get(timeout=0.1)
        except queue.Empty:
            self._replace_dead_supervisors()
            return
        if message.type == "line":
            self._printer.write(message)
        elif message.type == "start":
            self._processes[message.name]["pid"] = message.data["pid"]
        elif message.type == "died":
            self._tell_death(message)
        elif message.type == "stop":
            self._processes[message.name]["returncode"] = message.data["returncode"]

    def _replace_dead_supervisors(self) -> None:
        """One that was killed itself has said nothing more; its child was told to end by the system."""
        for name in self._running():
            if self._processes[name]["process"].is_alive():
                continue
            if self._terminating or not self._processes[name]["obj"].restart:
                self._processes[name]["returncode"] = self._processes[name]["process"].exitcode
            else:
                self._system_print(f"the supervisor of {name} was killed; both are started again\n")
                self.start(name)

    def _tell_death(self, message: Message) -> None:
        how, pause = manner_of_death(message.data["returncode"]), message.data["pause_s"]
        self._system_print(f"{message.name} {how}; it is started again in {pause:.1f} s\n")
        if pause >= HOPELESS_PAUSE_S:
            self.hopeless.add(message.name)
        last = self.output.recent(message.name)[-1:]
        if last and not self.output.shows(message.name):
            self._system_print(f"its last line: {last[0]}\n")


def manner_of_death(code: int) -> str:
    """An exit code in words."""
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"
