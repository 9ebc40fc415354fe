"""``/healthz`` and ``/readyz``, for the launcher and load balancers."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from web.problems import Problem
from web.routes.context import services

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def alive() -> dict[str, Any]:
    return {"status": "ok"}


@blueprint.get("/readyz")
def ready() -> dict[str, Any]:
    checks = services().health.checks()
    if not all(checks.values()):
        raise Problem("unavailable", {name: "ok" if works else "down" for name, works in checks.items()})
    return {"status": "ok", "checks": dict.fromkeys(checks, "ok")}
