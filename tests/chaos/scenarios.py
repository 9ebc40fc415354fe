"""All scenarios by name."""

from __future__ import annotations

from tests.chaos import chains, crowds, single_jobs
from tests.chaos.life import EVERY_MS, Scenario

SCENARIOS = {
    "success": Scenario(single_jobs.add_three, single_jobs.talkative, single_jobs.verify_three, goal=3),
    "success in threads": Scenario(
        single_jobs.add_three, single_jobs.talkative, single_jobs.verify_three, goal=3, slots=2
    ),
    "success on a loop": Scenario(
        single_jobs.add_three, single_jobs.talkative, single_jobs.verify_three, goal=3, slots=2, is_async=True
    ),
    "retry after a pause": Scenario(
        lambda queue: _discard(queue.add("r", {}, job_id="r", attempts=3, backoff=30)),
        single_jobs.fails_twice,
        single_jobs.verify_retried,
    ),
    "retry at once": Scenario(
        lambda queue: _discard(queue.add("r", {}, job_id="r", attempts=3, priority=2)),
        single_jobs.fails_twice,
        single_jobs.verify_retried,
    ),
    "failure": Scenario(
        lambda queue: _discard(queue.add("f", {}, job_id="f", attempts=2)),
        single_jobs.fails,
        single_jobs.verify_failed,
    ),
    "first failure": Scenario(lambda queue: None, single_jobs.fails, lambda queue, notes: []),
    "crowd": Scenario(crowds.add_crowd, crowds.crowd_member, crowds.verify_crowd, goal=crowds.CROWD, slots=3),
    "delay": Scenario(single_jobs.add_delayed, lambda job: None, single_jobs.verify_delayed, goal=3),
    "repeat": Scenario(
        lambda queue: _discard(queue.add("tick", {}, repeat={"every": EVERY_MS})),
        lambda job: None,
        chains.verify_repeated,
        goal=2,
        further=3,
    ),
    "repeat with a limit": Scenario(
        chains.add_limited, lambda job: None, chains.verify_limited, over=chains.has_ended
    ),
    "retention": Scenario(
        crowds.add_transient, crowds.transient, crowds.verify_transient, slots=2, over=crowds.is_empty
    ),
}


def _discard(_: object) -> None:
    """For functions that are called for what they do."""
