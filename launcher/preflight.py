"""Everything that can be wrong before the first process starts, each with its remedy."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO
from urllib.parse import urlsplit

import redis

from launcher.problems import SetupProblem
from processors.settings import InvalidSettings, Settings

OLDEST_REDIS = (6, 2)
PORTS_TRIED = 100
REDIS_ANSWERS_WITHIN_S = 5


def settings_from(environ: Mapping[str, str]) -> Settings:
    """Raises `SetupProblem` with every variable that does not parse."""
    try:
        return Settings.from_env(environ)
    except InvalidSettings as error:
        raise SetupProblem(f"{error}\nCorrect them in the environment or in .env and start again.") from None


@contextmanager
def locked(data_dir: Path, name: str) -> Iterator[None]:
    """Make the folder, and be the only launcher that uses it while this is entered. Raises `SetupProblem`."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        lock = (data_dir / name).open("a+")
    except OSError as error:
        raise SetupProblem(
            f"{data_dir} cannot be written ({error.strerror}). Make it writable, or name another folder: "
            "DATA_DIR=/path make run"
        ) from None
    with lock:
        _lock(lock, data_dir)
        yield


def _lock(lock: TextIO, data_dir: Path) -> None:
    """The lock is also held by the processes that supervise for this one, until the last of them is gone."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.seek(0)
        holder = lock.read().strip() or "another launcher"
        raise SetupProblem(
            f"{data_dir} is in use by {holder}. Stop that one first (Ctrl-C), or run beside it with a folder "
            "of its own: DATA_DIR=/path make run"
        ) from None
    lock.truncate(0)
    lock.write(f"process {os.getpid()}")
    lock.flush()


@contextmanager
def free_port(wanted: int, host: str = "") -> Iterator[int]:
    """`wanted`, or the next port above it that nobody listens on and no other launcher is about to use.

    Raises `SetupProblem`.
    """
    for port in range(wanted, min(wanted + PORTS_TRIED, 65536)):
        with _claimed(port) as is_ours:
            if is_ours and _is_free(port, host):
                yield port
                return
    raise SetupProblem(f"No port from {wanted} on is free. Name another one: PORT=8080 make run")


@contextmanager
def _claimed(port: int) -> Iterator[bool]:
    """Between the look at a port and the first server on it, two launchers would choose the same one."""
    with (_shared_folder() / str(port)).open("w") as claim:
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True


def _shared_folder() -> Path:
    """One for all launchers of this user."""
    folder = Path(tempfile.gettempdir()) / f"bthwani-ports-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise SetupProblem(
            f"{folder} cannot be made ({error.strerror}). Name another folder for it: TMPDIR=/path make run"
        ) from None
    return folder


def _is_free(port: int, host: str) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EACCES:
                raise SetupProblem(
                    f"Port {port} may only be used by root. Name one above 1023: PORT=3000 make run"
                ) from None
            return False
    return True


def check_redis(url: str) -> list[str]:
    """Raises `SetupProblem` unless it answers, lets us in and is new enough. Returns warnings."""
    shown = without_password(url)
    client = redis.Redis.from_url(
        url, socket_connect_timeout=REDIS_ANSWERS_WITHIN_S, socket_timeout=REDIS_ANSWERS_WITHIN_S
    )
    try:
        return _checked(client, shown)
    except redis.exceptions.AuthenticationError:
        fault = "refuses the password" if urlsplit(url).password else "wants a password, and none is given"
        raise SetupProblem(
            f"Redis at {shown} {fault}. Put the right one into RQ_REDIS_URL, REDIS_URL "
            "(redis://:password@host:6379/0) or REDIS_PASSWORD."
        ) from None
    except (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError, OSError) as error:
        raise SetupProblem(
            f"Redis at {shown} does not answer ({error}). Start it, correct RQ_REDIS_URL, REDIS_URL or "
            "REDIS_HOST, or remove them all to use the embedded server."
        ) from None
    except redis.exceptions.ResponseError as error:
        raise SetupProblem(f"Redis at {shown} cannot be used: {error}.") from None
    except redis.exceptions.RedisError as error:
        raise SetupProblem(
            f"What answers at {shown} does not speak Redis's protocol ({error}). Is the port right? Correct "
            "RQ_REDIS_URL, REDIS_URL or REDIS_PORT."
        ) from None
    finally:
        client.close()


def _checked(client: redis.Redis, shown: str) -> list[str]:
    client.ping()
    server = client.info("server")
    version = server["redis_version"]
    if tuple(int(part) for part in re.findall(r"\d+", version)[:2]) < OLDEST_REDIS:
        raise SetupProblem(
            f"Redis at {shown} is version {version}; this needs 6.2 or newer, or a Valkey. Upgrade it, or "
            "remove RQ_REDIS_URL, REDIS_URL and REDIS_HOST to use the embedded server."
        )
    policy = client.info("memory").get("maxmemory_policy", "noeviction")
    if policy == "noeviction":
        return []
    return [
        f"Redis at {shown} has maxmemory-policy {policy}: under memory pressure it will delete jobs. "
        "Set it to noeviction."
    ]


def check_commands(procfile: Mapping[str, str], path: str) -> None:
    """Raises `SetupProblem` if a command of the Procfile is not to be found."""
    for name, command in procfile.items():
        program = command.split()[0]
        if shutil.which(program, path=path) is None:
            raise SetupProblem(
                f"The Procfile's {name} wants `{program}`, which is not installed. Run `make install`."
            )


def without_password(url: str) -> str:
    """Up to the last @: an unescaped one may be part of it."""
    return re.sub(r"//.*@", "//", url)
