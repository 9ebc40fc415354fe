"""`run` and `demo` as a stranger meets them: the real processes, the real API."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import urllib.request
from pathlib import Path

import pytest
import redis

from tests.launcher.conftest import Start
from tests.support.processes import PythonProcess
from tests.support.redis_server import RedisServer
from tests.support.waiting import wait_until

pytestmark = pytest.mark.timeout(180)
READY_MS = 60_000


@pytest.fixture
def port() -> str:
    """Free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        return str(probe.getsockname()[1])


def test_demo_reads_everything_back(start: Start, tmp_path: Path, port: str) -> None:
    demo = start("-m", "launcher", "demo", env={"DATA_DIR": str(tmp_path), "PORT": port})

    assert demo.wait(120_000) == 0, demo.output()

    report = json.loads((tmp_path / "demo.json").read_text())
    assert report["passed"]
    assert [check["claim"] for check in report["checks"] if not check["true"]] == []
    assert report["retry_waits_ms"][0] >= 1000
    assert report["retry_waits_ms"][1] >= 3000
    assert report["reminder_late_ms"] >= 0
    assert "attempt 3" in demo.output()
    assert "طلب جديد" in demo.output()
    assert "nothing is left running" in demo.output()
    _refuses_connections(port)


def test_demo_on_a_redis_of_ones_own_leaves_its_keys_alone(
    start: Start, tmp_path: Path, port: str, redis_server: RedisServer, connection: redis.Redis
) -> None:
    connection.set("not-ours", "1")
    connection.rpush("rq:queue:emails", "somebody-elses")
    environment = {"DATA_DIR": str(tmp_path), "PORT": port, "REDIS_URL": redis_server.url}

    demo = start("-m", "launcher", "demo", env=environment)

    assert demo.wait(120_000) == 0, demo.output()
    assert connection.lrange("rq:queue:emails", 0, -1) == [b"somebody-elses"]
    assert not list(connection.scan_iter("bthwani-demo-*"))
    connection.delete("not-ours", "rq:queue:emails")


def test_demo_fails_if_no_worker_does_the_jobs(start: Start, tmp_path: Path, port: str) -> None:
    """With a worker class that cannot be loaded the workers die and are started again, to no avail."""
    environment = {
        "DATA_DIR": str(tmp_path),
        "PORT": port,
        "RQ_WORKER_CLASS": "no.such.Worker",
        "SHUTDOWN_GRACE": "1",
    }
    demo = start("-m", "launcher", "demo", env=environment)

    assert demo.wait(120_000) == 1
    assert "worker ended with exit code" in demo.output()
    assert "cannot be kept alive" in demo.output()
    assert not (tmp_path / "demo.json").exists()


def test_run_stays_up_survives_a_kill_and_keeps_its_data(start: Start, tmp_path: Path, port: str) -> None:
    environment = {"DATA_DIR": str(tmp_path), "PORT": port}
    first = start("-m", "launcher", "run", env=environment)
    wait_until(lambda: "Everything runs" in first.output(), READY_MS, "the demonstration")
    login = _shown(first, r"sign in +(\S+) +(\S+)")
    (invoice,) = _shown(first, r"invoice +(/\S+)")
    assert Path(invoice).read_bytes().startswith(b"%PDF")

    worker = int(_redis(first).hget(_worker_key(first, "emails"), "pid") or 0)
    _kill(worker)
    wait_until(lambda: "worker was killed by SIGKILL; it is started again" in first.output(), 10_000)
    wait_until(lambda: _is_served(first, "emails", other_than=worker), 20_000, "a worker in its place")

    first.interrupt()
    assert first.wait(60_000) == 0, first.output()
    assert "nothing is left running" in first.output()

    second = start("-m", "launcher", "run", "--no-demo", env=environment)
    wait_until(lambda: "Everything runs" in second.output(), READY_MS)
    assert _shown(second, r"sign in +(\S+) +(\S+)") == login
    assert _redis(second).zcard("rq:finished:orders") == 4
    second.terminate()
    assert second.wait(60_000) == 0


def test_a_taken_port_is_told_and_the_next_one_used(start: Start, tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("", 0))
        listener.listen()
        taken = listener.getsockname()[1]
        run = start("-m", "launcher", "run", "--no-demo", env={"DATA_DIR": str(tmp_path), "PORT": str(taken)})
        wait_until(lambda: "Everything runs" in run.output(), READY_MS)

    assert f"Port {taken} is taken: this run uses " in run.output()
    (url,) = _shown(run, r"API +(\S+)")
    with urllib.request.urlopen(f"{url}/healthz") as answer:
        assert answer.status == 200
    run.interrupt()
    assert run.wait(60_000) == 0


def test_a_second_run_in_the_same_folder_is_refused(start: Start, tmp_path: Path, port: str) -> None:
    environment = {"DATA_DIR": str(tmp_path), "PORT": port}
    first = start("-m", "launcher", "run", "--no-demo", env=environment)
    wait_until(lambda: "Everything runs" in first.output(), READY_MS)

    second = start("-m", "launcher", "run", env=environment)

    assert second.wait() == 1
    assert f"is in use by process {first.pid}" in second.output()
    first.interrupt()
    assert first.wait(60_000) == 0


@pytest.mark.parametrize(
    ("wrong", "remedy"),
    [
        ({"REDIS_URL": "redis://127.0.0.1:1/0"}, "does not answer"),
        ({"REDIS_URL": "localhost:6379"}, "REDIS_URL: Expected a redis://"),
        ({"PORT": "x", "QUEUE_ATTEMPTS": "-1"}, "QUEUE_ATTEMPTS"),
    ],
)
def test_a_wrong_setting_ends_it_with_a_remedy(
    start: Start, tmp_path: Path, wrong: dict[str, str], remedy: str
) -> None:
    run = start("-m", "launcher", "run", env={"DATA_DIR": str(tmp_path), **wrong})

    assert run.wait() == 1
    assert remedy in run.output()
    assert "Traceback" not in run.output()


def test_ctrl_c_during_the_start_leaves_nothing(start: Start, tmp_path: Path, port: str) -> None:
    run = start("-m", "launcher", "run", env={"DATA_DIR": str(tmp_path), "PORT": port})
    wait_until(lambda: (tmp_path / "logs" / "redis.log").exists(), READY_MS, "the store's first line")

    run.interrupt()

    assert run.wait(60_000) == 0, run.output()
    assert "Traceback" not in run.output()
    _refuses_connections(port)


def test_a_web_process_that_cannot_start_is_not_waited_for(start: Start, tmp_path: Path, port: str) -> None:
    (tmp_path / "shop.sqlite3").write_text("not a database " * 100)
    environment = {
        "DATA_DIR": str(tmp_path),
        "PORT": port,
        "DATABASE_URL": f"sqlite:///{tmp_path / 'shop.sqlite3'}",
    }

    run = start("-m", "launcher", "run", env=environment)

    assert run.wait(60_000) == 1
    assert "web does not come up. Its last lines, of" in run.output()
    assert "file is not a database" in run.output()
    assert "launcher/command.py" not in run.output()


def test_mail_and_database_of_ones_own_are_not_played_with(start: Start, tmp_path: Path, port: str) -> None:
    environment = {
        "DATA_DIR": str(tmp_path),
        "PORT": port,
        "DATABASE_URL": f"sqlite:///{tmp_path / 'shop.sqlite3'}",
    }
    run = start("-m", "launcher", "run", env=environment)
    wait_until(lambda: "Everything runs" in run.output(), READY_MS)

    assert "DATABASE_URL may be real, so no order is placed" in run.output()
    assert "POST /orders" not in run.output()
    run.interrupt()
    assert run.wait(60_000) == 0


def _shown(process: PythonProcess, pattern: str) -> tuple[str, ...]:
    found = re.search(pattern, process.output())
    assert found is not None, process.output()
    return found.groups()


def _redis(process: PythonProcess) -> redis.Redis:
    (url,) = _shown(process, r"Redis +(redis://[^,\s]+)")
    return redis.Redis.from_url(url, decode_responses=True)


def _worker_key(process: PythonProcess, queue: str) -> str:
    client = _redis(process)
    for key in client.smembers("rq:workers"):
        if queue in (client.hget(key, "queues") or "").split(","):
            return key
    return ""


def _is_served(process: PythonProcess, queue: str, *, other_than: int) -> bool:
    client = _redis(process)
    for key in client.smembers("rq:workers"):
        served = queue in (client.hget(key, "queues") or "").split(",")
        if served and client.hget(key, "pid") not in (None, str(other_than)):
            return True
    return False


def _kill(pid: int) -> None:
    assert pid > 1
    os.kill(pid, signal.SIGKILL)


def _refuses_connections(port: str) -> None:
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", int(port))) != 0
