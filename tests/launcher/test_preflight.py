"""Everything that can be wrong before the start is said with its remedy."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from launcher import preflight
from launcher.problems import SetupProblem
from tests.support.redis_server import RedisServer


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_all_settings_at_fault_are_named_at_once() -> None:
    wrong = {"PORT": "many", "QUEUE_ATTEMPTS": "0", "REDIS_URL": "http://x"}

    with pytest.raises(SetupProblem) as problem:
        preflight.settings_from(wrong)

    assert all(name in str(problem.value) for name in wrong)
    assert ".env" in str(problem.value)


def test_a_free_port_is_used_as_it_is(taken_port: int) -> None:
    with socket.socket() as probe:
        probe.bind(("", 0))
        free = probe.getsockname()[1]

    with preflight.free_port(free) as found:
        assert found == free


def test_a_taken_port_leads_to_the_next_free_one(taken_port: int) -> None:
    with preflight.free_port(taken_port) as found:
        assert taken_port < found < taken_port + preflight.PORTS_TRIED


def test_two_launchers_that_start_at_once_choose_two_ports(taken_port: int) -> None:
    with preflight.free_port(taken_port) as first, preflight.free_port(taken_port) as second:
        assert first != second


def test_without_any_free_port_another_one_is_asked_for() -> None:
    with socket.socket() as listener:
        listener.bind(("", 65535))
        with pytest.raises(SetupProblem, match="PORT=8080"), preflight.free_port(65535):
            pass


def test_one_data_folder_has_one_launcher(tmp_path: Path) -> None:
    with (
        preflight.locked(tmp_path, "lock"),
        pytest.raises(SetupProblem, match=r"in use by process \d+.*DATA_DIR=/path"),
        preflight.locked(tmp_path, "lock"),
    ):
        pass

    with preflight.locked(tmp_path, "lock"):
        pass  # free again


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()

    with (
        pytest.raises(SetupProblem, match=r"file/data cannot be written.*DATA_DIR=/path"),
        preflight.locked(file / "data", "lock"),
    ):
        pass


def test_a_good_server_gives_no_warning(redis_server: RedisServer) -> None:
    assert preflight.check_redis(redis_server.url) == []


def test_a_server_that_does_not_answer(taken_port: int) -> None:
    with pytest.raises(SetupProblem, match=r"does not answer.*embedded server"):
        preflight.check_redis("redis://127.0.0.1:1/0")


def test_a_web_server_in_the_place_of_redis() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            caller, _ = listener.accept()
            with caller:
                caller.recv(1000)
                caller.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        server = threading.Thread(target=answer)
        server.start()
        with pytest.raises(SetupProblem, match=r"does not speak Redis's protocol.*Is the port right\?"):
            preflight.check_redis(f"redis://127.0.0.1:{listener.getsockname()[1]}/0")
        server.join()


@pytest.mark.parametrize(
    ("credentials", "fault"),
    [
        ("", "wants a password, and none is given"),
        (":wrong@", "refuses the password"),
        ("nobody:wrong@", "refuses the password"),
    ],
)
def test_a_wrong_or_missing_password(locked_server: RedisServer, credentials: str, fault: str) -> None:
    url = locked_server.url.replace("//", f"//{credentials}")

    with pytest.raises(SetupProblem, match=rf"{fault}\. .*REDIS_PASSWORD") as problem:
        preflight.check_redis(url)

    assert "wrong@" not in str(problem.value)


@pytest.mark.parametrize(
    "url", ["redis://localhost:1", "redis://u:p@localhost:1", "redis://:p@s/wo#rd@localhost:1"]
)
def test_addresses_are_shown_without_their_password(url: str) -> None:
    assert preflight.without_password(url) == "redis://localhost:1"


def test_the_right_password(locked_server: RedisServer) -> None:
    assert preflight.check_redis(locked_server.url.replace("//", "//:sesame@")) == []


def test_a_database_that_is_not_there(redis_server: RedisServer) -> None:
    with pytest.raises(SetupProblem, match=r"cannot be used: .*DB index"):
        preflight.check_redis(redis_server.url.replace("/0", "/9999"))


@pytest.mark.parametrize(("version", "accepted"), [("6.0.16", False), ("5.0.9", False), ("6.2.0", True)])
def test_the_oldest_server(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch, version: str, accepted: bool
) -> None:
    info = redis.Redis.info

    def older(client: redis.Redis, *sections: str) -> Any:
        return {**info(client, *sections), "redis_version": version}

    monkeypatch.setattr(redis.Redis, "info", older)

    if accepted:
        assert preflight.check_redis(redis_server.url) == []
    else:
        with pytest.raises(SetupProblem, match=rf"version {version}.*6\.2"):
            preflight.check_redis(redis_server.url)


def test_a_server_that_evicts_is_warned_of(evicting_server: RedisServer) -> None:
    (warning,) = preflight.check_redis(evicting_server.url)

    assert "allkeys-lru" in warning
    assert "noeviction" in warning


def test_a_command_that_is_not_installed() -> None:
    with pytest.raises(SetupProblem, match=r"worker wants `no-such-program`.*make install"):
        preflight.check_commands({"worker": "no-such-program emails"}, "/usr/bin")
