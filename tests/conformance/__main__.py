"""``python -m tests.conformance``: the whole comparison; with files, those scenarios alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.support.redis_server import RedisServer

from .bull import Bull
from .sides import Sides


def replay(paths: list[str]) -> int:
    """Run scenario files on both sides; the number of files that differ."""
    server = RedisServer().start()
    bull = Bull(server.port)
    connection = server.client()
    differing = 0
    try:
        for path in paths:
            found = Sides(bull, connection).differences(json.loads(Path(path).read_text(encoding="utf-8")))
            differing += bool(found)
            print(path, "differs:" if found else "is alike", *found, sep="\n" if found else " ")
    finally:
        connection.close()
        bull.close()
        server.destroy()
    return differing


def main(arguments: list[str]) -> int:
    if arguments:
        return min(replay(arguments), 1)
    command = [sys.executable, "-m", "pytest", "-q", str(Path(__file__).parent)]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
