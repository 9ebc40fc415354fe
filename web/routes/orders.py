"""The catalogue and the orders."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from processors.records import CURRENCY, Order
from web import schemas
from web.routes.context import body, caller, services
from web.routes.jobs import job_answer
from web.services.orders import Line

blueprint = Blueprint("orders", __name__)


@blueprint.get("/products")
def products() -> dict[str, Any]:
    return {"products": schemas.ProductAnswer(many=True).dump(services().catalogue.products())}


@blueprint.post("/orders")
def create() -> tuple[dict[str, Any], int]:
    user = caller()
    request = body(schemas.OrderRequest())
    lines = [Line(**line) for line in request.pop("items")]
    order, jobs = services().orders.create(user, lines, **request)
    return {"order": _order(order), "jobs": [job_answer(job) for job in jobs]}, 201


@blueprint.get("/orders/<id:order_id>")
def show(order_id: int) -> dict[str, Any]:
    order, outcome = services().orders.get(caller(), order_id)
    return {"order": _order(order), "outcome": schemas.OutcomeAnswer().dump(outcome)}


@blueprint.post("/orders/<id:order_id>/confirm")
def confirm(order_id: int) -> dict[str, Any]:
    order, jobs = services().orders.confirm(caller(), order_id)
    return {"order": _order(order), "jobs": [job_answer(job) for job in jobs]}


def _order(order: Order) -> dict[str, Any]:
    return {**schemas.OrderAnswer().dump(order), "currency": CURRENCY}
