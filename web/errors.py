"""Every failure as one JSON shape: ``{"error": {"code", "message", "details"}}``, Arabic or English."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from flask import Flask, Response, jsonify, make_response, render_template, request
from marshmallow import ValidationError
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException

from bthwani_jobs.errors import InvalidInput
from web.messages import LANGUAGES, MESSAGES, sentence, translated_details
from web.problems import Problem
from web.services.adding import UNREACHABLE

logger = logging.getLogger(__name__)

#: What Flask and Werkzeug raise by themselves, by status.
CODES_BY_STATUS = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}
#: What Retry-After says while Redis or the database cannot be reached.
UNAVAILABLE_SECONDS = 5


def register_errors(app: Flask) -> None:
    """Answer every exception that leaves a route in the one shape."""
    app.register_error_handler(Problem, problem_response)
    app.register_error_handler(ValidationError, _validation_response)
    app.register_error_handler(InvalidInput, _invalid_response)
    app.register_error_handler(HTTPException, _http_response)
    app.register_error_handler(Exception, _unexpected_response)
    for kind in (*UNREACHABLE, OperationalError):
        app.register_error_handler(kind, _unreachable_response)


def under_admin() -> bool:
    return request.path == "/admin" or request.path.startswith("/admin/")


def wants_page() -> bool:
    """Whether a person looks at this address, rather than a script of ours."""
    data = request.path.endswith(".json") or "/static/" in request.path
    return under_admin() and request.method in ("GET", "HEAD") and not data


def request_language() -> str:
    """The language of the answer: the best of Accept-Language, Arabic when the client does not care."""
    return request.accept_languages.best_match(LANGUAGES, default="ar")


def problem_response(problem: Problem) -> tuple[Response, int, dict[str, str]]:
    """``problem`` as a response, with Retry-After when it is one that passes."""
    language = request_language()
    headers = {"Content-Language": language, "Vary": "Accept-Language", "Cache-Control": "no-store"}
    if problem.retry_after is not None:
        headers["Retry-After"] = str(problem.retry_after)
    if problem.code == "unauthorized":
        headers["WWW-Authenticate"] = "Bearer"
    status = MESSAGES[problem.code].status
    message = sentence(problem.code, language, problem.params)
    if wants_page():
        say = partial(sentence, problem.code, params=problem.params)
        page = render_template("admin/error.html", status=status, say=say)
        return make_response(page), status, headers
    details = translated_details(problem.details, language)
    return jsonify(error={"code": problem.code, "message": message, "details": details}), status, headers


def _validation_response(error: ValidationError) -> tuple[Response, int, dict[str, str]]:
    return problem_response(Problem("invalid_request", error.messages))


def _invalid_response(error: InvalidInput) -> tuple[Response, int, dict[str, str]]:
    """What the library refuses, before anything is written."""
    return problem_response(Problem("invalid_request", {"job": [str(error)]}))


def _http_response(error: HTTPException) -> Any:
    if error.code is None or error.code < 400:  # a redirect that Werkzeug raises
        return error
    code = CODES_BY_STATUS.get(error.code, "bad_request" if error.code < 500 else "internal")
    response, _, headers = problem_response(Problem(code))
    if error.code == 405 and getattr(error, "valid_methods", None):
        headers["Allow"] = ", ".join(error.valid_methods)  # type: ignore[attr-defined]
    return response, error.code, headers


def _unexpected_response(error: Exception) -> tuple[Response, int, dict[str, str]]:
    logger.exception("%s %s failed", request.method, request.path, exc_info=error)
    return problem_response(Problem("internal"))


def _unreachable_response(error: Exception) -> tuple[Response, int, dict[str, str]]:
    logger.error("%s %s: %s", request.method, request.path, error)
    return problem_response(Problem("unavailable", retry_after=UNAVAILABLE_SECONDS))
