"""One process of the stack, in the charge of a small process of its own that starts it again when it dies."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import wait
from multiprocessing.synchronize import Event
from types import FrameType
from typing import Any

from honcho.process import Popen, Process

#: A process that lived this long was well; its next death is answered at once.
SETTLED_S = 10.0
FIRST_PAUSE_S = 0.2
#: Whoever keeps dying is told of by then; longer would only keep away what could serve again.
LONGEST_PAUSE_S = 3.2
PLAIN_COMMAND = re.compile(r"(?!exec )[\w./-]+(?: +[\w./:,=@+-]+)*")
#: Linux's prctl option: the signal a process gets when its parent ends.
PR_SET_PDEATHSIG = 1


class SupervisedProcess(Process):
    """honcho's Process, which also sends `died` events and starts again until `stopping` is set.

    `restart=False`: one run, then the `stop` event. If the launcher itself vanishes (SIGKILL), the child gets
    SIGTERM after `orphan_pause_s` and SIGKILL `grace_s` later, so nothing is left behind.
    """

    def __init__(
        self,
        cmd: str,
        *,
        stopping: Event,
        grace_s: float,
        restart: bool = True,
        orphan_pause_s: float = 0.0,
        **honcho: Any,
    ) -> None:
        super().__init__(cmd, **honcho)
        self.stopping = stopping
        self.grace_s = grace_s
        self.restart = restart
        self.orphan_pause_s = orphan_pause_s

    def run(self, events: Any = None, ignore_signals: bool = False) -> None:
        """Supervise until the end; runs in a process of its own."""
        self._events = events
        _disregard_signals()
        threading.Thread(target=self._follow_the_launcher, daemon=True).start()
        pause = FIRST_PAUSE_S
        while True:
            began = time.monotonic()
            code = self._run_once()
            if self.stopping.is_set() or not self.restart:
                break
            lived = time.monotonic() - began
            # SIGKILL comes from outside: it says nothing against the process.
            was_well = lived > SETTLED_S or code == -signal.SIGKILL
            pause = FIRST_PAUSE_S if was_well else pause
            self._send_message({"returncode": code, "pause_s": pause}, type="died")
            if self.stopping.wait(pause):
                break
            pause = min(pause * 2, LONGEST_PAUSE_S)
        self._send_message({"returncode": code}, type="stop")

    def _run_once(self) -> int:
        child = self._child = Popen(
            without_shell(self.cmd),
            env=self.env,
            cwd=self.cwd,
            stdin=subprocess.DEVNULL,
            preexec_fn=end_with_parent(),
        )
        self._send_message({"pid": child.pid}, type="start")
        sweeper = threading.Thread(target=self._sweep_when_ended, args=(child,), daemon=True)
        sweeper.start()
        for line in iter(child.stdout.readline, b""):
            self._send_message(line)
        child.stdout.close()
        sweeper.join()
        return int(child.returncode)

    def _sweep_when_ended(self, child: Popen) -> None:
        """What a dead process leaves in its group would hold its output open, its port and its locks.

        While all is stopping, what is left in the group has been asked to end as well and gets its grace.
        """
        child.wait()
        if not self.stopping.is_set():
            signal_group(child.pid, signal.SIGKILL)

    def _follow_the_launcher(self) -> None:
        launcher = multiprocessing.parent_process()
        if launcher is None:
            return
        wait([launcher.sentinel])
        self._events.cancel_join_thread()  # nobody reads any more
        self.stopping.set()
        time.sleep(self.orphan_pause_s)
        for signum, patience_s in ((signal.SIGTERM, self.grace_s), (signal.SIGKILL, 1.0)):
            if self._child is not None and self._child.returncode is None:
                signal_group(self._child.pid, signum)
                time.sleep(patience_s)
        os._exit(1)


def signal_group(pid: int, signum: signal.Signals) -> None:
    """Signal a process and all its descendants that stayed in its group, if there are any left."""
    try:
        os.killpg(pid, signum)
    except (ProcessLookupError, PermissionError):
        pass


def without_shell(command: str) -> str:
    """A plain command takes the shell's place, so that signals and exit codes are its own."""
    return f"exec {command}" if PLAIN_COMMAND.fullmatch(command) else command


def end_with_parent() -> Callable[[], None] | None:
    """What makes a child get SIGTERM when its supervisor is killed, where the system can (Linux)."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl  # looked up before the fork, where little is allowed
    return lambda: prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _disregard_signals() -> None:
    """By a handler, not SIG_IGN: that would be inherited by every child started from here on."""

    def disregard(signum: int, frame: FrameType | None) -> None:
        pass

    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, disregard)
