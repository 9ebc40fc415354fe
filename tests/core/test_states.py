"""Names of states in queries (S-204, S-210, S-215, Q-33)."""

from __future__ import annotations

import pytest

from bthwani_jobs.core.states import REPEAT, JobState, parse_types
from bthwani_jobs.errors import InvalidInput

ALL_SIX = ["waiting", "active", "completed", "failed", "delayed", "paused"]


@pytest.mark.parametrize("nothing", [(), (None,), ("",), ([],)])
def test_nothing_named_means_all_six_in_bulls_order(nothing: tuple[object, ...]) -> None:
    assert list(parse_types(*nothing)) == ALL_SIX


@pytest.mark.parametrize(
    "types", [("delayed", "paused"), ("delayed,paused",), (["delayed", "paused"],), (["delayed, paused"],)]
)
def test_names_lists_and_comma_texts_keep_their_order(types: tuple[object, ...]) -> None:
    assert parse_types(*types) == {"delayed": JobState.DELAYED, "paused": JobState.PAUSED}


def test_wait_stays_wait_and_means_waiting() -> None:
    assert parse_types("wait", "waiting") == {"wait": JobState.WAITING, "waiting": JobState.WAITING}


def test_repeat_is_counted_where_it_is_allowed_only() -> None:
    assert parse_types("repeat", repeat=True) == {"repeat": REPEAT}
    with pytest.raises(InvalidInput, match='"repeat" is not a state'):
        parse_types("repeat")


@pytest.mark.parametrize("unknown", ["stuck", "compleated", "Waiting"])
def test_an_unknown_name_is_refused(unknown: str) -> None:
    with pytest.raises(InvalidInput, match=f'"{unknown}" is not a state of jobs. Expected one of: waiting, '):
        parse_types("waiting", unknown)
