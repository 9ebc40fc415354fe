"""Amounts: whole numbers of minor units everywhere, written out only for people."""

from __future__ import annotations

MINOR_UNITS = 100
BASIS_POINTS = 10_000


def formatted(amount_minor: int) -> str:
    """`1234505` → `12,345.05`, without a currency; every digit is Latin."""
    sign = "-" if amount_minor < 0 else ""
    whole, minor = divmod(abs(amount_minor), MINOR_UNITS)
    return f"{sign}{whole:,}.{minor:02d}"


def share(amount_minor: int, basis_points: int) -> int:
    """That many hundredths of a percent of an amount, not negative; half a minor unit is rounded up."""
    return (amount_minor * basis_points + BASIS_POINTS // 2) // BASIS_POINTS
