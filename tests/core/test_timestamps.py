"""RQ's times and Bull's."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rq.utils import utcformat, utcparse

from bthwani_jobs.core.timestamps import iso_of, ms_of

MOMENT = 1_795_506_354_123


def test_the_text_is_rqs_own() -> None:
    text = iso_of(MOMENT, 456)
    assert text == "2026-11-24T07:45:54.123456Z"
    assert utcformat(utcparse(text)) == text


def test_texts_without_a_fraction_or_with_a_short_one_are_read() -> None:
    assert ms_of("2026-11-24T07:45:54Z") == 1_795_506_354_000
    assert ms_of("2026-11-24T07:45:54.5Z") == 1_795_506_354_500


@given(ms=st.integers(0, 2**43 - 1), micros=st.integers(0, 999))
def test_milliseconds_come_back(ms: int, micros: int) -> None:
    text = iso_of(ms, micros)
    assert ms_of(text) == ms
    assert utcparse(text).replace(tzinfo=UTC).timestamp() == pytest.approx(ms / 1000 + micros / 1e6, abs=1e-5)


def test_rqs_own_texts_are_read() -> None:
    assert ms_of(utcformat(datetime(2026, 11, 24, 7, 45, 54, 123999, tzinfo=UTC))) == MOMENT


@pytest.mark.parametrize(
    "text",
    ["", "now", "2026-11-24", "2026-11-24T07:45:54", "2026-11-24 07:45:54Z", "2026-11-24T07:45:54.12+1Z"],
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError):
        ms_of(text)
