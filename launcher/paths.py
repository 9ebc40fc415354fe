"""Paths for a person's eyes."""

from __future__ import annotations

from pathlib import Path


def shown(path: Path) -> str:
    """Relative to the folder one is in, where that is possible."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
