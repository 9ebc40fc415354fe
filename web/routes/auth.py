"""Accounts: registering, logging in, and an administrator's credit to a wallet."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from web import schemas
from web.routes.context import administrator, body, services
from web.services.accounts import TOKEN_SECONDS, Registration

blueprint = Blueprint("auth", __name__)


@blueprint.post("/auth/register")
def register() -> tuple[dict[str, Any], int]:
    user = services().accounts.register(Registration(**body(schemas.RegisterRequest())))
    return {"user": schemas.UserAnswer().dump(user)}, 201


@blueprint.post("/auth/login")
def login() -> dict[str, Any]:
    accounts = services().accounts
    user = accounts.authenticate(**body(schemas.LoginRequest()))
    return {
        "token": accounts.token_for(user),
        "expiresIn": TOKEN_SECONDS,
        "user": schemas.UserAnswer().dump(user),
    }


@blueprint.post("/users/<id:user_id>/credit")
def credit(user_id: int) -> dict[str, Any]:
    administrator()
    user = services().accounts.credit(user_id, **body(schemas.CreditRequest()))
    return {"user": schemas.UserAnswer().dump(user)}
