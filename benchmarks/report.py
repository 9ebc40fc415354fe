"""From the outcomes of all rounds to two tables: rates with paired ratios, and what a job costs Redis."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any

#: Measure name → system name → one record a round, as `records` of quick.json holds them.
Records = Mapping[str, Mapping[str, Sequence[Mapping[str, Any]]]]

NAMES = {
    "bull": "Bull",
    "rq-fork": "RQ (rq worker)",
    "rq-simple": "RQ (SimpleWorker)",
    "ours-threads": "ours, functions",
    "ours-async": "ours, async def",
}


def rates(titles: Mapping[str, str], records: Records) -> list[list[str]]:
    """A row for each measure and system; ratios are of our rate to theirs in the same round."""
    head = ["", "", "jobs/s: median (min–max)", "ours ÷ Bull", "ours ÷ RQ"]
    rows = [head]
    for measure, systems in records.items():
        title = titles[measure]
        for name, rounds in systems.items():
            own = [each["rate"] for each in rounds]
            ratios = ["", ""]
            if name.startswith("ours"):
                rq = next((systems[other] for other in ("rq-fork", "rq-simple") if other in systems), None)
                ratios = [_ratio(own, systems["bull"]), _ratio(own, rq)]
            rows.append([title, _name(measure, name), _spread(own), *ratios])
            title = ""
    return rows


def costs(titles: Mapping[str, str], records: Records) -> list[list[str]]:
    """Medians a job."""
    rows = [["", "", "reads", "commands", "server µs", "own µs", "calls a job"]]
    for measure, systems in records.items():
        title = titles[measure]
        for name, rounds in systems.items():
            middle = [median(each[field] for each in rounds) for field in ("reads", "commands", "server_us")]
            own = [each["own_us"] for each in rounds if each["own_us"] is not None]
            numbers = [f"{middle[0]:.2f}", f"{middle[1]:.1f}", f"{middle[2]:.0f}", _whole(own)]
            rows.append([title, _name(measure, name), *numbers, calls_text(rounds[0]["calls"])])
            title = ""
    return rows


def calls_text(calls: Mapping[str, float]) -> str:
    """The commands a job that happen for every other job at least, the most frequent first."""
    often = sorted((item for item in calls.items() if item[1] >= 0.5), key=lambda item: -item[1])
    return ", ".join(_call(*item) for item in often)


def _whole(values: Sequence[float]) -> str:
    return f"{median(values):.0f}" if values else "–"


def _name(measure: str, system: str) -> str:
    if measure.startswith("add"):
        return {"rq-simple": "RQ", "ours-threads": "ours"}.get(system, NAMES[system])
    return NAMES[system]


def _call(name: str, count: float) -> str:
    return name if round(count, 1) == 1 else f"{name} {count:.1f}"


def _spread(values: Sequence[float]) -> str:
    return f"**{_number(median(values))}** ({_number(min(values))}–{_number(max(values))})"


def _ratio(own: Sequence[float], others: Sequence[Mapping[str, Any]] | None) -> str:
    if others is None:
        return "–"
    pairs = [mine / each["rate"] for mine, each in zip(own, others, strict=True)]
    return f"**× {_digits(median(pairs))}** ({_digits(min(pairs))}–{_digits(max(pairs))})"


def _digits(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"


def _number(value: float) -> str:
    return f"{value:,.0f}"


def as_markdown(rows: Sequence[Sequence[str]]) -> str:
    head, *body = rows
    lines = [head, ["---" if index < 2 else "---:" for index in range(len(head))], *body]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def as_text(rows: Sequence[Sequence[str]]) -> str:
    """The same for a terminal: aligned columns, no marks."""
    plain = [[cell.replace("**", "") for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*plain, strict=True)]
    lines = (
        "  ".join(
            _aligned(cell, width, index) for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in plain
    )
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _aligned(cell: str, width: int, index: int) -> str:
    return cell.ljust(width) if index < 2 else cell.rjust(width)


def conditions(facts: Mapping[str, Any]) -> str:
    """One paragraph: machine, versions, rounds and noise."""
    versions = facts["versions"]
    quiet = [share for share in facts["others"] if share is not None]
    noise = f"; other programs used {_percent(quiet)} of the processors meanwhile" if quiet else ""
    return (
        f"{facts['date']}, {facts['machine']}; {versions['server']} on it too, without persistence. "
        f"Python {versions['python']} with redis-py {versions['redis']}, hiredis {versions['hiredis']} and "
        f"RQ {versions['rq']}; Node {versions['node']} with Bull {versions['bull']}. One producer or one "
        "worker process at a time, default settings, jobs that do nothing with a payload of one number. "
        f"{facts['rounds']} interleaved rounds{noise}."
    )


def _percent(shares: Iterable[float]) -> str:
    values = [round(share * 100) for share in shares]
    return f"{min(values)}–{max(values)} %" if min(values) != max(values) else f"{values[0]} %"
