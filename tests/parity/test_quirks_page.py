"""docs/quirks.md names a test for each of its lines: it exists and is marked with the line's number."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
PAGE = FOLDER.parents[1] / "docs" / "quirks.md"
NAMED = re.compile(r"`(test_\w+\.py)::(test_\w+)`")
NUMBER = re.compile(r"\b[QS]-\d+\b")


def rows() -> list[tuple[list[str], list[tuple[str, str]]]]:
    """Numbers and named tests of each line of the tables; "same" stands for the tests of the line before."""
    found: list[tuple[list[str], list[tuple[str, str]]]] = []
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        numbers = NUMBER.findall(cells[0])
        if line.startswith("|") and numbers:
            found.append((numbers, found[-1][1] if cells[-1] == "same" else NAMED.findall(cells[-1])))
    return found


def marks_of(file: str, test: str) -> str:
    """The decorators above a test, as text."""
    source = (FOLDER / file).read_text(encoding="utf-8")
    before, found, _ = source.partition(f"\ndef {test}(")
    assert found, f"{file} has no {test}"
    return before.rpartition("\n\n\n")[2]


def test_the_page_has_its_tables() -> None:
    assert len(rows()) > 50


@pytest.mark.parametrize(("numbers", "tests"), rows(), ids=lambda value: "_".join(map(str, value))[:40])
def test_each_line_is_answered_by_its_tests(numbers: list[str], tests: list[tuple[str, str]]) -> None:
    assert tests, "the line names no test"
    marks = "".join(marks_of(file, test) for file, test in tests)
    assert all(f'"{number}"' in marks for number in numbers), f"{numbers} are not among the marks {marks}"
