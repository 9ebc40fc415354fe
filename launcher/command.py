"""`run` and `demo`: a plan, the stack, and the demonstration on top of it."""

from __future__ import annotations

import argparse
import io
import os
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import redis

from launcher import environment, plan, texts
from launcher.api import Api
from launcher.output import Output
from launcher.plan import Plan
from launcher.problems import SetupProblem
from launcher.stack import Stack

STORE = "redis"
DEMO = "demo"
WEB = "web"
READY_WITHIN_S = 60.0


def main(arguments: list[str], began: float) -> int:
    """`began`: monotonic seconds. Returns the exit code: 0 after a clean stop, 1 otherwise."""
    parser = argparse.ArgumentParser(prog="python -m launcher")
    parser.add_argument("action", choices=["run", "demo"])
    parser.add_argument("--no-demo", action="store_true", help="`run` without placing an order at its start")
    chosen = parser.parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that cannot show Arabic shows marks instead
    try:
        given = environment.given(environment.ROOT, os.environ)
        if chosen.action == "run":
            return run(given, began, with_demo=not chosen.no_demo)
        return demo(given, began)
    except SetupProblem as problem:
        print(problem, file=sys.stderr)
        return 1


def run(given: Mapping[str, str], began: float, *, with_demo: bool) -> int:
    """Everything, until somebody asks to stop."""
    with plan.everyday(given) as planned:
        real = [name for name in ("DATABASE_URL", "SMTP_URL") if given.get(name, "").strip()]
        if with_demo and real:
            planned.notes.append(
                f"{' and '.join(real)} may be real, so no order is placed now; `make demo` does that safely."
            )
        with _running(planned, began) as stack:
            if with_demo and not real:
                _demonstrate(stack, planned)
            stack.output.shown = True
            if not stack.asked_to_stop:
                stack.output.say(texts.STAYS)
            stack.run_until(lambda: False)
    return 1 if stack.killed else 0


def demo(given: Mapping[str, str], began: float) -> int:
    """The demonstration on a data folder of its own; 0 only if all its results could be read back."""
    with plan.trial(given) as planned, _running(planned, began) as stack:
        passed = _demonstrate(stack, planned)
    return 0 if passed and not stack.killed else 1


@contextmanager
def _running(planned: Plan, began: float) -> Iterator[Stack]:
    """The whole stack, ready; stopped when this is left, however that happens."""
    stack = _stack(planned)
    with stack.signals():
        try:
            _start(stack, planned, began)
            yield stack
        finally:
            stack.output.say(texts.stopping(planned.settings.shutdown_grace))
            stack.stop()
            stack.output.say(texts.stopped(stack.killed, planned.settings.data_dir))


def _stack(planned: Plan) -> Stack:
    output = Output(
        planned.settings.data_dir / "logs", narrators=frozenset({DEMO}), silent=frozenset({STORE})
    )
    output.shown = False
    stack = Stack(output, grace_s=planned.settings.shutdown_grace)
    if planned.store_command is not None:
        stack.add(STORE, planned.store_command, planned.environ, store=True)
    for name, command in planned.commands.items():
        stack.add(name, command, planned.environ)
    return stack


def _start(stack: Stack, planned: Plan, began: float) -> None:
    """Start all; returns when the API is ready or somebody asks to stop."""
    stack.start(WEB)  # takes longest, and needs no Redis before its first request
    if planned.store_command is not None:
        stack.start(STORE)
        _await(stack, STORE, lambda: _answers(planned.redis_url, stack.pid(STORE)))
    _await(stack, WEB, Api(planned.base_url).is_ready)
    if not stack.asked_to_stop:
        for name in [name for name in planned.commands if name != WEB]:
            stack.start(name)
        stack.output.say(texts.banner(planned, time.monotonic() - began))


def _await(stack: Stack, name: str, condition: Callable[[], bool]) -> None:
    stack.run_until(lambda: name in stack.hopeless or condition(), READY_WITHIN_S)
    if stack.asked_to_stop or condition():
        return
    lines = "\n  ".join(stack.output.recent(name))
    raise SetupProblem(
        f"{name} does not come up. Its last lines, of {stack.output.log_file(name)}:\n  {lines}"
    )


def _demonstrate(stack: Stack, planned: Plan) -> bool:
    """Whether the demonstration was shown to its end (and, with a report, all of it was read back)."""
    report = [] if planned.report is None else ["--report", str(planned.report)]
    command = [sys.executable, "-m", "launcher.demo", "--url", planned.base_url, *report]
    stack.add(DEMO, shlex.join(command), planned.environ, restart=False)
    stack.start(DEMO)
    is_trial = planned.report is not None
    stack.run_until(lambda: stack.ended(DEMO) or (is_trial and bool(stack.hopeless)))
    passed = stack.ended(DEMO) and stack.exit_code(DEMO) == 0
    if not passed and not stack.asked_to_stop:
        stack.output.say(texts.demo_failed(stack.hopeless, stack.output.folder))
    return passed


def _answers(redis_url: str, pid: int | None) -> bool:
    """Whether it is this very process that answers there."""
    client = redis.Redis.from_url(redis_url, socket_connect_timeout=1, socket_timeout=1)
    try:
        return bool(client.info("server")["process_id"] == pid)
    except (redis.exceptions.RedisError, OSError):
        return False
    finally:
        client.close()
