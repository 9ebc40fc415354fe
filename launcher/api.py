"""A client of our own HTTP API: what a shop's front end would do, with the times it took."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

ANSWERS_WITHIN_S = 30.0
#: Never through a proxy that the environment names: the server is on this machine.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class ApiProblem(Exception):
    """The API answered with an error, or not at all."""


@dataclass(frozen=True)
class Answer:
    status: int
    body: dict[str, Any]
    #: from the first byte sent to the last one received
    took_ms: float
    retry_after_s: float | None = None


class Api:
    """`token`: sent as the bearer token."""

    def __init__(self, base_url: str, token: str | None = None) -> None:
        self.base_url = base_url
        self.token = token

    def get(self, path: str) -> dict[str, Any]:
        """The body of a successful answer. Raises `ApiProblem`."""
        return self._successful("GET", path, None).body

    def post(self, path: str, body: dict[str, Any] | None = None) -> Answer:
        """Raises `ApiProblem` unless it succeeded."""
        return self._successful("POST", path, body or {})

    def send(self, method: str, path: str, body: dict[str, Any] | None = None) -> Answer:
        """Any answer, successful or not. Raises `ApiProblem` only if there is none."""
        headers = {"Accept": "application/json", "Content-Type": "application/json", "Accept-Language": "en"}
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base_url + path, data, headers, method=method)
        began = time.monotonic()
        try:
            with _opener.open(request, timeout=ANSWERS_WITHIN_S) as reply:
                return _answer(reply, began)
        except urllib.error.HTTPError as error:
            with error:
                return _answer(error, began)
        except (OSError, ValueError) as error:
            raise ApiProblem(f"{method} {path}: no answer from {self.base_url} ({error}).") from error

    def is_ready(self) -> bool:
        try:
            return self.send("GET", "/readyz").status == 200
        except ApiProblem:
            return False

    def _successful(self, method: str, path: str, body: dict[str, Any] | None) -> Answer:
        answer = self.send(method, path, body)
        if answer.status >= 400:
            raise ApiProblem(
                f"{method} {path}: expected success, found {answer.status}: "
                f"{json.dumps(answer.body, ensure_ascii=False)[:500]}"
            )
        return answer


def _answer(reply: Any, began: float) -> Answer:
    content = reply.read()
    took_ms = (time.monotonic() - began) * 1000
    retry_after = reply.headers.get("Retry-After")
    return Answer(
        status=reply.status,
        body=json.loads(content) if content else {},
        took_ms=took_ms,
        retry_after_s=float(retry_after) if retry_after else None,
    )
