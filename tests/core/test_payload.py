"""Data and results as JSON (S-014, S-015, S-084, S-091, Q-29)."""

from __future__ import annotations

import json
import math
from collections import OrderedDict
from datetime import date
from enum import IntEnum
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bthwani_jobs.core.payload import MAX_DEPTH, decode_json, encode_data, encode_result
from bthwani_jobs.errors import DataTooLarge, InvalidData, UnserialisableResult

LIMIT = 1_048_576

plain_text = st.text(st.characters(exclude_categories=["Cs"]))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | plain_text,
    lambda children: st.lists(children) | st.dictionaries(plain_text, children),
    max_leaves=20,
)


def nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


@settings(max_examples=40)
@given(value=json_values.filter(lambda value: value is not None))
def test_all_json_comes_back(value: Any) -> None:
    """S-014, S-091."""
    text = encode_data(value, LIMIT, "n")
    assert decode_json(text) == decode_json(text.encode()) == value
    assert encode_result(value, "1") == text


@pytest.mark.parametrize(("data", "text"), [(None, "{}"), (0, "0"), ("", '""'), (False, "false"), ([], "[]")])
def test_only_none_becomes_an_empty_mapping(data: Any, text: str) -> None:
    """S-015, Q-29."""
    assert encode_data(data, LIMIT, "n") == text


def test_the_text_is_compact_and_keeps_arabic_readable() -> None:
    assert encode_data({"اسم": ["علي", 1]}, LIMIT, "n") == '{"اسم":["علي",1]}'


def test_kinds_that_python_writes_as_json_are_taken() -> None:
    class Level(IntEnum):
        HIGH = 2

    assert encode_data(OrderedDict(a=(1, Level.HIGH)), LIMIT, "n") == '{"a":[1,2]}'


CIRCULAR: dict[str, Any] = {"a": []}
CIRCULAR["a"].append(CIRCULAR)

NOT_JSON = [
    ({1: "a"}, r"data has the key 1 of type int, and keys must be text"),
    ({"a": {None: 1}}, r"data\.a has the key None of type NoneType"),
    ({"a": [1, {"b": math.nan}]}, r"data\.a\[1\]\.b is nan, which JSON does not have"),
    ([math.inf], r"data\[0\] is inf"),
    ({"tags": {1, 2}}, r"data\.tags is of type set, which JSON does not have"),
    ({"raw": b"x"}, r"data\.raw is of type bytes"),
    ({"day": date(2026, 1, 1)}, r"data\.day is of type date"),
    ({"text": "a\ud800"}, r"data\.text holds a lone surrogate, 'a\\ud800'"),
    ({"\udfff": 1}, r"data has a key with a lone surrogate"),
    (CIRCULAR, r"data\.a\[0\] contains itself \(a circular structure\)"),
    (nested(MAX_DEPTH + 1), rf"is nested more than {MAX_DEPTH} levels deep"),
    (nested(5000), rf"is nested more than {MAX_DEPTH} levels deep"),
    ({"big": 10**5000}, r"it holds something that cannot be written"),
    (object(), r"data is of type object"),
]


@pytest.mark.parametrize(("data", "fault"), NOT_JSON, ids=[fault for _, fault in NOT_JSON])
def test_what_is_not_json_is_named_with_its_path(data: Any, fault: str) -> None:
    with pytest.raises(InvalidData, match=f'^The data of job "send-email" is not JSON: .*{fault}'):
        encode_data(data, LIMIT, "send-email")


def test_the_deepest_data_that_is_taken_can_be_read() -> None:
    deepest = nested(MAX_DEPTH)
    assert decode_json(encode_data(deepest, LIMIT, "n")) == deepest


def test_the_limit_is_in_bytes_not_characters() -> None:
    assert encode_data("ط" * 4, 10, "n") == '"طططط"'
    with pytest.raises(
        DataTooLarge, match='job "n" takes 12 bytes as JSON, more than the 10 allowed'
    ) as caught:
        encode_data("ط" * 5, 10, "n")
    assert (caught.value.size, caught.value.limit) == (12, 10)


def test_no_result_is_null() -> None:
    assert decode_json(encode_result(None, "1")) is None


@pytest.mark.parametrize("value", [{1, 2}, {"a": math.nan}, {1: 2}, CIRCULAR, "\ud800", object()])
def test_a_result_that_is_not_json_fails_the_job(value: Any) -> None:
    """S-084."""
    with pytest.raises(UnserialisableResult, match=r"^The result of job 7 is not JSON: result"):
        encode_result(value, "7")


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, b"\xff"])
def test_text_that_is_not_json_is_a_value_error(text: str | bytes) -> None:
    with pytest.raises(ValueError):
        decode_json(text)


def test_what_json_itself_writes_is_what_we_write() -> None:
    data = {"a": [1, 2.5, None, True, "ü"], "b": {}}
    assert json.loads(encode_data(data, LIMIT, "n")) == data
