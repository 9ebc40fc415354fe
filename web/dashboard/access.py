"""Who may see /admin, from where it may be changed, and what browsers are told to forbid there."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, redirect, request, session, url_for

from processors.records import User
from web.errors import under_admin, wants_page
from web.problems import Problem
from web.services.accounts import TOKEN_SECONDS, Accounts

COOKIE = "bthwani_admin"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
#: Reachable without a login.
OPEN_ENDPOINTS = frozenset({"admin.login", "admin.language"})

HEADERS = {
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # the same-origin check below may need the Referer
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
}


def guard(app: Flask, accounts: Accounts) -> None:
    """Close everything under /admin, known addresses or not, to whoever has not logged in."""
    app.config.update(
        SESSION_COOKIE_NAME=COOKIE,
        SESSION_COOKIE_PATH="/admin",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=TOKEN_SECONDS,
    )
    app.extensions["bthwani.accounts"] = accounts

    @app.before_request
    def require_administrator() -> Any:
        if not under_admin():
            return None
        if request.method not in SAFE_METHODS and not same_origin():
            raise Problem("cross_site")
        if request.endpoint in OPEN_ENDPOINTS or logged_in(accounts) is not None:
            return None
        if wants_page():
            return redirect(url_for("admin.login", next=request.full_path.rstrip("?")))
        raise Problem("login_required")

    @app.after_request
    def forbid(response: Response) -> Response:
        response.headers["X-Content-Type-Options"] = "nosniff"
        if under_admin():
            response.headers.update(HEADERS)
            if "/static/" not in request.path:
                response.headers["Cache-Control"] = "no-store"
        return response


def same_origin() -> bool:
    """Whether the request was made by a page of this site.

    Browsers say so in Sec-Fetch-Site on trustworthy origins, in Origin on every POST, and mostly in Referer.
    A request with none of the three is refused.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    source = request.headers.get("Origin") or request.headers.get("Referer") or ""
    return bool(source) and urlsplit(source).netloc.lower() == request.host.lower()


def log_in(accounts: Accounts, user: User) -> None:
    """Start a session for an administrator."""
    language = session.get("language")
    session.clear()
    session.permanent = True
    session.update({"user": user.id, "is": accounts.fingerprint(user)})
    if language:
        session["language"] = language


def logged_in(accounts: Accounts) -> User | None:
    """The administrator whose session this is, as long as they are one and their password is the same."""
    user_id, fingerprint = session.get("user"), session.get("is")
    if not isinstance(user_id, int) or not isinstance(fingerprint, str):
        return None
    user = accounts.user_of_claims(user_id, fingerprint)
    return user if user is not None and user.is_admin else None
