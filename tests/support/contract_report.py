"""`--contract-report`: which statement of the contract is answered by which test, and how it went."""

from __future__ import annotations

import re
from collections import defaultdict

import pytest

_PROPERTY = "contract"
_LAST_STATEMENT = 266
_STATEMENTS = [f"S-{number:03d}" for number in range(1, _LAST_STATEMENT + 1)]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--contract-report",
        action="store_true",
        help="print each statement of the contract with its tests and results, then those without a test",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # A report carries user_properties to the process that prints; markers stay behind in an xdist worker.
    for item in items:
        for marker in item.iter_markers("contract"):
            item.user_properties.extend((_PROPERTY, number) for number in marker.args)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if not config.getoption("--contract-report"):
        return
    results = _results(terminalreporter)
    terminalreporter.section("contract")
    for number in sorted(results):
        for name, outcome in sorted(results[number].items()):
            terminalreporter.write_line(f"{number}  {outcome:7}  {name}")
    missing = [number for number in _STATEMENTS if number not in results]
    answered = len(_STATEMENTS) - len(missing)
    terminalreporter.write_line(f"{answered} of {len(_STATEMENTS)} statements have a test. Not answered yet:")
    for line in _wrapped(missing):
        terminalreporter.write_line(line)


def _results(reporter: pytest.TerminalReporter) -> dict[str, dict[str, str]]:
    """Statement → test (its parameters left out) → "passed", or "failed" if any phase or parameter failed."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for outcome in ("passed", "failed", "error"):
        for report in reporter.stats.get(outcome, []):
            name = re.sub(r"\[.*\]$", "", report.nodeid)
            for key, number in report.user_properties:
                if key == _PROPERTY:
                    found[number][name] = "passed" if outcome == "passed" else "failed"
    return found


def _wrapped(numbers: list[str], columns: int = 16) -> list[str]:
    return [" ".join(numbers[start : start + columns]) for start in range(0, len(numbers), columns)]
