"""`make bench-quick`: this library, Bull and stock RQ side by side, in under three minutes.

ROUNDS in the environment: how often everything is measured, however long it takes (default: three times, or
as often as the three minutes allow). Within a round the systems follow one another for each measure, in
shuffled order, so a ratio compares runs that were seconds apart.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from . import report
from .machine import Others, description, versions
from .measures import QUICK, SYSTEMS, Outcome, run
from .server import Server, server

HERE = Path(__file__).resolve().parent
NODE = HERE / "node"
RESULTS = HERE / "results"
#: Unless ROUNDS says otherwise.
ROUNDS = 3
WITHIN_S = 175.0


def main() -> None:
    rounds = int(os.environ.get("ROUNDS", "0"))
    started = time.monotonic()
    subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=NODE, check=True)
    with server() as own:
        facts = {
            "date": datetime.now(UTC).strftime("%d %B %Y"),
            "machine": description(),
            "versions": versions(own, NODE / "node_modules/bull/package.json"),
            **_measured(own, rounds, started),
        }
    _write(facts)
    print(f"{time.monotonic() - started:.0f} s; written to {RESULTS.relative_to(HERE.parent)}/quick*")


def _measured(own: Server, rounds: int, started: float) -> dict[str, Any]:
    """``rounds`` 0: three, or fewer if the next one would probably end too late."""
    records: dict[str, dict[str, list[dict[str, Any]]]] = {
        measure.name: {name: [] for name in measure.jobs} for measure in QUICK
    }
    others = []
    for number in range(1, (rounds or ROUNDS) + 1):
        elapsed = time.monotonic() - started
        if not rounds and elapsed * number > WITHIN_S * (number - 1) and number > 1:
            print(f"\nOnly {number - 1} rounds: this machine is too busy for more in {WITHIN_S:.0f} s.")
            break
        watch = Others(own)
        for measure, name, outcome in _round(own):
            records[measure].setdefault(name, []).append(_record(outcome))
            _say(f"round {number}: {measure}, {name}: {outcome.rate:,.0f} jobs/s")
        others.append(watch.share())
    _say("")
    return {"rounds": len(others), "others": others, "records": records}


def _round(own: Server) -> Iterator[tuple[str, str, Outcome]]:
    for measure in QUICK:
        for name in random.sample(list(measure.jobs), len(measure.jobs)):
            yield measure.name, name, run(measure, SYSTEMS[name], own)


def _record(outcome: Outcome) -> dict[str, Any]:
    jobs, cost = outcome.jobs, outcome.cost
    return {
        "rate": round(outcome.rate, 1),
        "reads": round(cost.reads / jobs, 3),
        "commands": round(cost.commands / jobs, 2),
        "server_us": round(cost.cpu_s / jobs * 1e6, 1),
        "own_us": None if outcome.own_us is None else round(outcome.own_us, 1),
        "calls": {name: round(count / jobs, 2) for name, count in sorted(cost.calls.items())},
    }


def _say(text: str) -> None:
    """Progress: one line that is written over on a terminal, a line each elsewhere."""
    if sys.stdout.isatty():
        print(f"\r\033[K{text}", end="", flush=True)
    elif text:
        print(text, flush=True)


def _write(facts: dict[str, Any]) -> None:
    titles = {measure.name: measure.title for measure in QUICK}
    rates, costs = (table(titles, facts["records"]) for table in (report.rates, report.costs))
    conditions = report.conditions(facts)
    narrow = [row[:-1] for row in costs]  # the names of the calls are for the file
    print(f"{report.as_text(rates)}\n{report.as_text(narrow)}\n{conditions}\n")
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "quick.json").write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n")
    (RESULTS / "quick.md").write_text(f"{report.as_markdown(rates)}\n{conditions}\n")
    (RESULTS / "quick-costs.md").write_text(report.as_markdown(costs))


if __name__ == "__main__":
    main()
