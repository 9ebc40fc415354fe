"""What is measured, of which system, how large; and one run of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .machine import cpu_seconds
from .server import Cost, Server
from .systems.common import QUEUE, WARM_UP

HERE = Path(__file__).resolve().parent
#: A run that takes longer has failed.
RUN_WITHIN_S = 120.0
#: How long a worker may take to end after its last job.
ENDS_WITHIN_S = 15.0
#: This part of a drain is left out of its rate: connections open, code gets warm.
WARM_UP_PART = 0.1


@dataclass(frozen=True, slots=True)
class System:
    """How one system is started, and where it keeps its jobs."""

    name: str
    command: tuple[str, ...]
    waiting: str  #: key of its list of waiting jobs
    completed: str  #: key of its sorted set of completed jobs
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Measure:
    """One thing measured of several systems; ``slots`` 0: adding, nothing is run."""

    name: str
    title: str
    jobs: Mapping[str, int]  #: by system, in the order they are shown
    slots: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one run: jobs a second, and what it cost the server and the system's own process."""

    rate: float
    jobs: int  #: that the cost is to be divided by
    cost: Cost
    own_us: float | None  #: processor time a job, children included; None where the system does not say


_RQ_KEYS = (f"rq:queue:{QUEUE}", f"rq:finished:{QUEUE}")
_OURS = (sys.executable, "-m", "benchmarks.systems.ours")
_RQ = (sys.executable, "-m", "benchmarks.systems.stock_rq")

SYSTEMS = {
    system.name: system
    for system in (
        System(
            "bull", ("node", str(HERE / "systems/bull.js")), f"bull:{QUEUE}:wait", f"bull:{QUEUE}:completed"
        ),
        System("rq-fork", _RQ, *_RQ_KEYS, "fork"),
        System("rq-simple", _RQ, *_RQ_KEYS, "simple"),
        System("ours-threads", _OURS, *_RQ_KEYS, "threads"),
        System("ours-async", _OURS, *_RQ_KEYS, "async"),
    )
}


def _drain(slots: int, title: str, jobs: int, rq: Mapping[str, int] | None = None) -> Measure:
    sizes = {"bull": jobs, **(rq or {}), "ours-threads": jobs, "ours-async": jobs}
    return Measure(f"drain-{slots}", title, sizes, slots)


QUICK = (
    Measure("add", "add, one at a time", {"bull": 3000, "rq-simple": 3000, "ours-threads": 3000}),
    Measure("add-bulk", "add in bulk", {"bull": 15000, "rq-simple": 15000, "ours-threads": 15000}),
    # RQ's workers run one job at a time, and few a second.
    _drain(1, "drain, 1 slot", 5000, {"rq-fork": 100, "rq-simple": 400}),
    _drain(10, "drain, 10 slots", 15000),
    _drain(50, "drain, 50 slots", 20000),
)


def run(measure: Measure, system: System, server: Server) -> Outcome:
    """Measure once, on an emptied server. Raises RuntimeError unless every job is accounted for."""
    server.client.flushall()
    jobs = measure.jobs[system.name]
    with tempfile.NamedTemporaryFile(dir=_memory()) as proof:
        settings = {
            "BENCH_URL": server.url,
            "BENCH_JOBS": str(jobs),
            "BENCH_SLOTS": str(measure.slots),
            "BENCH_PROOF": proof.name,
            "BENCH_KIND": system.kind,
        }
        environment = {**os.environ, **settings, "RQ_REDIS_URL": server.url}
        if measure.slots:
            return _drained(system, server, environment, jobs, Path(proof.name))
        return _added(measure, system, server, environment, jobs)


def _memory() -> str | None:
    return "/dev/shm" if os.path.isdir("/dev/shm") else None


def _added(
    measure: Measure, system: System, server: Server, environment: Mapping[str, str], jobs: int
) -> Outcome:
    server.reset()
    command = "add_bulk" if measure.name == "add-bulk" else "add"
    took = json.loads(_call(system, command, environment))
    cost = server.cost()
    _expect(system, "stored", server.client.llen(system.waiting), jobs + WARM_UP)
    return Outcome(jobs / took["seconds"], jobs + WARM_UP, cost, took["cpu"] / jobs * 1e6)


def _drained(
    system: System, server: Server, environment: Mapping[str, str], jobs: int, proof: Path
) -> Outcome:
    _call(system, "fill", environment)
    _expect(system, "stored", server.client.llen(system.waiting), jobs)
    server.reset()
    worker = subprocess.Popen([*system.command, "work"], env=environment, cwd=HERE.parent)
    try:
        warm = int(jobs * WARM_UP_PART)
        before = _wait_for_lines(system.name, proof, warm, worker)
        after = _wait_for_lines(system.name, proof, jobs, worker)
        cost = server.cost()
        worker.send_signal(signal.SIGTERM)
        worker.wait(ENDS_WITHIN_S)
    finally:
        worker.kill()
        worker.wait()
    ran = [line.split() for line in proof.read_text().splitlines()]
    _expect(system, "run", len({number for number, _ in ran}), jobs)
    _expect(system, "run in all", len(ran), jobs)
    _expect(system, "completed", server.client.zcard(system.completed), jobs)
    counted = sorted(int(moment) for _, moment in ran)[warm:]
    rate = (len(counted) - 1) / (counted[-1] - counted[0]) * 1e9
    return Outcome(rate, jobs, cost, _own_us(before, after))


def _call(system: System, command: str, environment: Mapping[str, str]) -> str:
    done = subprocess.run(
        [*system.command, command],
        env=environment,
        cwd=HERE.parent,
        stdout=subprocess.PIPE,
        timeout=RUN_WITHIN_S,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"{system.name}: {command} ended with code {done.returncode}; it says why above.")
    return done.stdout


@dataclass(frozen=True, slots=True)
class _Seen:
    """A worker at one moment."""

    lines: int
    cpu_s: float | None


def _wait_for_lines(name: str, proof: Path, lines: int, worker: subprocess.Popen[bytes]) -> _Seen:
    deadline = time.monotonic() + RUN_WITHIN_S
    ran = 0
    while worker.poll() is None and time.monotonic() < deadline:
        ran = proof.read_bytes().count(b"\n")
        if ran >= lines:
            return _Seen(ran, cpu_seconds(worker.pid))
        time.sleep(0.02)
    ended = "stood still" if worker.poll() is None else f"ended with code {worker.returncode}"
    raise RuntimeError(f"{name}: its worker {ended} after {ran} of {lines} jobs.")


def _own_us(before: _Seen, after: _Seen) -> float | None:
    if before.cpu_s is None or after.cpu_s is None or after.lines == before.lines:
        return None
    return (after.cpu_s - before.cpu_s) / (after.lines - before.lines) * 1e6


def _expect(system: System, what: str, found: object, expected: int) -> None:
    if found != expected:
        raise RuntimeError(f"{system.name}: expected {expected} jobs {what}, found {found}.")
