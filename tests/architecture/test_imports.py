"""The import contract of setup.cfg holds, and it would notice if it did not."""

from __future__ import annotations

import ast
import configparser
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import ROOT

PACKAGES = ("bthwani_jobs", "processors", "scheduler", "web", "launcher")


def test_every_import_points_the_allowed_way() -> None:
    result = _lint(ROOT / "setup.cfg")

    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("file", "forbidden_line", "broken"),
    [
        ("bthwani_jobs/core/states.py", "import redis", "The core does no I/O"),
        ("bthwani_jobs/job.py", "from bthwani_jobs import queue", "Inside the library"),
        ("bthwani_jobs/queue.py", "import rq", "Only the seam, the scheduler and the dashboard know RQ"),
        ("web/services/orders.py", "import flask", "Only the web's edge knows Flask"),
        ("web/services/orders.py", "import processors.emails", "Producers import contracts, never handlers"),
        ("scheduler/scheduler.py", "import processors.reports", "Producers import contracts, never handlers"),
        ("processors/orders.py", "import web.problems", "Folders depend downwards only"),
    ],
)
def test_a_forbidden_import_is_noticed(tmp_path: Path, file: str, forbidden_line: str, broken: str) -> None:
    _copy_sources(tmp_path)
    with (tmp_path / file).open("a") as source:
        source.write(f"\n{forbidden_line}\n")

    result = _lint(tmp_path / "setup.cfg")

    assert result.returncode == 1
    assert f"{broken} BROKEN" in result.stdout


def test_nothing_is_imported_inside_a_function() -> None:
    """Late imports are how an import cycle hides; ruff's PLC0415 says the same while one edits."""
    found = [
        f"{path.relative_to(ROOT)}:{inner.lineno}"
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    ]

    assert found == []


def test_the_contract_covers_every_package() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")

    assert config["importlinter"]["root_packages"].split() == list(PACKAGES)
    for package in PACKAGES:
        assert (ROOT / package / "__init__.py").exists()


def _lint(config: Path) -> subprocess.CompletedProcess[str]:
    folder = config.parent
    lint = "lint_imports('setup.cfg', no_cache=True)"
    code = f"import sys; from importlinter.cli import lint_imports; sys.exit({lint})"
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def _copy_sources(folder: Path) -> None:
    for source in (path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        copy = folder / source.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(source.read_text())
    (folder / "setup.cfg").write_text((ROOT / "setup.cfg").read_text())
