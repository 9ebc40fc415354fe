"""What is decided before anything starts: ports, the Redis, the data folder, the processes' environment."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import redis
from honcho.environ import parse_procfile

from launcher import embedded_redis, environment, preflight
from launcher.problems import SetupProblem
from processors.settings import Settings

#: Tried first, so that `redis-cli -p 6390` works from one run to the next.
EMBEDDED_PORT = 6390
#: Values of HOST that are no address to call.
EVERY_ADDRESS = ("0.0.0.0", "::", "*")
DEMO_MARK = ".made-by-make-demo"


@dataclass(frozen=True, kw_only=True)
class Plan:
    settings: Settings
    #: of every process
    environ: Mapping[str, str]
    #: name → command, from the Procfile
    commands: Mapping[str, str]
    redis_url: str
    #: the embedded server's command; None: the Redis that the settings name
    store_command: str | None
    #: where `make demo` writes what it found; None: `make run`
    report: Path | None = None
    #: what a person should know before it starts
    notes: list[str] = field(default_factory=list)

    @property
    def base_url(self) -> str:
        host = self.settings.host
        if host in EVERY_ADDRESS:
            host = "127.0.0.1"
        return (
            f"http://[{host}]:{self.settings.port}" if ":" in host else f"http://{host}:{self.settings.port}"
        )


@contextmanager
def everyday(given: Mapping[str, str]) -> Iterator[Plan]:
    """The plan of `make run`; its data folder is locked while this is entered. Raises `SetupProblem`."""
    settings = preflight.settings_from(given)
    with preflight.locked(settings.data_dir, "launcher.lock"), _planned(given, settings) as planned:
        yield planned


@contextmanager
def trial(given: Mapping[str, str]) -> Iterator[Plan]:
    """The plan of `make demo`: a fresh folder below the data folder, SQLite and a maildir whatever is set.

    A Redis that the settings name is used under a key prefix of its own. Raises `SetupProblem`.
    """
    data_dir = preflight.settings_from(given).data_dir
    folder, report = data_dir / "demo", data_dir / "demo.json"
    environ = {**given, "DATA_DIR": str(folder), "DATABASE_URL": "", "SMTP_URL": ""}
    if environment.names_a_redis(given):
        environ["RQ_KEY_PREFIX"] = f"bthwani-demo-{secrets.token_hex(4)}"
    with preflight.locked(data_dir, "demo.lock"):
        report.unlink(missing_ok=True)
        _empty(folder)
        with _planned(environ, preflight.settings_from(environ)) as planned:
            try:
                yield replace(planned, report=report)
            finally:
                if planned.store_command is None:
                    _delete_keys(planned.redis_url, environ["RQ_KEY_PREFIX"])


@contextmanager
def _planned(given: Mapping[str, str], settings: Settings) -> Iterator[Plan]:
    with ExitStack() as held:
        notes = []
        port = held.enter_context(preflight.free_port(settings.port))
        if port != settings.port:
            notes.append(f"Port {settings.port} is taken: this run uses {port}.")
        settings = replace(settings, port=port)
        redis_url, store_command = settings.redis_url, None
        if environment.names_a_redis(given):
            notes += preflight.check_redis(redis_url)
        else:
            program = embedded_redis.binary()
            store_port = held.enter_context(preflight.free_port(EMBEDDED_PORT, embedded_redis.HOST))
            redis_url = embedded_redis.url(store_port)
            store_command = embedded_redis.command(program, settings.data_dir / "redis", store_port)
        environ = environment.for_children(given, settings, redis_url)
        commands = parse_procfile((environment.ROOT / "Procfile").read_text()).processes
        preflight.check_commands(commands, environ["PATH"])
        yield Plan(
            settings=settings,
            environ=environ,
            commands=commands,
            redis_url=redis_url,
            store_command=store_command,
            notes=notes,
        )


def _empty(folder: Path) -> None:
    """A new folder, in the place of one that an earlier demo left; nothing else is ever deleted."""
    mark = folder / DEMO_MARK
    if folder.exists() and not mark.exists() and any(os.scandir(folder)):
        raise SetupProblem(
            f"{folder} is not empty and was not made by `make demo`, which wants to start afresh there. "
            "Move it away, or name another data folder: DATA_DIR=/path make demo"
        )
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    mark.touch()


def _delete_keys(redis_url: str, prefix: str) -> None:
    with closing(redis.Redis.from_url(redis_url)) as client:
        for key in client.scan_iter(f"{prefix}:*", count=1000):
            client.delete(key)
