"""The two written forms of options."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bthwani_jobs.core.options import DEFAULT, JobOptions
from bthwani_jobs.core.spelling import CAMEL, SNAKE
from bthwani_jobs.core.wire import bull_options, options_of, options_text

#: Each option with values that must come back as themselves, not as what merely equals them.
EACH: list[tuple[str, Any]] = [
    ("attempts", 3),
    ("backoff", {"type": "fixed", "delay": 500}),
    ("backoff", {"type": "exponential"}),
    ("backoff", {"type": "mine", "options": {"steps": [1, {"اسم": None}]}}),
    ("backoff", {"type": "mine", "delay": 0, "options": []}),
    ("delay", 5000),
    ("priority", 2147483647),
    ("lifo", True),
    ("timeout", 30000),
    ("job_id", "w-42"),
    ("remove_on_complete", True),
    ("remove_on_complete", 0),
    ("remove_on_complete", 1),
    ("remove_on_complete", -1),
    ("remove_on_complete", {}),
    ("remove_on_complete", {"age": 7, "count": 0}),
    ("remove_on_fail", True),
    ("remove_on_fail", 0),
    ("remove_on_fail", {"age": 0}),
    ("repeat", {"cron": "*/5 * * * *", "tz": "Asia/Aden", "limit": 3}),
    ("repeat", {"every": 60000, "startDate": 0, "endDate": 4070908800000, "count": 0, "jobId": "id1"}),
    ("stack_trace_limit", 0),
    ("prevent_parsing_data", True),
    ("timestamp", 0),
]


@pytest.mark.parametrize(("name", "value"), EACH)
def test_each_option_comes_back_as_it_was(name: str, value: Any) -> None:
    options = JobOptions.of({name: value}, strategies=["mine"])
    text = options_text(options)
    back = options_of(text, "w-42")
    assert back == options
    assert repr(back) == repr(options)
    assert len(json.loads(text)) == 1


def test_every_option_has_a_round_trip_above() -> None:
    tried = {name for name, _ in EACH}
    assert tried | {"prev_millis"} == set(JobOptions.__dataclass_fields__)


def test_what_only_the_queue_sets_comes_back_too() -> None:
    repeat = JobOptions.of({"repeat": {"every": 1000}}).repeat
    assert repeat is not None
    options = DEFAULT.replace(prev_millis=7000, repeat=type(repeat)(every=1000, count=2, key="a:::1000"))
    assert repr(options_of(options_text(options))) == repr(options)


def test_default_options_take_no_room() -> None:
    assert options_text(DEFAULT) == options_text(JobOptions()) == ""
    assert options_of("") is DEFAULT


def test_usual_options_stay_below_what_turns_a_hash_into_a_table() -> None:
    options = JobOptions.of(
        {
            "attempts": 3,
            "backoff": {"type": "exponential", "delay": 1000},
            "timeout": 30000,
            "removeOnComplete": True,
            "jobId": "order-confirmation-2026-11-24-000042",
        }
    )
    assert len(options_text(options).encode()) <= 64


def test_an_id_is_given_back_only_where_the_caller_chose_it() -> None:
    assert options_of(options_text(JobOptions.of({"jobId": "a", "attempts": 2})), "a").job_id == "a"
    assert options_of(options_text(JobOptions.of({"attempts": 2})), "17").job_id is None


def test_the_scripts_find_the_failure_retention_under_f() -> None:
    """The stall check reads it as it was given (Q-22)."""
    for value in (True, 0, 5, {"age": 7}):
        assert json.loads(options_text(JobOptions.of({"removeOnFail": value}))) == {"f": value}


@pytest.mark.parametrize("text", ["{", "[]", "5", '{"z":1}', '{"b":5}', '{"r":{"zz":1}}', '{"f":{"aeg":1}}'])
def test_a_text_of_others_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        options_of(text)


def test_people_see_bulls_form() -> None:
    options = JobOptions.of(
        {
            "attempts": 3,
            "removeOnComplete": True,
            "removeOnFail": 0,
            "jobId": "a",
            "backoff": 5,
            "repeat": {"every": 1000, "endDate": 5000},
        }
    )
    assert bull_options(options) == {
        "attempts": 3,
        "delay": 0,
        "removeOnComplete": True,
        "removeOnFail": 0,
        "jobId": "a",
        "backoff": {"type": "fixed", "delay": 5},
        "repeat": {"every": 1000, "endDate": 5000},
    }
    assert bull_options(DEFAULT) == {"attempts": 1, "delay": 0}
    json.dumps(bull_options(options))


def test_the_table_of_spellings_is_one_to_one() -> None:
    assert len(SNAKE) == len(CAMEL)
    assert all("_" not in camel and camel != snake for snake, camel in CAMEL.items())
