"""The pause of one ``Queue`` object: its workers take no jobs, all others go on (contract 12)."""

from __future__ import annotations

from typing import Protocol


class Player(Protocol):
    """What runs the jobs of a queue object: a worker's share in it."""

    def rest(self) -> None:
        """Look at the pause again, soon."""

    def wait_until_still(self) -> None:
        """Until no job runs, after a pause began; at once from one of its own jobs."""

    def wait_for_current_jobs(self) -> None:
        """Until the jobs that run now have ended; at once from one of them."""


class LocalPause:
    """Held by a queue object, obeyed by whatever serves it."""

    def __init__(self) -> None:
        self.is_on = False
        self._players: tuple[Player, ...] = ()

    def attach(self, player: Player) -> None:
        """Have a player told of pauses from now on; it looks at ``is_on`` before it takes a job."""
        self._players = (*self._players, player)

    def detach(self, player: Player) -> None:
        self._players = tuple(each for each in self._players if each is not player)

    def begin(self, *, wait: bool) -> None:
        """Let no job start; with ``wait`` return when the running ones have ended."""
        self.is_on = True
        players = self._players
        for player in players:
            player.rest()
        if wait:
            for player in players:
                player.wait_until_still()

    def end(self) -> None:
        self.is_on = False
        for player in self._players:
            player.rest()

    def wait_for_current_jobs(self) -> None:
        for player in self._players:
            player.wait_for_current_jobs()
