"""Allowed names and ids, and the RQ ids made of them (S-012, Q-08)."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bthwani_jobs.core.ids import (
    encode_part,
    job_id_of,
    queue_of,
    rq_id,
    rq_id_prefix,
    validate_job_id,
    validate_job_name,
    validate_queue_name,
)
from bthwani_jobs.errors import InvalidJobId, InvalidJobName, InvalidQueueName

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@pytest.mark.parametrize(
    ("given_id", "text"),
    [(77, "77"), (0, "0"), (-1, "-1"), ("", None), (None, None), ("w-42", "w-42"), ("طلب ٧", "طلب ٧")],
)
def test_ids_become_text_and_empty_ones_automatic(given_id: object, text: str | None) -> None:
    """S-012."""
    assert validate_job_id(given_id) == text


@pytest.mark.parametrize(
    ("refused", "reason"),
    [
        (True, "not bool True"),
        (1.5, "not float 1.5"),
        (["a"], "not list"),
        ("a\nb", r"control characters, found '\\n'"),
        ("a\x00", "control characters"),
        ("a\x85", "control characters"),
        ("a\ud800", "lone surrogate"),
        ("x" * 1025, "1024 bytes at most, found 1025"),
        ("ط" * 513, "1024 bytes at most, found 1026"),
    ],
)
def test_ids_that_are_refused(refused: object, reason: str) -> None:
    with pytest.raises(InvalidJobId, match=reason):
        validate_job_id(refused)


def test_the_longest_ids_and_names_are_allowed() -> None:
    assert validate_job_id("x" * 1024) == "x" * 1024
    assert validate_job_name("ط" * 256) == "ط" * 256
    assert validate_queue_name("q" * 255) == "q" * 255


def test_direction_marks_and_joiners_are_text() -> None:
    assert validate_job_name("می\u200cخواهم \u200fأهلا") == "می\u200cخواهم \u200fأهلا"


@pytest.mark.parametrize("refused", ["", "  ", 5, None, "a\tb", "x" * 513])
def test_job_names_that_are_refused(refused: object) -> None:
    with pytest.raises(InvalidJobName, match="The name of a job "):
        validate_job_name(refused)


@pytest.mark.parametrize("refused", ["", " ", None, b"emails", "a\x7fb", "x" * 256])
def test_queue_names_that_are_refused(refused: object) -> None:
    with pytest.raises(InvalidQueueName, match="The name of a queue "):
        validate_queue_name(refused)


@pytest.mark.parametrize(
    ("queue", "job_id", "encoded"),
    [
        ("emails", "1", "emails__1"),
        ("emails", "welcome-42", "emails__welcome-42"),
        ("send_mail", "a:b", "send_5fmail__a_3ab"),
        ("emails", "_", "emails___5f"),
        ("q", "ط", "q___d8_b7"),
    ],
)
def test_rq_ids(queue: str, job_id: str, encoded: str) -> None:
    assert rq_id(queue, job_id) == encoded
    assert rq_id_prefix(queue) + encode_part(job_id) == encoded


@given(queue=texts, job_id=texts)
def test_every_pair_comes_back_from_an_id_that_rq_accepts(queue: str, job_id: str) -> None:
    encoded = rq_id(queue, job_id)
    assert re.fullmatch("[A-Za-z0-9_-]+", encoded)
    assert (queue_of(encoded), job_id_of(encoded)) == (queue, job_id)


@pytest.mark.parametrize(
    "foreign",
    [
        "6f1e2c1e-7a33-4c0b-9d53-0a4d6c8f1a11",
        "emails",
        "emails__",
        "__1",
        "emails__a_zz",
        "emails__a_3",
        "emails__a_3A",
        "emails__a_61",
        "emails___ff",
        "emails__a b",
        "",
    ],
)
def test_ids_of_others_are_told_apart(foreign: str) -> None:
    with pytest.raises(ValueError, match="is not the id of a job of this library"):
        job_id_of(foreign)
