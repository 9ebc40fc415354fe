"""What the processes are told: the environment over `.env`, and what the launcher adds to both."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values

from processors.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
#: Any of these says where Redis is; without them the embedded server is used.
REDIS_VARIABLES = ("RQ_REDIS_URL", "REDIS_URL", "REDIS_HOST", "REDIS_PORT", "REDIS_PASSWORD", "REDIS_DB")
GENERATED_FILE = "generated.env"
DEFAULT_ADMIN = "admin@bthwani.example"


def given(root: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """`environ` over the folder's `.env`, which is made from `.env.example` if it is missing."""
    dotenv = root / ".env"
    if not dotenv.exists():
        shutil.copyfile(root / ".env.example", dotenv)
    return {**{name: value or "" for name, value in dotenv_values(dotenv).items()}, **environ}


def names_a_redis(environ: Mapping[str, str]) -> bool:
    return any(environ.get(name, "").strip() for name in REDIS_VARIABLES)


def generated(data_dir: Path) -> dict[str, str]:
    """SECRET_KEY and an administrator for this data folder: made once, kept for its owner's eyes only."""
    kept = data_dir / GENERATED_FILE
    if not kept.exists():
        values = {
            "SECRET_KEY": secrets.token_urlsafe(48),
            "ADMIN_EMAIL": DEFAULT_ADMIN,
            "ADMIN_PASSWORD": secrets.token_urlsafe(12),
        }
        draft = os.open(kept.with_suffix(".new"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(draft, "w") as file:
            file.writelines(f"{name}={value}\n" for name, value in values.items())
        kept.with_suffix(".new").replace(kept)
    return {name: value or "" for name, value in dotenv_values(kept).items()}


def for_children(environ: Mapping[str, str], settings: Settings, redis_url: str) -> dict[str, str]:
    """The environment of every process: all of them agree on one Redis, one data folder and one `rq`."""
    own = {
        "RQ_REDIS_URL": redis_url,
        "REDIS_URL": redis_url,
        "DATA_DIR": str(settings.data_dir),
        "PORT": str(settings.port),
        "RQ_WORKER_CLASS": environ.get("RQ_WORKER_CLASS") or "bthwani_jobs.Worker",
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), environ.get("PATH", os.defpath)]),
        "PYTHONUNBUFFERED": "1",
        "PYTHONUTF8": "1",
    }
    return {**_with_defaults(environ, generated(settings.data_dir)), **own}


def _with_defaults(environ: Mapping[str, str], defaults: Mapping[str, str]) -> dict[str, str]:
    """An administrator needs both halves: half of one given by hand keeps the other half generated."""
    given_values = {name: value for name, value in environ.items() if value.strip() or name not in defaults}
    return {**defaults, **given_values}
