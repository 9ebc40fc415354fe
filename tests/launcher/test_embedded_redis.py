"""The embedded server keeps its data, whatever ends it."""

from __future__ import annotations

import signal
import socket
import subprocess
from pathlib import Path

import pytest
import redis

from launcher import embedded_redis
from launcher.problems import SetupProblem
from tests.support.waiting import wait_until


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind((embedded_redis.HOST, 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL])
def test_what_was_written_is_there_after_a_restart(tmp_path: Path, port: int, ending: signal.Signals) -> None:
    command = embedded_redis.command(embedded_redis.binary(), tmp_path, port)
    server, client = _started(command, port)
    client.set("order", "BTH-000001")

    server.send_signal(ending)
    server.wait(10)
    server, client = _started(command, port)

    try:
        assert client.get("order") == b"BTH-000001"
    finally:
        server.kill()
        server.wait()
        client.close()


def test_it_listens_on_this_machine_only_and_never_evicts(tmp_path: Path, port: int) -> None:
    server, client = _started(embedded_redis.command(embedded_redis.binary(), tmp_path, port), port)
    try:
        assert client.config_get("bind")["bind"] == "127.0.0.1"
        assert client.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"
    finally:
        server.kill()
        server.wait()
        client.close()


def test_a_platform_without_it_is_told_to_name_a_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_redis, "get_binary_path", None)

    with pytest.raises(SetupProblem, match="REDIS_URL=redis://localhost:6379/0 make run"):
        embedded_redis.binary()


def test_a_binary_that_does_not_run_here_is_told_of(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    foreign = tmp_path / "valkey-server"
    foreign.write_text("not for this machine")
    monkeypatch.setattr(embedded_redis, "get_binary_path", lambda: foreign)

    with pytest.raises(SetupProblem, match=r"does not run on this platform.*REDIS_URL"):
        embedded_redis.binary()


def _started(command: str, port: int) -> tuple[subprocess.Popen[bytes], redis.Redis]:
    server = subprocess.Popen(command, shell=True, stdout=subprocess.DEVNULL)
    client = redis.Redis(host=embedded_redis.HOST, port=port)
    wait_until(lambda: _answers(client))
    return server, client


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.exceptions.ConnectionError:
        return False
