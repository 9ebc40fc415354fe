"""The application factory. ``waitress-serve --call web.app:create_app`` works; so does ``python -m web``."""

from __future__ import annotations

import os

from flask import Flask

from bthwani_jobs import harden
from processors import contracts
from processors.resources import Resources, build
from processors.settings import InvalidSettings, Settings
from web import dashboard, errors
from web.routes import auth, fonts, health, jobs, messages, orders
from web.routes.context import Services
from web.routes.ids import IdConverter
from web.services.accounts import Accounts, FirstAdmin
from web.services.catalogue import Catalogue
from web.services.health import Health
from web.services.messaging import Messaging
from web.services.orders import Orders
from web.services.queues import Queues

LONGEST_BODY_BYTES = 1024 * 1024
NO_SECRET_KEY = "The web process signs its tokens with it: set at least 16 random characters."


def create_app(settings: Settings | None = None, resources: Resources | None = None) -> Flask:
    """The whole web application. What is not given comes from the environment.

    Makes RQ's serializer refuse pickled objects in this process, because the dashboard reads what others
    wrote to Redis. Raises ``InvalidSettings``.
    """
    if settings is None:
        settings = resources.settings if resources else Settings.from_env(os.environ)
    if settings.secret_key is None:
        raise InvalidSettings({"SECRET_KEY": [NO_SECRET_KEY]})
    harden()
    resources = resources or build(settings)
    app = Flask(__name__)
    app.config.update(SECRET_KEY=settings.secret_key, MAX_CONTENT_LENGTH=LONGEST_BODY_BYTES)
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.url_map.converters["id"] = IdConverter
    services = build_services(settings, resources)
    app.extensions["bthwani"] = services
    for area in (auth, orders, messages, jobs, health, fonts):
        app.register_blueprint(area.blueprint)
    errors.register_errors(app)
    dashboard.mount(app, resources, services.accounts)
    return app


def build_services(settings: Settings, resources: Resources) -> Services:
    """Every service with what it needs passed in."""
    database, queues = resources.database, resources.queues
    assert settings.secret_key is not None
    return Services(
        accounts=Accounts(
            database, queues[contracts.EMAILS], settings.secret_key, first_admin=_first_admin(settings)
        ),
        catalogue=Catalogue(database),
        health=Health(resources.redis, database),
        messaging=Messaging(database, queues[contracts.NOTIFICATIONS], queues[contracts.EMAILS]),
        orders=Orders(database, queues),
        queues=Queues(queues),
    )


def _first_admin(settings: Settings) -> FirstAdmin | None:
    if settings.admin_email is None or settings.admin_password is None:
        return None
    return FirstAdmin(settings.admin_email, settings.admin_password)
