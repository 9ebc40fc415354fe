"""Redis' patterns mean here what they mean there: compared with a real server, for ASCII."""

from __future__ import annotations

import itertools

import pytest
import redis

from bthwani_jobs.core.glob import glob, literal_head

TEXTS = ["", "a", "b", "c", "-", "]", "[", "\\", "*", "^", "ab", "a-", "a]", "abc", "a*c", "a\\c", "bca"]
PIECES = ["a", "*", "?", "[", "]", "-", "^", "\\", "c"]


@pytest.mark.parametrize("length", [1, 2, 3, 4])
def test_every_short_pattern_matches_as_in_redis(connection: redis.Redis, length: int) -> None:
    connection.mset({f"glob:{text}": 1 for text in TEXTS})
    patterns = ["".join(pieces) for pieces in itertools.product(PIECES, repeat=length)]
    with connection.pipeline(transaction=False) as pipe:
        for pattern in patterns:
            pipe.keys(f"glob:{pattern}")
        replies = pipe.execute()
    connection.delete(*(f"glob:{text}" for text in TEXTS))
    different = {}
    for pattern, keys in zip(patterns, replies, strict=True):
        theirs = sorted(key.decode().removeprefix("glob:") for key in keys)
        ours = sorted(text for text in TEXTS if glob(pattern).fullmatch(text))
        if ours != theirs:
            different[pattern] = (ours, theirs)
    assert different == {}


def test_a_question_mark_is_one_letter_of_any_script() -> None:
    assert glob("طلب-?").fullmatch("طلب-٧")


@pytest.mark.parametrize(
    ("pattern", "head"),
    [("order-*", "order-"), ("order-7", "order-7"), ("*", ""), ("a?b*", "a"), ("a\\*", "a")],
)
def test_the_literal_head(pattern: str, head: str) -> None:
    assert literal_head(pattern) == head
