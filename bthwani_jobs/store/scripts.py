"""Read the Lua files, expand their includes, and run them by digest."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from typing import Any, Protocol

from redis.exceptions import NoScriptError

INCLUDE = "--- @include "


class Client(Protocol):
    """What a script needs of a Redis client."""

    def execute_command(self, *args: Any, **options: Any) -> Any: ...


class Script:
    """One Lua file. ``text`` has its includes expanded; ``digest`` is what EVALSHA wants."""

    __slots__ = ("digest", "name", "text")

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self.digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()

    def run(self, client: Client, key: str, *args: Any) -> Any:
        """Run on a client with one key; a server that lost its scripts (restart, SCRIPT FLUSH) gets it
        anew."""
        try:
            return client.execute_command("EVALSHA", self.digest, 1, key, *args)
        except NoScriptError:
            return client.execute_command("EVAL", self.text, 1, key, *args)


@cache
def script(name: str) -> Script:
    """The script in ``lua/<name>.lua``; read on first use."""
    lua = files(__package__) / "lua"

    def expand(text: str) -> str:
        lines = []
        for line in text.splitlines():
            if line.startswith(INCLUDE):
                included = lua / "includes" / f"{line.removeprefix(INCLUDE).strip()}.lua"
                lines.append(expand(included.read_text(encoding="utf-8")))
            else:
                lines.append(line)
        return "\n".join(lines)

    return Script(name, expand((lua / f"{name}.lua").read_text(encoding="utf-8")))
