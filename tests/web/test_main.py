"""``python -m web`` as the Procfile starts it."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.support.processes import Processes
from tests.support.waiting import wait_until


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answered(url: str) -> dict[str, object] | None:
    """The JSON at an address, or None while nobody listens."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            found: dict[str, object] = json.load(answer)
            return found
    except urllib.error.URLError:
        return None


@pytest.mark.parametrize("end", ["terminate", "interrupt"])
def test_it_serves_on_its_port_until_it_is_asked_to_end(
    processes: Processes, tmp_path: Path, end: str
) -> None:
    port = free_port()
    settings = {"PORT": str(port), "SECRET_KEY": "a key for tests only", "DATA_DIR": str(tmp_path)}
    process = processes.python("-m", "web", env=settings)
    base = f"http://127.0.0.1:{port}"
    wait_until(lambda: answered(f"{base}/healthz"), within_ms=20_000)
    assert answered(f"{base}/readyz") == {"status": "ok", "checks": {"redis": "ok", "database": "ok"}}
    getattr(process, end)()
    assert process.wait() == 0


def test_other_machines_do_not_reach_it_unless_told_so(processes: Processes, tmp_path: Path) -> None:
    """Every 127.x.y.z is this machine, but only the first of them is listened on."""
    port = free_port()
    settings = {"PORT": str(port), "SECRET_KEY": "a key for tests only", "DATA_DIR": str(tmp_path)}
    processes.python("-m", "web", env={**settings, "HOST": ""})
    wait_until(lambda: answered(f"http://127.0.0.1:{port}/healthz"), within_ms=20_000)
    with socket.socket() as probe:
        probe.settimeout(1)
        assert probe.connect_ex(("127.0.0.2", port)) != 0


def test_a_host_that_is_not_here_is_named(processes: Processes, tmp_path: Path) -> None:
    settings = {
        "HOST": "no.such.host.invalid",
        "SECRET_KEY": "a key for tests only",
        "DATA_DIR": str(tmp_path),
    }
    process = processes.python("-m", "web", env=settings)
    assert process.wait() == 2
    assert "of no.such.host.invalid cannot be listened on" in process.output()
    assert "Traceback" not in process.output()


def test_settings_that_cannot_be_used_are_all_named(processes: Processes, tmp_path: Path) -> None:
    process = processes.python(
        "-m", "web", env={"PORT": "x", "DATA_DIR": str(tmp_path), "SECRET_KEY": "short"}
    )
    assert process.wait() == 2
    assert "PORT" in process.output()
    assert "SECRET_KEY" in process.output()
    assert "Traceback" not in process.output()


def test_a_missing_secret_key_is_named(processes: Processes, tmp_path: Path) -> None:
    process = processes.python("-m", "web", env={"DATA_DIR": str(tmp_path), "SECRET_KEY": ""})
    assert process.wait() == 2
    assert "SECRET_KEY" in process.output()


def test_a_port_that_is_taken_is_named(processes: Processes, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        settings = {"PORT": str(port), "SECRET_KEY": "a key for tests only", "DATA_DIR": str(tmp_path)}
        process = processes.python("-m", "web", env=settings)
        assert process.wait() == 2
        assert f"port {port}" in process.output().lower()
        assert "Traceback" not in process.output()
