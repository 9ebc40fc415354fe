"""Job options: merging, spelling, validation (S-002, S-013, S-021, S-046, S-082, S-089, S-101, Q-69)."""

from __future__ import annotations

import copy
import math
import pickle
from typing import Any

import pytest

from bthwani_jobs.core.options import DEFAULT, Backoff, JobOptions, Keep, Repeat, keep_text
from bthwani_jobs.errors import (
    BthwaniJobsError,
    InvalidInput,
    InvalidJobId,
    InvalidOption,
    InvalidOptionType,
    UnknownBackoffStrategy,
    UnknownOption,
)


def test_nothing_given_is_the_one_default() -> None:
    assert JobOptions.of(None, {}) is JobOptions.of({}) is JobOptions.of({"delay": None}) is DEFAULT
    assert (DEFAULT.attempts, DEFAULT.delay, DEFAULT.priority, DEFAULT.remove_on_fail) == (1, 0, 0, False)


def test_bulls_own_options_are_taken_as_they_are() -> None:
    """S-002: whole numbers as text, a number as backoff."""
    options = JobOptions.of(
        {
            "attempts": "3",
            "backoff": 500,
            "jobId": 77,
            "removeOnComplete": True,
            "removeOnFail": {"age": "60", "count": 5},
            "stackTraceLimit": 2,
            "preventParsingData": True,
            "delay": "500",
        }
    )
    assert options == JobOptions(
        attempts=3,
        backoff=Backoff("fixed", 500),
        job_id="77",
        remove_on_complete=True,
        remove_on_fail=Keep(60, 5),
        stack_trace_limit=2,
        prevent_parsing_data=True,
        delay=500,
    )


def test_keywords_win_over_the_mapping_and_both_over_defaults() -> None:
    """S-021: shallowly, so a backoff is replaced whole; None means not given."""
    defaults = {
        "attempts": 3,
        "backoff": {"type": "fixed", "delay": 5},
        "removeOnComplete": True,
        "priority": 4,
    }
    options = JobOptions.of(
        {"attempts": 2, "backoff": {"type": "exponential"}, "priority": None},
        {"attempts": 1},
        defaults=defaults,
    )
    assert (options.attempts, options.remove_on_complete, options.priority) == (1, True, 4)
    assert options.backoff == {"type": "exponential"}


def test_defaults_made_once_mean_the_same_as_their_mapping() -> None:
    defaults = {"attempts": 3, "removeOnFail": 7}
    made = JobOptions.of(defaults)
    assert JobOptions.of(defaults=made) is made
    assert JobOptions.of({"delay": 1}, defaults=made) == JobOptions.of({"delay": 1}, defaults=defaults)


def test_the_callers_mappings_are_neither_changed_nor_kept() -> None:
    """S-013."""
    given = {"jobId": None, "backoff": {"type": "mine", "options": {"steps": [1]}}}
    before = copy.deepcopy(given)
    options = JobOptions.of(given, strategies=["mine"])
    assert given == before
    given["backoff"]["options"]["steps"].append(2)  # type: ignore[index]
    assert options.backoff == {"type": "mine", "options": {"steps": [1]}}


REFUSED: list[tuple[str, Any, type[Exception]]] = [
    ("attempts", 0, InvalidOption),
    ("attempts", -1, InvalidOption),
    ("attempts", 2.9, InvalidOption),
    ("attempts", "abc", InvalidOptionType),
    ("attempts", True, InvalidOptionType),
    ("attempts", math.nan, InvalidOption),
    ("delay", -5, InvalidOption),
    ("delay", "5s", InvalidOptionType),
    ("delay", math.inf, InvalidOption),
    ("delay", 2**60, InvalidOption),
    ("delay", "9" * 5000, InvalidOptionType),
    ("priority", -1, InvalidOption),
    ("priority", "high", InvalidOptionType),
    ("priority", 1.5, InvalidOption),
    ("timeout", 0, InvalidOption),
    ("timeout", -5, InvalidOption),
    ("lifo", "yes", InvalidOptionType),
    ("lifo", 1, InvalidOptionType),
    ("prevent_parsing_data", 0, InvalidOptionType),
    ("remove_on_complete", "true", InvalidOptionType),
    ("remove_on_complete", -2, InvalidOption),
    ("remove_on_fail", 1.5, InvalidOption),
    ("remove_on_fail", {"age": -1}, InvalidOption),
    ("remove_on_fail", {"ages": 1}, UnknownOption),
    ("backoff", -1, InvalidOption),
    ("backoff", "exponential", InvalidOptionType),
    ("backoff", {"delay": 5}, InvalidOption),
    ("backoff", {"type": "fixed", "delay": -1}, InvalidOption),
    ("backoff", {"type": "fixed", "options": {1: 2}}, InvalidOptionType),
    ("backoff", {"type": "fixed", "dealy": 1}, UnknownOption),
    ("backoff", {"type": "nope"}, UnknownBackoffStrategy),
    ("stack_trace_limit", -1, InvalidOption),
    ("timestamp", -1, InvalidOption),
    ("timestamp", 2**43, InvalidOption),
    ("job_id", 1.5, InvalidJobId),
    ("prev_millis", 5, UnknownOption),
    ("debounce", {"id": "a"}, UnknownOption),
]


@pytest.mark.parametrize(("name", "value", "error"), REFUSED)
def test_what_bull_would_coerce_is_refused(name: str, value: Any, error: type[Exception]) -> None:
    """S-046, S-082, S-089 and section 15."""
    with pytest.raises(error) as caught:
        JobOptions.of(None, {name: value})
    assert isinstance(caught.value, InvalidInput)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, BthwaniJobsError)


@pytest.mark.parametrize("value", [3, "3", " 3 ", 3.0, "+3"])
def test_whole_numbers_in_any_clothes(value: Any) -> None:
    assert JobOptions.of({"attempts": value}).attempts == 3


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("attempt", "attempts"),
        ("removeOnComplet", "removeOnComplete"),
        ("remove_on_failed", "remove_on_fail"),
        ("jobid", "job_id"),
        ("prioirty", "priority"),
    ],
)
def test_an_unknown_option_names_the_near_miss(name: str, near: str) -> None:
    with pytest.raises(UnknownOption, match=f'^Unknown option "{name}". Did you mean "{near}"') as caught:
        JobOptions.of({name: 1})
    assert isinstance(caught.value, TypeError)


def test_an_unknown_option_like_nothing_lists_what_there_is() -> None:
    with pytest.raises(UnknownOption, match="Expected one of: attempts, backoff, delay"):
        JobOptions.of({"zzz": 1})


def test_both_spellings_at_once_are_refused_but_not_across_the_layers() -> None:
    with pytest.raises(UnknownOption, match='"job_id" is given twice, also as "jobId"'):
        JobOptions.of({"jobId": "a", "job_id": "b"})
    assert JobOptions.of({"jobId": "a"}, {"job_id": "b"}).job_id == "b"


def test_options_that_are_no_mapping() -> None:
    with pytest.raises(InvalidOptionType, match="Options must be a mapping"):
        JobOptions.of([("attempts", 3)])  # type: ignore[arg-type]


def test_a_time_that_redis_cannot_order_is_refused() -> None:
    with pytest.raises(InvalidOption, match="in the year 2248"):
        JobOptions.of({"timestamp": 2**43 - 1, "delay": 1})
    assert JobOptions.of({"timestamp": 1000, "delay": 5000}).timestamp == 1000


def test_strategies_named_beforehand_are_known() -> None:
    """S-072, Q-19."""
    assert JobOptions.of({"backoff": {"type": "nope"}}, strategies={"nope"}).backoff == Backoff("nope")
    with pytest.raises(UnknownBackoffStrategy) as caught:
        JobOptions.of({"backoff": {"type": "nope"}})
    assert str(caught.value) == (
        "Unknown backoff strategy nope. "
        "If a custom backoff strategy is used, specify it when the queue is created."
    )


def test_small_options_are_frozen_mappings_with_attributes() -> None:
    backoff = JobOptions.of({"backoff": {"type": "exponential", "delay": 1000}}).backoff
    assert backoff is not None
    assert backoff.type == backoff["type"] == "exponential"
    assert backoff == {"type": "exponential", "delay": 1000} == dict(backoff)
    assert "options" not in backoff
    assert backoff.get("options") is None
    with pytest.raises(KeyError):
        backoff["options"]
    with pytest.raises(KeyError):
        backoff["of"]
    with pytest.raises(AttributeError):
        backoff.delay = 5  # type: ignore[misc]
    with pytest.raises(TypeError):
        backoff["delay"] = 5  # type: ignore[index]
    assert Keep() == {} and not Keep()
    assert pickle.loads(pickle.dumps(backoff)) == backoff


def test_made_options_can_be_given_again() -> None:
    options = JobOptions.of({"backoff": 5, "repeat": {"every": 1000}, "removeOnFail": {"count": 2}})
    assert options.backoff is not None and options.repeat is not None
    again = JobOptions.of(
        {"backoff": options.backoff, "repeat": options.repeat, "removeOnFail": options.remove_on_fail}
    )
    assert again == options


def test_options_are_frozen_and_copied_with_changes() -> None:
    with pytest.raises(AttributeError):
        DEFAULT.attempts = 2  # type: ignore[misc]
    changed = DEFAULT.replace(attempts=2, prev_millis=7)
    assert changed == JobOptions(attempts=2, prev_millis=7)
    assert JobOptions() == DEFAULT
    with pytest.raises(KeyError):
        DEFAULT.replace(attemps=2)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "0:"),
        (0, "0:"),
        ({"count": 0}, "0:"),
        (5, "5:"),
        ({"age": 7}, ":7000"),
        ({"age": 7, "count": 5}, "5:7000"),
        (False, ""),
        (-1, ""),
        ({}, ""),
        (None, ""),
    ],
)
def test_retention_as_the_scripts_read_it(value: Any, text: str) -> None:
    """S-101, S-102, Q-20."""
    assert keep_text(JobOptions.of({"removeOnComplete": value}).remove_on_complete) == text


def test_repeat_is_its_own_type() -> None:
    assert JobOptions.of({"repeat": {"cron": "0 0 * * *"}}).repeat == Repeat(cron="0 0 * * *")
