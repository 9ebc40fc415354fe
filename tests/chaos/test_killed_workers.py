"""A worker killed at any call loses no job, doubles none and leaves no key behind."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.chaos.killing import MOMENTS, Case, at_every_call
from tests.chaos.scenarios import SCENARIOS, Notes

LIVES = [name for name in SCENARIOS if name != "first failure"]

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
