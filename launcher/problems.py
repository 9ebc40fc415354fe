"""What keeps the application from starting, said with its remedy."""

from __future__ import annotations


class SetupProblem(Exception):
    """One sentence or more: what was expected, what was found, what to do."""
