"""The stack keeps its processes alive, stops them in order, and leaves nothing behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from launcher.stack import manner_of_death
from launcher.supervised import without_shell
from tests.launcher.conftest import Start
from tests.support.processes import ROOT, PythonProcess
from tests.support.waiting import wait_until

RunStack = Callable[..., PythonProcess]
#: Ends within a tenth of a second after SIGTERM, and says so.
POLITE = "trap 'echo leaves; exit 0' TERM; echo stands; while :; do sleep 0.05; done"
DEAF = "trap '' TERM; echo stands; while :; do sleep 0.05; done"


@pytest.fixture
def run_stack(start: Start, tmp_path: Path) -> RunStack:
    """Start a stack of shell commands; returns once each has printed its first line."""

    def run(*processes: str, grace_s: float = 5) -> PythonProcess:
        stack = start("-m", "tests.launcher.dummy_stack", str(tmp_path / "logs"), str(grace_s), *processes)
        for process in processes:
            name = process.partition("=")[0].rpartition(":")[2]
            wait_until(lambda name=name: _said(stack, name), 10_000, f"the first line of {name}")
        return stack

    return run


def test_output_is_prefixed_and_kept_in_files(run_stack: RunStack, tmp_path: Path) -> None:
    stack = run_stack("web=echo first; echo second; sleep 100", "worker=echo مرحبا; sleep 100")

    assert "web    | first" in stack.output()
    assert "worker | مرحبا" in stack.output()
    assert (tmp_path / "logs" / "web.log").read_text() == "first\nsecond\n"


def test_ctrl_c_stops_everything_cleanly(run_stack: RunStack) -> None:
    stack = run_stack(f"a={POLITE}", f"b={POLITE}")

    stack.interrupt()

    assert stack.wait() == 0
    assert stack.output().count("| leaves") == 2
    assert stack.output().endswith("killed: \n")


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGHUP])
def test_so_do_a_supervisor_and_a_closed_terminal(run_stack: RunStack, signum: signal.Signals) -> None:
    stack = run_stack(f"a={POLITE}")

    os.kill(stack.pid, signum)

    assert stack.wait() == 0
    assert "| leaves" in stack.output()


def test_the_store_is_stopped_after_all_others(run_stack: RunStack) -> None:
    slow = "trap 'sleep 0.3; echo leaves; exit 0' TERM; echo stands; while :; do sleep 0.05; done"
    stack = run_stack(f"store:redis={POLITE}", f"worker={slow}")

    stack.interrupt()
    stack.wait()

    lines = [line.partition(" ")[2] for line in stack.output().splitlines() if "leaves" in line]
    assert lines == ["worker | leaves", "redis  | leaves"]


def test_what_dies_is_started_again_and_said(run_stack: RunStack) -> None:
    stack = run_stack("frail=echo $$ stands; while :; do sleep 0.05; done", f"other={POLITE}")
    first = _pid(stack)

    os.kill(first, signal.SIGKILL)

    wait_until(lambda: _pid(stack) != first, 10_000, "another process in its place")
    assert "frail was killed by SIGKILL; it is started again" in stack.output()
    assert stack.exit_code is None


def test_a_process_that_keeps_dying_is_started_ever_later(run_stack: RunStack) -> None:
    stack = run_stack("broken=echo stands; exit 3")

    wait_until(lambda: "again in 0.8 s" in stack.output(), 10_000)

    pauses = [line.partition("again in ")[2] for line in stack.output().splitlines() if "again" in line]
    assert pauses[:3] == ["0.2 s", "0.4 s", "0.8 s"]
    assert "broken ended with exit code 3" in stack.output()


def test_what_is_killed_from_outside_is_started_at_once_however_often(run_stack: RunStack) -> None:
    stack = run_stack("killed=echo stands; kill -KILL $$")

    wait_until(lambda: stack.output().count("was killed by SIGKILL") >= 4, 10_000)

    pauses = {line.partition("again in ")[2] for line in stack.output().splitlines() if "SIGKILL" in line}
    assert pauses == {"0.2 s"}


def test_but_never_much_later(run_stack: RunStack) -> None:
    stack = run_stack("broken=echo stands; exit 3")

    wait_until(lambda: stack.output().count("again in 3.2 s") == 2, 20_000)


def test_stopping_while_a_process_waits_for_its_next_start(run_stack: RunStack) -> None:
    stack = run_stack("broken=echo stands; exit 3")
    wait_until(lambda: "again in 0.8 s" in stack.output(), 10_000)

    stack.interrupt()

    assert stack.wait() == 0


def test_what_outlasts_its_grace_is_killed(run_stack: RunStack) -> None:
    stack = run_stack(f"deaf={DEAF}", f"polite={POLITE}", grace_s=-4.5)  # half a second with the margin

    stack.interrupt()

    assert stack.wait() == 0
    assert stack.output().endswith("killed: deaf\n")


def test_a_second_ctrl_c_does_not_wait(run_stack: RunStack) -> None:
    stack = run_stack(f"deaf={DEAF}", f"polite={POLITE}", grace_s=60)
    stack.interrupt()
    wait_until(lambda: "leaves" in stack.output())

    stack.interrupt()

    assert stack.wait(5_000) == 0
    assert stack.output().endswith("killed: deaf\n")


def test_grandchildren_go_with_their_parent(run_stack: RunStack) -> None:
    """They would hold the output open, and with it the restart."""
    stack = run_stack("parent=sleep 100 & echo $! stands; wait")
    grandchild = _pid(stack)
    parent = _parent_of(grandchild)

    os.kill(parent, signal.SIGKILL)

    wait_until(lambda: not _alive(grandchild), 5_000, "the end of the grandchild")
    wait_until(lambda: _pid(stack) != grandchild, 5_000, "the restart")


def test_a_killed_supervisor_is_replaced(run_stack: RunStack) -> None:
    stack = run_stack("child=echo $$ stands; while :; do sleep 0.05; done")
    child = _pid(stack)

    os.kill(_parent_of(child), signal.SIGKILL)

    wait_until(lambda: _pid(stack) != child, 10_000, "another process in its place")
    stack.interrupt()
    assert stack.wait() == 0


def test_nothing_is_left_when_the_launcher_itself_is_killed(run_stack: RunStack) -> None:
    stack = run_stack("child=echo $$ stands; while :; do sleep 0.05; done")
    child = _pid(stack)

    stack.kill()

    wait_until(lambda: not _alive(child), 10_000, "the end of the orphan")


if sys.platform == "linux":  # other systems do not tell a child that its parent was killed

    def test_nothing_is_left_when_its_supervisors_are_killed_with_it(run_stack: RunStack) -> None:
        stack = run_stack("child=echo $$ stands; while :; do sleep 0.05; done")
        child = _pid(stack)

        os.killpg(stack.pid, signal.SIGKILL)

        wait_until(lambda: not _alive(child), 10_000, "the end of the orphan")


def test_when_nobody_reads_any_more_it_stops_cleanly(tmp_path: Path) -> None:
    """As behind `| head`, once the next line cannot be written."""
    reading, writing = os.pipe()
    ticking = "ticks=while :; do echo tick; sleep 0.05; done"
    command = [sys.executable, "-m", "tests.launcher.dummy_stack", str(tmp_path), "5", ticking]
    stack = subprocess.Popen(command, cwd=ROOT, stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    assert b"tick" in os.read(reading, 1000)

    os.close(reading)

    try:
        assert stack.wait(20) == 0
        assert stack.stderr is not None
        assert stack.stderr.read() == b""
    finally:
        stack.kill()
        stack.communicate()


def test_a_shell_line_drains_as_a_plain_command_does(run_stack: RunStack) -> None:
    """The shell of a compound line dies of SIGTERM at once; what it started still gets its grace."""
    slow = "trap 'sleep 0.5; echo leaves; exit 0' TERM; echo stands; while :; do sleep 0.05; done"
    stack = run_stack(f'compound=sh -c "{slow}"; true')

    stack.interrupt()

    assert stack.wait() == 0
    assert "| leaves" in stack.output()


@pytest.mark.parametrize(
    ("command", "run_as"),
    [
        ("rq worker notifications emails", "exec rq worker notifications emails"),
        ("python -m web", "exec python -m web"),
        ("PORT=1 python -m web", "PORT=1 python -m web"),
        ("sleep 1; echo done", "sleep 1; echo done"),
        ("exec python -m web", "exec python -m web"),
    ],
)
def test_plain_commands_run_without_a_shell_around_them(command: str, run_as: str) -> None:
    assert without_shell(command) == run_as


@pytest.mark.parametrize(("code", "words"), [(3, "ended with exit code 3"), (-9, "was killed by SIGKILL")])
def test_an_exit_code_in_words(code: int, words: str) -> None:
    assert manner_of_death(code) == words


def _said(stack: PythonProcess, name: str) -> bool:
    assert stack.exit_code is None, stack.output()
    return any(f" {name} " in line and "| " in line for line in stack.output().splitlines())


def _pid(stack: PythonProcess) -> int:
    """The last process id that was printed as `<id> stands`."""
    return int(re.findall(r"\| (\d+) stands", stack.output())[-1])


def _alive(pid: int) -> bool:
    return _facts(pid)[:1] not in ([], ["Z"])


def _parent_of(pid: int) -> int:
    return int(_facts(pid)[1])


def _facts(pid: int) -> list[str]:
    """State letter and parent's id; empty if there is no such process."""
    if Path("/proc/self/stat").exists():
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]
        except FileNotFoundError:
            return []
    shown = subprocess.run(
        ["ps", "-o", "stat=,ppid=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return shown.stdout.split()
