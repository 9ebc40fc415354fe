"""Hashing is slow on purpose; it must not hold up everybody else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask.testing import FlaskClient

from tests.support.waiting import wait_until
from web.__main__ import THREADS
from web.problems import Problem
from web.services import passwords


@pytest.fixture
def crowd(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """As many requests as are let in, all waiting for a hash that does not end; how many they are."""
    end, entered = threading.Event(), []

    def endless(stored: str, password: str) -> bool:
        entered.append(password)
        end.wait(20)
        return True

    monkeypatch.setattr(passwords, "check_password_hash", endless)
    admitted = passwords._admitted._value
    with ThreadPoolExecutor(admitted) as pool:
        try:
            waiting = [pool.submit(passwords.matches, "hash", "password") for _ in range(admitted)]
            wait_until(lambda: passwords._admitted._value == 0)
            yield admitted
            assert len(entered) == 2
        finally:
            end.set()
        assert all(one.result() for one in waiting)


def test_who_comes_too_many_is_told_to_come_again(client: FlaskClient, crowd: int) -> None:
    with pytest.raises(Problem, match="unavailable"):
        passwords.hashed("long enough")
    answer = client.post("/auth/login", json={"email": "nobody@example.com", "password": "x"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, str(passwords.BUSY_SECONDS))


def test_the_login_page_does_not_call_that_a_wrong_password(client: FlaskClient, crowd: int) -> None:
    form = {"email": "nobody@example.com", "password": "x"}
    assert (
        client.post("/admin/login", data=form, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 503
    )


def test_threads_stay_free_for_everybody_else(crowd: int) -> None:
    assert crowd < THREADS


def test_afterwards_everybody_is_let_in_again() -> None:
    for _ in range(20):
        assert passwords.matches(passwords.hashed("long enough"), "long enough")
