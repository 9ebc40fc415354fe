"""What the routes share: the services, the caller, the body of the request."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, cast

from flask import current_app, request
from marshmallow import Schema

from processors.records import User
from web.problems import Problem
from web.services.accounts import Accounts
from web.services.catalogue import Catalogue
from web.services.health import Health
from web.services.messaging import Messaging
from web.services.orders import Orders
from web.services.queues import Queues


@dataclass(frozen=True, kw_only=True)
class Services:
    accounts: Accounts
    catalogue: Catalogue
    health: Health
    messaging: Messaging
    orders: Orders
    queues: Queues


def services() -> Services:
    return cast("Services", current_app.extensions["bthwani"])


def body(schema: Schema) -> dict[str, Any]:
    """The request's JSON object, loaded by ``schema``. Raises ``malformed_json``."""
    try:
        given = request.get_json(silent=True)
        # Half of a surrogate pair is JSON, but no text: neither a database nor an answer can hold it.
        json.dumps(given, ensure_ascii=False).encode()
    except (RecursionError, UnicodeEncodeError):
        raise Problem("malformed_json") from None
    if not isinstance(given, dict):
        raise Problem("malformed_json")
    return cast("dict[str, Any]", schema.load(given))


def caller() -> User:
    """Whose bearer token came with the request. Raises ``unauthorized``."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise Problem("unauthorized")
    return services().accounts.user_of_token(token.strip())


def administrator() -> User:
    """The caller, who must be an administrator. Raises ``forbidden``."""
    user = caller()
    if not user.is_admin:
        raise Problem("forbidden")
    return user
