"""Where it was measured, with which versions, and what else the machine did meanwhile."""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
from importlib.metadata import version
from pathlib import Path

from .server import Server

_TICKS = os.sysconf("SC_CLK_TCK")


def description() -> str:
    model, memory = platform.machine(), ""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
        kib = int(Path("/proc/meminfo").read_text().split()[1])
        memory = f", {kib / 2**20:.0f} GiB"
    except (OSError, StopIteration):
        pass  # not Linux, or a processor without a name
    return f"{os.cpu_count()} cores ({model}){memory}, {platform.system()}"


def versions(server: Server, bull_package: Path) -> dict[str, str]:
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True)
    python_packages = {name: version(name) for name in ("rq", "redis", "hiredis")}
    return {
        "server": server.version(),
        "python": platform.python_version(),
        **python_packages,
        "node": node.stdout.strip().removeprefix("v"),
        "bull": str(json.loads(bull_package.read_text())["version"]),
    }


def cpu_seconds(pid: int) -> float | None:
    """Processor time a process and its ended children have used; None where the system does not say."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return sum(map(int, fields[11:15])) / _TICKS


class Others:
    """How much of the machine's processors was used by anything but the benchmark and its server."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._busy, self._all = _machine_seconds()
        self._own = self._own_seconds()

    def share(self) -> float | None:
        """Since this object was made, 0 to 1; None where the system does not say."""
        busy, total = _machine_seconds()
        if total == self._all:
            return None
        own = self._own_seconds() - self._own
        return max(0.0, busy - self._busy - own) / (total - self._all)

    def _own_seconds(self) -> float:
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(each.ru_utime + each.ru_stime for each in used) + self._server.cpu_s()


def _machine_seconds() -> tuple[float, float]:
    """Busy and all processor seconds since the machine started."""
    try:
        ticks = [int(each) for each in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    except OSError:
        return 0.0, 0.0
    idle = ticks[3] + ticks[4]
    return (sum(ticks) - idle) / _TICKS, sum(ticks) / _TICKS
