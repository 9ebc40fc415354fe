"""A worker killed at any call loses no job, doubles none and leaves no key behind."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.chaos.invariants import assert_consistent
from tests.chaos.killing import MOMENTS, Case, at_every_call
from tests.chaos.life import Notes
from tests.chaos.scenarios import SCENARIOS

LIVES = [name for name in SCENARIOS if name not in ("first failure", "crowd")]

#: Each of these tests is some dozens of small ones.
pytestmark = pytest.mark.timeout(300)

MakeCase = Callable[[str], Callable[[int], Case]]


def _outlived(case: Case, scenario: str) -> list[str]:
    case.die("work", scenario=scenario)
    case.live("work", scenario=scenario, after_death=True)
    return SCENARIOS[scenario].verify(case.queue, Notes(case.client, case.queue_name))


@pytest.mark.contract("S-153")
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("scenario", LIVES)
def test_a_killed_worker_s_job_lives_on(make_case: MakeCase, scenario: str, moment: str) -> None:
    def body(case: Case) -> list[str]:
        SCENARIOS[scenario].add(case.queue)
        return _outlived(case, scenario)

    at_every_call(make_case(moment), body)


@pytest.mark.contract("S-153", "S-154")
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_worker_killed_while_it_recovers_a_stalled_job(make_case: MakeCase, moment: str) -> None:
    def body(case: Case) -> list[str]:
        SCENARIOS["success"].add(case.queue)
        case.leave_stalled()
        return _outlived(case, "success")

    at_every_call(make_case(moment), body)


@pytest.mark.contract("S-153")
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_workers_that_keep_dying_get_everything_done(make_case: MakeCase, seed: int) -> None:
    """Two workers at a time, each killed at a random call, until one is spared."""
    dice = random.Random(seed)
    first, second = make_case("before")(0), make_case("after")(0)
    second.queue_name = first.queue_name
    SCENARIOS["crowd"].add(first.queue)
    deaths = 0
    for _ in range(6):
        first.kill_at, second.kill_at = dice.randrange(4, 24), dice.randrange(4, 24)
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda case: case.die("work", scenario="crowd"), (first, second)))
        deaths += first.died + second.died
    first.live("work", scenario="crowd")

    assert deaths >= 6
    assert SCENARIOS["crowd"].verify(first.queue, Notes(first.client, first.queue_name)) == []
    assert_consistent(first.client, first.queue_name)
