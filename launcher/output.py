"""What the processes print: every line into a file a process, and onto the terminal when it is shown."""

from __future__ import annotations

import logging
import os
import sys
from collections import deque
from collections.abc import Callable
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TextIO

from honcho.printer import Message, Printer

LARGEST_LOG_BYTES = 5_000_000
REMEMBERED_LINES = 15


class Output(Printer):
    """honcho's printer with log files. Lines of `narrators` are printed bare and always, of `silent` never.

    While `shown` is False the other processes' lines only go to their files, so that a person can follow the
    narrator; the launcher's own lines ("system") are always printed.
    """

    def __init__(
        self,
        folder: Path,
        *,
        narrators: frozenset[str] = frozenset(),
        silent: frozenset[str] = frozenset(),
        output: TextIO = sys.stdout,
    ) -> None:
        super().__init__(output=output)
        self.folder = folder
        self.narrators = narrators
        self.silent = silent
        self.shown = True
        #: whether nobody reads any more: the terminal or the program behind the pipe has gone
        self.is_broken = False
        self._files: dict[str, RotatingFileHandler] = {}
        self._recent: dict[str, deque[str]] = {}

    def write(self, message: Message) -> None:
        text = message.data.decode("utf-8", "replace") if isinstance(message.data, bytes) else message.data
        if message.name in self.narrators:
            self.say(text.rstrip("\n"))
            return
        self._keep(message.name, text)
        if message.colour is None or self.shows(message.name):
            self._attempt(lambda: super(Output, self).write(message))

    def say(self, text: str) -> None:
        """A line without a prefix."""
        self._attempt(lambda: print(text, file=self.output, flush=True))

    def shows(self, name: str) -> bool:
        """Whether the lines of a process are on the terminal now."""
        return self.shown and name not in self.silent

    def recent(self, name: str) -> list[str]:
        """The last lines of a process, oldest first."""
        return list(self._recent.get(name, ()))

    def log_file(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def close(self) -> None:
        for handler in self._files.values():
            handler.close()

    def _attempt(self, write: Callable[[], None]) -> None:
        """What cannot be shown is left out: the processes matter more than their lines."""
        try:
            write()
        except OSError:
            self.is_broken = True
            self.output = open(os.devnull, "w")  # noqa: SIM115 - lives as long as the process
            os.dup2(self.output.fileno(), sys.stdout.fileno())  # or Python's own last flush would fail

    def _keep(self, name: str, text: str) -> None:
        if name not in self._files:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._files[name] = RotatingFileHandler(
                self.log_file(name), maxBytes=LARGEST_LOG_BYTES, backupCount=1, encoding="utf-8"
            )
            self._recent[name] = deque(maxlen=REMEMBERED_LINES)
        for line in text.splitlines():
            self._recent[name].append(line)
            self._files[name].emit(logging.makeLogRecord({"msg": line}))
