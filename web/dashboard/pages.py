"""The login of administrators and the language of their pages."""

from __future__ import annotations

from functools import partial
from typing import Any, cast
from urllib.parse import urlsplit

from flask import Blueprint, Flask, current_app, redirect, render_template, request, session, url_for

from web.dashboard import access
from web.dashboard.texts import text
from web.problems import Problem
from web.services.accounts import Accounts

blueprint = Blueprint("admin", __name__)


def prepare(app: Flask) -> None:
    """Give every template ``language`` and ``t(key)``."""

    @app.context_processor
    def language_of_page() -> dict[str, Any]:
        language = _language()
        return {"language": language, "t": partial(text, language=language)}


@blueprint.get("/")
def home() -> Any:
    return redirect(url_for("rq_dashboard.queues_overview"))


@blueprint.route("/login", methods=["GET", "POST"])
def login() -> Any:
    if request.method == "GET":
        return render_template("admin/login.html", email="", wrong=False)
    accounts = cast("Accounts", current_app.extensions["bthwani.accounts"])
    email = request.form.get("email", "")
    try:
        user = accounts.authenticate(email, request.form.get("password", ""))
    except Problem as problem:
        if problem.code != "wrong_credentials":
            raise
        user = None
    if user is None or not user.is_admin:
        return render_template("admin/login.html", email=email, wrong=True), 401
    access.log_in(accounts, user)
    return redirect(_destination(), code=303)


@blueprint.post("/logout")
def logout() -> Any:
    session.pop("user", None)
    session.pop("is", None)
    return redirect(url_for("admin.login"), code=303)


@blueprint.post("/language")
def language() -> Any:
    """Change the language of the pages and come back."""
    session["language"] = "en" if _language() == "ar" else "ar"
    session.permanent = True
    return redirect(_destination(), code=303)


def _language() -> str:
    return "en" if session.get("language") == "en" else "ar"


def _destination() -> str:
    """Where the form wants to go next, if that is a page under /admin; the queues otherwise."""
    wanted = urlsplit(request.values.get("next", "").replace("\\", "/"))
    if wanted.scheme or wanted.netloc or not wanted.path.startswith("/admin/"):
        return url_for("rq_dashboard.queues_overview")
    return wanted.path + (f"?{wanted.query}" if wanted.query else "")
