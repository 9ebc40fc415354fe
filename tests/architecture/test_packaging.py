"""What is declared is what is used, and a wheel holds all that runs."""

from __future__ import annotations

import ast
import configparser
import re
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.support.processes import ROOT

LIBRARY = ("bthwani_jobs",)
APPLICATION = ("processors", "scheduler", "web", "launcher")
#: Declared without being imported, and why.
NOT_IMPORTED = {
    "async-timeout": "redis needs it on Python before 3.11.3",
    "six": "rq-dashboard imports it and does not declare it",
    "tzdata": "zoneinfo reads it where the system has no time zones",
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, so that nothing is left in the folder."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    for package in (*LIBRARY, *APPLICATION):
        shutil.copytree(ROOT / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml", "README.md"):
        shutil.copyfile(ROOT / name, source / name)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "--wheel-dir", str(folder), str(source)], check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_every_file_that_runs(wheel: Path) -> None:
    needed = {
        str(path.relative_to(ROOT))
        for package in (*LIBRARY, *APPLICATION)
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".sh"
    }
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())

    assert {name for name in needed if name.endswith(".lua")} != set()
    assert {name for name in needed if "/templates/" in name} != set()
    assert needed - packed == set()


def test_the_library_imports_only_what_it_declares() -> None:
    assert _imported(LIBRARY) <= _declared("options", "install_requires")


def test_the_application_imports_only_what_is_declared() -> None:
    assert _imported(APPLICATION) <= _all_declared()


def test_everything_declared_is_imported() -> None:
    used = _imported((*LIBRARY, *APPLICATION)) | set(NOT_IMPORTED)

    assert _all_declared() <= used


@pytest.mark.parametrize(
    "lock", ["requirements.lock", "requirements-embedded.lock", "requirements-test.lock"]
)
def test_every_locked_package_has_an_exact_version_and_hashes(lock: str) -> None:
    text = (ROOT / lock).read_text().replace("\\\n", " ")
    requirements = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]

    assert requirements
    for line in requirements:
        assert re.match(r"^[a-z0-9-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", line), line


def test_the_locks_agree() -> None:
    versions = _pins("requirements-test.lock")

    for lock in ("requirements.lock", "requirements-embedded.lock"):
        assert _pins(lock).items() <= versions.items()


def _imported(packages: tuple[str, ...]) -> set[str]:
    """Names of the distributions that these packages import."""
    own = {*LIBRARY, *APPLICATION, *sys.stdlib_module_names}
    modules = set()
    for path in (path for package in packages for path in (ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                modules |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                modules.add(node.module.partition(".")[0])
    distributions = packages_distributions()
    return {_canonical(distributions[module][0]) for module in modules - own}


def _declared(section: str, option: str) -> set[str]:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    lines = [line.partition("#")[0].strip() for line in config[section][option].splitlines()]
    return {_canonical(re.split(r"[\[<>=!;\s]", line)[0]) for line in lines if line}


def _all_declared() -> set[str]:
    return (
        _declared("options", "install_requires")
        | _declared("options.extras_require", "app")
        | _declared("options.extras_require", "embedded")
    )


def _pins(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / lock).read_text(), re.MULTILINE))


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
