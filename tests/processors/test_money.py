from __future__ import annotations

from fractions import Fraction
from math import floor

import pytest
from hypothesis import given
from hypothesis.strategies import integers

from processors.money import formatted, share


@pytest.mark.parametrize(
    ("minor", "shown"),
    [
        (0, "0.00"),
        (5, "0.05"),
        (-5, "-0.05"),
        (124_505, "1,245.05"),
        (-124_505, "-1,245.05"),
        (10**9, "10,000,000.00"),
    ],
)
def test_amounts_are_written_with_two_decimals(minor: int, shown: str) -> None:
    assert formatted(minor) == shown


def test_half_a_minor_unit_is_rounded_up() -> None:
    assert [share(amount, 750) for amount in (20, 6, 7, 1_000_000)] == [2, 0, 1, 75_000]


@given(integers(0, 10**18), integers(0, 10_000))
def test_a_share_is_exact_whatever_the_size(amount: int, basis_points: int) -> None:
    assert share(amount, basis_points) == floor(Fraction(amount * basis_points, 10_000) + Fraction(1, 2))
