"""What was fixed about running: the Procfile's lines, and where a bare `rq worker` finds its handlers."""

from __future__ import annotations

import configparser
import subprocess

from honcho.environ import parse_procfile

from processors import contracts
from tests.support.processes import ROOT


def test_the_procfile_runs_rq_itself() -> None:
    commands = parse_procfile((ROOT / "Procfile").read_text()).processes

    assert commands["worker"] == "rq worker notifications emails"
    assert commands["scheduler"] == "python -m scheduler"
    assert commands["web"] == "python -m web"


def test_every_queue_has_a_worker() -> None:
    commands = parse_procfile((ROOT / "Procfile").read_text()).processes
    served = [
        queue for line in commands.values() if line.startswith("rq worker ") for queue in line.split()[2:]
    ]

    assert sorted(served) == sorted(contracts.QUEUES)


def test_setup_cfg_names_a_module_of_handlers_for_every_queue() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    modules = [name.strip() for name in config["bthwani_jobs"]["processors"].split(",")]

    assert sorted(modules) == sorted(f"processors.{queue}" for queue in contracts.QUEUES)


def test_make_help_lists_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text()
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout

    for target in ("run", "test", "demo", "test-all"):
        assert f"  {target} " in listed
    parts = makefile.split("PARTS :=")[1].splitlines()[0].split()
    assert [part for part in parts if f"  {part} " not in listed] == []
