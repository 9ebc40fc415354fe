"""What the processes are told."""

from __future__ import annotations

import re
import stat
import sys
from pathlib import Path

import pytest

from launcher import environment
from launcher.plan import Plan
from processors.settings import Settings
from tests.support.processes import ROOT


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A clone's folder, as far as settings go."""
    (tmp_path / ".env.example").write_text((ROOT / ".env.example").read_text())
    return tmp_path


def test_the_example_names_every_variable_with_its_default() -> None:
    source = (ROOT / "processors" / "settings.py").read_text()
    known = set(re.findall(r'data_key="([A-Z_]+)"', source))
    example = (ROOT / ".env.example").read_text()
    named = set(re.findall(r"^#?([A-Z_]+)=", example, re.MULTILINE))

    assert known
    assert known <= named
    assert named - known == {"RQ_WORKER_CLASS"}


def test_the_example_means_the_defaults() -> None:
    example = (ROOT / ".env.example").read_text()
    shown = dict(re.findall(r"^#([A-Z_]+)=(\S+)$", example, re.MULTILINE))

    assert Settings.from_env(shown) == Settings.from_env({})


def test_a_missing_dotenv_is_made_from_the_example(folder: Path) -> None:
    given = environment.given(folder, {})

    assert given == {"RQ_WORKER_CLASS": "bthwani_jobs.Worker"}
    assert (folder / ".env").read_text() == (folder / ".env.example").read_text()


def test_the_environment_wins_over_the_dotenv(folder: Path) -> None:
    (folder / ".env").write_text("PORT=4000\nSMTP_URL=smtp://mail\n")

    assert environment.given(folder, {"PORT": "5000"}) == {"PORT": "5000", "SMTP_URL": "smtp://mail"}


@pytest.mark.parametrize("name", environment.REDIS_VARIABLES)
def test_any_redis_variable_means_a_redis_of_ones_own(name: str) -> None:
    assert environment.names_a_redis({name: "x"})
    assert not environment.names_a_redis({name: " "})


def test_secrets_are_made_once_and_for_their_owner_only(tmp_path: Path) -> None:
    first = environment.generated(tmp_path)

    assert environment.generated(tmp_path) == first
    assert stat.S_IMODE((tmp_path / environment.GENERATED_FILE).stat().st_mode) == 0o600
    assert len(first["SECRET_KEY"]) >= 32
    assert len(first["ADMIN_PASSWORD"]) >= 12


def test_two_folders_have_two_passwords(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()

    a, b = (environment.generated(tmp_path / name)["ADMIN_PASSWORD"] for name in "ab")

    assert a != b


def test_the_children_agree_on_redis_and_find_this_rq(tmp_path: Path) -> None:
    settings = Settings.from_env({"DATA_DIR": str(tmp_path), "PORT": "3210"})

    told = environment.for_children({"PATH": "/bin", "REDIS_URL": "redis://old"}, settings, "redis://new")

    assert told["RQ_REDIS_URL"] == told["REDIS_URL"] == "redis://new"
    assert told["PATH"].split(":")[0] == str(Path(sys.executable).parent)
    assert told["RQ_WORKER_CLASS"] == "bthwani_jobs.Worker"
    assert (told["PORT"], told["DATA_DIR"]) == ("3210", str(tmp_path))
    assert Settings.from_env(told).redis_url == "redis://new"


@pytest.mark.parametrize(
    ("host", "called"),
    [("", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("192.0.2.1", "192.0.2.1"), ("::1", "[::1]")],
)
def test_the_api_is_called_where_it_listens(host: str, called: str) -> None:
    settings = Settings.from_env({"HOST": host, "PORT": "3210"})
    plan = Plan(settings=settings, environ={}, commands={}, redis_url="", store_command=None)

    assert plan.base_url == f"http://{called}:3210"


def test_an_administrator_given_by_hand_is_kept(tmp_path: Path) -> None:
    settings = Settings.from_env({"DATA_DIR": str(tmp_path)})
    given = {"ADMIN_EMAIL": "me@shop.example", "ADMIN_PASSWORD": "", "SECRET_KEY": "x" * 20}

    told = environment.for_children(given, settings, "redis://r")

    assert told["ADMIN_EMAIL"] == "me@shop.example"
    assert told["ADMIN_PASSWORD"] == environment.generated(tmp_path)["ADMIN_PASSWORD"]
    assert told["SECRET_KEY"] == "x" * 20
