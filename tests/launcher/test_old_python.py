"""The entry point runs on any Python 3, far enough to say what is missing."""

from __future__ import annotations

import ast
import importlib.machinery
import subprocess
import sys
from pathlib import Path

import pytest

from launcher import __main__ as entry
from tests.support.processes import ROOT


def test_the_entry_point_parses_on_old_pythons() -> None:
    for name in ("__init__.py", "__main__.py"):
        ast.parse((ROOT / "launcher" / name).read_text(), feature_version=(3, 7))


def test_here_nothing_is_missing() -> None:
    assert entry.fault() is None


def test_an_old_python_is_told_to_look_for_a_newer_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 13, "final", 0))

    assert "3.11 or newer; this is Python 3.10.13" in str(entry.fault())
    assert "PYTHON=/path/to/python3.11" in str(entry.fault())


def test_windows_is_sent_to_wsl(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")

    assert "WSL" in str(entry.fault())


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def find(name: str) -> importlib.machinery.ModuleSpec | None:
        return None if name in ("flask", "rq") else importlib.machinery.ModuleSpec(name, None)

    monkeypatch.setattr("importlib.util.find_spec", find)

    assert str(entry.fault()) == (
        "These packages are missing: flask, rq. Run `make run`; or `make install`, then "
        "`.venv/bin/python -m launcher run`."
    )


def test_ctrl_c_during_the_imports_ends_it_quietly(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(name: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("importlib.import_module", interrupted)

    assert entry.main(["run"]) == entry.INTERRUPTED


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder of programs that is all of PATH: the usual small ones, and a python3 that is too old."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("sh", "cat", "rm", "uname", "touch", "tail", "grep", "id"):
        (programs / name).symlink_to(f"/bin/{name}" if Path(f"/bin/{name}").exists() else f"/usr/bin/{name}")
    _program(programs / "python3", 'case "$1" in --version) echo Python 3.9.2;; *) exit 1;; esac')
    return programs


def test_make_names_the_remedy_if_no_python_is_new_enough(machine: Path, tmp_path: Path) -> None:
    result = _script(machine, tmp_path, "make_venv.sh", "run")

    assert result.returncode == 1
    assert "needs Python 3.11 or newer; found here: Python 3.9.2" in result.stderr
    assert "PYTHON=/path/to/python3.11" in result.stderr
    assert not (tmp_path / ".venv").exists()


def test_a_python_that_only_pretends_is_passed_over(machine: Path, tmp_path: Path) -> None:
    """pyenv leaves commands on PATH that exist and do not run."""
    _program(machine / "python3.13", "echo 'pyenv: python3.13: command not found' >&2; exit 127")

    assert "found here: Python 3.9.2" in _script(machine, tmp_path, "make_venv.sh", "run").stderr


def test_a_python_without_venv_names_the_package(machine: Path, tmp_path: Path) -> None:
    _program(machine / "python3.12", 'case "$1" in -c|--version) echo Python 3.12.1;; *) exit 1;; esac')

    result = _script(machine, tmp_path, "make_venv.sh", "run")

    assert result.returncode == 1
    assert "apt-get install python3-venv" in result.stderr


def test_a_python_named_by_hand_must_do(machine: Path, tmp_path: Path) -> None:
    result = _script(machine, tmp_path, "make_venv.sh", "run", PYTHON="python3")

    assert result.returncode == 1
    assert "PYTHON=python3 is not a Python of version 3.11" in result.stderr


UNREACHABLE = """
WARNING: Retrying after connection broken by 'NewConnectionError: Failed to establish a new connection'
ERROR: Could not find a version that satisfies the requirement rq==3.0.0 (from versions: none)
ERROR: No matching distribution found for rq==3.0.0
"""
NO_BUILD = """
ERROR: Could not find a version that satisfies the requirement rq==3.0.0 (from versions: 2.0.0)
ERROR: No matching distribution found for rq==3.0.0
"""


@pytest.mark.parametrize(
    ("said", "remedy", "other"),
    [
        (UNREACHABLE, "Is the network up?", "no ready-made build"),
        (NO_BUILD, "no ready-made build", "Is the network up?"),
    ],
    ids=["network", "platform"],
)
def test_packages_that_were_not_installed(
    machine: Path, tmp_path: Path, said: str, remedy: str, other: str
) -> None:
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    _program(
        tmp_path / ".venv" / "bin" / "python",
        f"case \"$1\" in -c|--version) exit 0;; esac; cat <<'TEXT'{said}TEXT\nexit 1",
    )

    result = _script(machine, tmp_path, "make_venv.sh", "run")

    assert result.returncode == 1
    assert remedy in result.stderr
    assert other not in result.stderr


def test_a_missing_tool_is_named_with_its_package(machine: Path, tmp_path: Path) -> None:
    result = _script(machine, tmp_path, "need.sh", "sh:dash", "redis-server:redis", "node:nodejs")

    assert result.returncode == 1
    assert "Missing on this machine: redis nodejs - install it" in result.stderr


def test_tools_that_are_there_are_enough(machine: Path, tmp_path: Path) -> None:
    assert _script(machine, tmp_path, "need.sh", "sh:dash", "cat:coreutils").returncode == 0


def _program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def _script(
    path: Path, folder: Path, name: str, *arguments: str, **env: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", str(ROOT / "launcher" / name), *arguments],
        cwd=folder,
        env={"PATH": str(path), **env},
        capture_output=True,
        text=True,
        check=False,
    )
