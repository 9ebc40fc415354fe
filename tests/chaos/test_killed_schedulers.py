"""Schedulers may die at any call, and work two at a time: due jobs move once, chains go on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bthwani_jobs import Queue
from tests.chaos.killing import MOMENTS, Case, at_every_call

#: Each of these tests is some dozens of small ones.
pytestmark = pytest.mark.timeout(300)

MakeCase = Callable[[str], Callable[[int], Case]]

#: Two delayed jobs and an occurrence of the repeatable.
MOVED = 3


def _add_delayed(queue: Queue) -> None:
    queue.add("later", {}, job_id="d1", delay=50)
    queue.add("later", {}, job_id="d2", delay=50, priority=1)


def _verify(queue: Queue) -> list[str]:
    found = []
    waiting = [job.id for job in queue.get_waiting()]
    if waiting[:1] != ["d2"] or "d1" not in waiting:
        found.append(f"expected d2 first, then d1 and an occurrence; waiting are {waiting}")
    chains = queue.get_repeatable_jobs()
    if [chain["name"] for chain in chains] != ["tick"]:
        found.append(f"expected the one chain of the table, found {chains}")
    return found


@pytest.mark.contract("S-045")
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_scheduler_loses_and_doubles_nothing(make_case: MakeCase, moment: str) -> None:
    def body(case: Case) -> list[str]:
        _add_delayed(case.queue)
        case.die("schedule", moved=MOVED)
        case.live("schedule", moved=MOVED)
        return _verify(case.queue)

    at_every_call(make_case(moment), body)


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_scheduler_beside_a_working_one(make_case: MakeCase, moment: str) -> None:
    def body(case: Case) -> list[str]:
        _add_delayed(case.queue)
        other = case.start("schedule", moved=MOVED)
        case.die("schedule", moved=MOVED)
        assert other.wait(30) == 0, other.output()
        return _verify(case.queue)

    at_every_call(make_case(moment), body)
