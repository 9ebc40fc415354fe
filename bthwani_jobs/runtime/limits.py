"""What ends a worker by itself."""

from __future__ import annotations

import threading


class RunLimits:
    """What ends a worker by itself: burst, a number of jobs, a time without work. Shared by its runners."""

    def __init__(
        self, burst: bool = False, max_jobs: int | None = None, max_idle_s: float | None = None
    ) -> None:
        self.burst = burst
        self.max_idle_s = max_idle_s
        self._left = max_jobs
        self._lock = threading.Lock()

    def take(self, wanted: int) -> int:
        """How many of ``wanted`` jobs may still be claimed; reserves them."""
        if self._left is None:
            return wanted
        with self._lock:
            granted = min(wanted, self._left)
            self._left -= granted
            return granted

    def give_back(self, unused: int) -> None:
        if self._left is not None and unused:
            with self._lock:
                self._left += unused

    @property
    def is_used_up(self) -> bool:
        return self._left == 0
