"""A producer killed at any call has added what it had sent, whole, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bthwani_jobs import Queue
from tests.chaos import producing
from tests.chaos.killing import MOMENTS, Case, at_every_call
from tests.chaos.life import Notes
from tests.chaos.scenarios import SCENARIOS

#: Each of these tests is some dozens of small ones.
pytestmark = pytest.mark.timeout(300)

MakeCase = Callable[[str], Callable[[int], Case]]


def _ids(queue: Queue) -> set[str]:
    return {job.id for job in queue.get_jobs()}


def _counter(case: Case) -> int:
    return int(case.client.get(f"rq:bull:{case.queue_name}:id") or 0)


@pytest.mark.parametrize("moment", MOMENTS)
def test_jobs_under_ids_of_their_own_are_added_once(make_case: MakeCase, moment: str) -> None:
    def body(case: Case) -> list[str]:
        case.die("produce", programme="add named")
        early = _ids(case.queue)
        case.live("produce", programme="add named")
        found = [] if _ids(case.queue) == set(producing.NAMED) else [f"jobs: {_ids(case.queue)}"]
        if sum(case.queue.get_job_counts().values()) != len(producing.NAMED):
            found.append(f"counts: {case.queue.get_job_counts()}")
        if {"e", "f", "g"} & early not in ({"e", "f", "g"}, set()):
            found.append(f"half of a bulk was added: {early}")
        return found

    at_every_call(make_case(moment), body)


@pytest.mark.parametrize("moment", MOMENTS)
def test_what_was_sent_is_there_and_what_was_not_is_not(make_case: MakeCase, moment: str) -> None:
    def body(case: Case) -> list[str]:
        case.die("produce", programme="add numbered")
        adds = case.calls.count("add_jobs") - (case.died and case.moment == "before")
        expected = {str(number) for number in range(1, adds + 1)}
        found = [] if _ids(case.queue) == expected else [f"expected {expected}, found {_ids(case.queue)}"]
        if _counter(case) != adds:
            found.append(f"the counter stands at {_counter(case)} after {adds} adds")
        return found

    at_every_call(make_case(moment), body)


@pytest.mark.parametrize("moment", MOMENTS)
def test_of_a_large_bulk_whole_calls_are_there(make_case: MakeCase, moment: str) -> None:
    def body(case: Case) -> list[str]:
        case.die("produce", programme="add many")
        calls = case.calls.count("add_jobs") - (case.died and case.moment == "before")
        expected = [str(number) for number in range(1, min(calls * 1000, producing.MANY) + 1)]
        found = [job.id for job in case.queue.get_waiting()]
        return [] if found == expected else [f"{len(expected)} jobs were sent, {len(found)} are there"]

    at_every_call(make_case(moment), body)


@pytest.mark.contract("S-111")
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_repeatable_is_registered_with_its_first_occurrence_or_not_at_all(
    make_case: MakeCase, moment: str
) -> None:
    def body(case: Case) -> list[str]:
        case.die("produce", programme="add repeatable")
        chains, delayed = case.queue.get_repeatable_count(), case.queue.get_delayed_count()
        found = [] if chains == delayed else [f"{chains} chains with {delayed} occurrences"]
        case.live("produce", programme="add repeatable")
        case.live("work", scenario="repeat")
        return found + SCENARIOS["repeat"].verify(case.queue, Notes(case.client, case.queue_name))

    at_every_call(make_case(moment), body)


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_repeatable_is_removed_with_its_occurrence_or_not_at_all(make_case: MakeCase, moment: str) -> None:
    def body(case: Case) -> list[str]:
        producing.add_repeatable(case.queue)
        case.die("produce", programme="remove repeatable")
        chains, delayed = case.queue.get_repeatable_count(), case.queue.get_delayed_count()
        return [] if chains == delayed else [f"{chains} chains with {delayed} occurrences"]

    at_every_call(make_case(moment), body)


@pytest.mark.parametrize("moment", MOMENTS)
def test_commands_that_were_cut_short_can_be_given_again(make_case: MakeCase, moment: str) -> None:
    def body(case: Case) -> list[str]:
        queue = case.queue
        queue.add("fails", {}, job_id="failed", attempts=1)
        case.live("work", scenario="first failure")
        producing.prepare_command(queue)
        case.die("produce", programme="command")
        case.live("produce", programme="command")
        waiting = [job.id for job in queue.get_waiting()]
        found = [] if waiting == ["late", "kept", "failed", "delayed"] else [f"waiting: {waiting}"]
        if queue.is_paused():
            found.append("the queue is still paused")
        if queue.get_job("kept").data != {"new": True}:
            found.append(f"data: {queue.get_job('kept').data}")
        return found

    at_every_call(make_case(moment), body)
