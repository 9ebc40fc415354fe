"""What the READMEs show is true: the example runs, links lead somewhere, both languages agree."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

import bthwani_jobs
from tests.support.processes import ROOT, Processes
from tests.support.waiting import wait_until

PAGES = sorted([*ROOT.glob("README*.md"), *ROOT.glob("docs/*.md")])


def test_the_example_runs_as_printed(processes: Processes, tmp_path: Path) -> None:
    code, commands = _blocks("README.md", "python")[0], _blocks("README.md", "sh")[1]
    (tmp_path / "jobs.py").write_text(code.replace("redis://localhost:6379/0", processes.redis_url))
    exported = re.findall(r"(\w+)=(\S+)", commands.splitlines()[0])
    settings = {name: value for name, value in exported if name != "RQ_REDIS_URL"}
    assert "rq worker emails" in commands

    worker = processes.python("-m", "rq.cli", "worker", "emails", env=settings, cwd=tmp_path)
    wait_until(lambda: "Listening on emails" in worker.output(), 20_000, "the worker")
    example = processes.python("jobs.py", env=settings, cwd=tmp_path)

    assert example.wait(20_000) == 0, example.output()
    assert example.output().strip() == commands.splitlines()[-1].partition("# ")[2]
    worker.terminate()
    assert worker.wait() == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    text = page.read_text()
    links = re.findall(r"\]\(([^)#]+)\)|src=\"([^\"]+)\"", text)
    targets = [target for pair in links for target in pair if target and "://" not in target]

    assert [target for target in targets if not (page.parent / target.replace("\\", "")).exists()] == []


def test_both_languages_show_the_same_code_and_commands() -> None:
    english, arabic = (_without_comments(_blocks(name, "python")) for name in ("README.md", "README.ar.md"))
    assert english == arabic

    english, arabic = (_without_comments(_blocks(name, "sh")) for name in ("README.md", "README.ar.md"))
    assert english == arabic


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        name
        for page in PAGES
        for name in re.findall(r"(?:`|^)make ([a-z-]+)", page.read_text(), re.MULTILINE)
    }

    assert {"run", "test", "test-all"} <= named
    assert named - targets == set()


def test_every_python_name_in_the_table_exists() -> None:
    table = (ROOT / "README.md").read_text().partition("you write\n")[2].partition("\n## ")[0]
    cells = [row.split(" | ")[1] for row in table.splitlines() if row.startswith("| `")]
    methods = {name for cell in cells for name in re.findall(r"\b(?:emails|queue|job)\.(\w+)\(", cell)}
    owners = (bthwani_jobs.Queue, bthwani_jobs.Job, bthwani_jobs.Processor)

    assert len(methods) > 8
    assert {name for name in methods if not any(hasattr(owner, name) for owner in owners)} == set()


def test_what_is_said_to_be_absent_is_absent() -> None:
    for name in ("get_metrics", "remove_debounce_key"):
        assert not hasattr(bthwani_jobs.Queue, name)


def _blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)


def _without_comments(blocks: list[str]) -> list[list[str]]:
    return [shlex.split(block, comments=True) for block in blocks]
