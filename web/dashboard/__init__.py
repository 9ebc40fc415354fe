"""rq-dashboard at /admin/queues, behind a login, with our pages over its routes.

rq-dashboard's blueprint is one object for the whole process, so nothing is ever attached to the blueprint
itself: the application that mounts it replaces view functions, hooks and templates on its own side.
"""

from __future__ import annotations

import rq_dashboard
from flask import Flask
from redis import Redis

from processors.resources import Resources
from web.dashboard import access, data, pages, views
from web.services.accounts import Accounts

PREFIX = "/admin/queues"


def mount(app: Flask, resources: Resources, accounts: Accounts) -> None:
    """Serve the dashboard of ``resources`` under /admin/queues and the login under /admin."""
    # One URL only: with several, rq-dashboard acts on whichever one anybody looked at last.
    app.config["RQ_DASHBOARD_REDIS_URL"] = (resources.settings.redis_url,)
    # A client of its own: RQ's readers change the timeouts of the one they are given.
    redis = Redis.from_url(resources.settings.redis_url)
    app.extensions["bthwani.dashboard"] = data.Jobs(redis, resources.queues)
    app.register_blueprint(rq_dashboard.blueprint, url_prefix=PREFIX)
    views.replace(app, redis)
    app.register_blueprint(views.companion, url_prefix=f"{PREFIX}/bull")
    app.register_blueprint(pages.blueprint, url_prefix="/admin")
    pages.prepare(app)
    access.guard(app, accounts)
