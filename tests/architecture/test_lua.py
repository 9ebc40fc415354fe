"""Every Lua file says what it is, what it takes and what it answers, and only takes what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import bthwani_jobs
from bthwani_jobs.store.scripts import INCLUDE, script

LUA = Path(bthwani_jobs.__file__).parent / "store" / "lua"
COMMANDS = sorted(path.stem for path in LUA.glob("*.lua"))
INCLUDES = sorted(path.stem for path in (LUA / "includes").glob("*.lua"))
PYTHON = "\n".join(path.read_text() for path in sorted(LUA.parent.parent.rglob("*.py")))

#: ARGV[1] to ARGV[4] belong to every script and are described once, in the prelude.
COMMON_ARGUMENTS = 4


def test_there_are_commands_and_includes() -> None:
    assert len(COMMANDS) >= 10
    assert "prelude" in INCLUDES


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_its_header(name: str) -> None:
    header = _header(LUA / f"{name}.lua")

    assert re.match(r"-- [A-Z]", header), "the first line says what it does"
    for part in ("KEYS[1]", "Returns", "Events"):
        assert re.search(rf"^-- {re.escape(part)}\s+\S", header, re.MULTILINE), f"{part} is described"


@pytest.mark.parametrize("name", COMMANDS)
def test_its_arguments_are_described_without_gaps(name: str) -> None:
    described = _numbers(_header(LUA / f"{name}.lua"))
    body = _without_comments((LUA / f"{name}.lua").read_text())

    assert described == list(range(COMMON_ARGUMENTS + 1, COMMON_ARGUMENTS + 1 + len(described)))
    undescribed = {number for number in _numbers(body) if number > COMMON_ARGUMENTS} - set(described)
    assert undescribed == set()


@pytest.mark.parametrize("name", INCLUDES)
def test_an_include_says_what_it_is_for(name: str) -> None:
    assert re.match(r"-- [A-Z]", (LUA / "includes" / f"{name}.lua").read_text())


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_called_from_python(name: str) -> None:
    assert f'"{name}"' in PYTHON


@pytest.mark.parametrize("name", COMMANDS)
def test_its_includes_exist_and_are_expanded(name: str) -> None:
    assert INCLUDE not in script(name).text


def test_every_include_is_included() -> None:
    text = "\n".join(path.read_text() for path in LUA.rglob("*.lua"))

    assert [name for name in INCLUDES if f"{INCLUDE}{name}\n" not in text] == []


def _header(path: Path) -> str:
    lines = []
    for line in path.read_text().splitlines():
        if not line.startswith("--") or line.startswith(INCLUDE):
            break
        lines.append(line)
    return "\n".join(lines)


def _numbers(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"ARGV\[(\d+)\]", text)]


def _without_comments(text: str) -> str:
    return "\n".join(line.partition("--")[0] for line in text.splitlines())
