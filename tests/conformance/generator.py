"""Random command sequences: each is a scenario, so that it runs, replays and shrinks like one.

A stepped worker holds every run at a gate, so that after each command both sides come to rest;
the commands name their jobs by picking from a state's list. What is defined differently on purpose stays
out: custom ids like automatic ones (Q-07), lifo beside priorities (Q-10), a manual retry of a prioritised job
(Q-11), the event of removing a job that is gone (Q-35).
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

Step = dict[str, Any]

_IDS = ("order-7", "a b", "user:7", "a__b", "A_b%41", "طلب/٧")
#: In the year 2033.
_COMMON_MOMENT = 2_000_000_000_000
_PAST_MOMENT = 1_500_000_000_000
_STATES = ("wait", "active", "delayed", "completed", "failed", "paused")
_WEIGHTS: dict[str, int] = {
    "add": 26,
    "add_bulk": 4,
    "finish": 22,
    "fail": 14,
    "retry": 7,
    "promote": 7,
    "remove": 6,
    "pause": 3,
    "resume": 4,
    "update": 2,
    "progress": 3,
    "log": 3,
    "list": 6,
    "typed": 4,
    "state": 3,
    "logs": 2,
    "count_by_types": 2,
}
_HANDLERS: dict[str, list[list[Step]]] = {
    "ok": [[{"take": 3}, {"return": "ok"}]],
    "reports": [[{"take": 3}, {"progress": 50}, {"log": "half"}, {"progress": 100}, {"return": [1, 2]}]],
    "fails-once": [[{"take": 3}, {"fail": "first"}], [{"take": 3}, {"return": "second"}]],
    "fails-twice": [[{"take": 3}, {"fail": "first"}], [{"take": 3}, {"fail": "second"}], [{"take": 3}]],
    "fails": [[{"take": 3}, {"fail": "boom"}]],
    "gives-up": [[{"take": 3}, {"discard": True}, {"fail": "no use"}]],
}
_REPEAT_WEIGHTS = {
    "add_repeatable": 12,
    "promote": 12,
    "finish": 12,
    "fail": 4,
    "add": 3,
    "pause": 1,
    "resume": 2,
    "repeatables": 3,
    "count_repeatables": 2,
    "remove_repeatable": 2,
    "remove_repeatable_by_key": 3,
}
#: By the end of the chain's key.
_REPEATS: dict[str, Step] = {
    "700000000000": {"every": 700_000_000_000},
    "600000000000": {"every": 600_000_000_000},
    "UTC:0 0 1 1 *": {"cron": "0 0 1 1 *", "tz": "UTC"},
    "Asia/Aden:30 2 29 2 *": {"cron": "30 2 29 2 *", "tz": "Asia/Aden"},
}
_CHAINS = tuple(_REPEATS)


class SequenceGenerator:
    """Draws one sequence from its own random source."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)
        self._handles = 0
        self._uses_lifo = self._random.random() < 0.4
        self._slots = self._random.choice([1, 1, 1, 3])
        # Several slots begin at once in no order, so no command picks one of their jobs.
        self._picked = _STATES if self._slots == 1 else tuple(state for state in _STATES if state != "active")
        self._commands: dict[str, Callable[[], Step]] = {
            "add": self._add,
            "add_bulk": self._add_bulk,
            "finish": self._finish,
            "fail": self._fail,
            "retry": self._retry,
            "promote": self._promote,
            "count_repeatables": lambda: {"do": "count_repeatables"},
            "remove": lambda: {"do": "remove", **self._some_job()},
            "pause": lambda: {"do": "pause"},
            "resume": lambda: {"do": "resume"},
            "update": lambda: {"do": "update", **self._some_job(), "data": self._value()},
            "progress": lambda: {"do": "progress", **self._some_job(), "value": self._value()},
            "log": lambda: {"do": "log", **self._some_job(), "row": f"row {self._random.randrange(100)}"},
            "list": self._list,
            "typed": self._typed,
            "state": lambda: {"do": "state", **self._some_job()},
            "logs": self._logs,
            "count_by_types": lambda: {"do": "count_by_types", "types": self._states()},
        }

    def sequence(self, length: int) -> dict[str, Any]:
        """A scenario of that many commands, its worker starting somewhere in the first third."""
        names = self._random.choices(list(_WEIGHTS), list(_WEIGHTS.values()), k=length)
        steps = [self._commands[name]() | self._taker() for name in names]
        steps.insert(
            self._random.randrange(length // 3 + 1), {"do": "work", "concurrency": {"*": self._slots}}
        )
        return {
            "title": "a random sequence",
            "stepped": True,
            "trace": ["starts", "events", "global_events"] if self._slots == 1 else [],
            "ignore_events": ["removed"],
            "handlers": {"*": [[{"gate": True}]]},
            "steps": [*steps, {"do": "jobs"}],
        }

    def repeating(self, length: int) -> dict[str, Any]:
        """A stepped scenario of chains whose occurrences are promoted: their next slots lie years ahead.

        Without what Q-38, Q-41 and Q-42 name: limits, removed occurrences, retries of them.
        """
        names = self._random.choices(list(_REPEAT_WEIGHTS), list(_REPEAT_WEIGHTS.values()), k=length)
        return {
            "title": "a random sequence of repeatables",
            "stepped": True,
            "trace": ["starts", "events", "global_events"],
            "handlers": {"*": [[{"gate": True}]]},
            "steps": [{"do": "work"}, *(self._repeat_command(name) for name in names), {"do": "repeatables"}],
        }

    def _repeat_command(self, name: str) -> Step:
        key = self._random.choice(_CHAINS)
        match name:
            case "add_repeatable":
                opts = {"repeat": {**_REPEATS[key]}} | ({"jobId": "id1"} if self._chance(0.3) else {})
                return {
                    "do": "add",
                    "name": self._random.choice("ab"),
                    "data": {"n": self._random.randrange(9)},
                    "opts": opts,
                }
            case "remove_repeatable":
                return {"do": "remove_repeatable", "name": self._random.choice("ab"), "repeat": _REPEATS[key]}
            case "remove_repeatable_by_key":
                return {
                    "do": name,
                    "key": f"{self._random.choice('ab')}:{self._random.choice(['', 'id1'])}::{key}",
                }
            case "promote":
                return {"do": "promote", **self._pick("delayed")}
            case "repeatables":
                return {"do": "repeatables", "asc": self._chance(0.5)}
            case "add":
                return {"do": "add", "name": "plain", "data": {}}
            case _:
                return self._commands[name]()

    def draining(self, jobs: int) -> dict[str, Any]:
        """A scenario of two full queues that a worker empties at full speed: overdue jobs, then waiting ones.

        With one slot the starts and events are compared in order, with several the outcomes only.
        """
        slots = self._random.choice([1, 1, 4])
        quiet = {"active": 0, "waiting": 0, "paused": 0, "delayed": 0}
        return {
            "title": "a random queue, drained",
            "trace": ["starts", "events", "global_events"] if slots == 1 else [],
            "ignore_events": ["drained"],
            "handlers": _HANDLERS,
            "steps": [
                {"do": "add_bulk", "jobs": [self._overdue(self._quick_job(slots)) for _ in range(jobs // 2)]},
                {"do": "work", "concurrency": {**dict.fromkeys(_HANDLERS, 0), "ok": slots}},
                {"do": "wait_for", "counts": quiet},
                {"do": "pause"},
                {"do": "add_bulk", "jobs": [self._quick_job(slots) for _ in range(jobs // 2)]},
                {"do": "resume"},
                {"do": "wait_for", "counts": quiet},
                {"do": "counts"},
                {"do": "jobs"},
                *({"do": "typed", "type": each} for each in ("completed", "failed") if slots == 1),
            ],
        }

    def _overdue(self, job: Step) -> Step:
        job["opts"].update({"timestamp": _PAST_MOMENT, "delay": self._random.randint(1, 9)})
        return job

    def _quick_job(self, slots: int) -> Step:
        opts: Step = {"attempts": self._random.randint(1, 4)}
        if self._uses_lifo and self._chance(0.3):
            opts["lifo"] = True
        elif not self._uses_lifo and self._chance(0.5):
            opts["priority"] = self._random.randint(1, 3)
        if self._chance(0.2):
            opts["removeOnComplete"] = self._random.choice([True, False])
        if slots == 1 and self._chance(0.2):
            opts["removeOnFail"] = self._random.choice([True, 2])
        return {"name": self._random.choice(list(_HANDLERS)), "data": {}, "opts": opts}

    def _taker(self) -> Step:
        """Some commands come from a queue object that runs nothing."""
        return {"on": "P"} if self._chance(0.2) else {}

    def _add(self) -> Step:
        self._handles += 1
        return {"do": "add", **self._job(), "as": f"h{self._handles}"}

    def _add_bulk(self) -> Step:
        return {"do": "add_bulk", "jobs": [self._job() for _ in range(self._random.randint(1, 4))]}

    def _job(self) -> Step:
        opts = self._options()
        # One name for those with an id of their own: a duplicate answers the stored job here (section 15).
        name = "known" if "jobId" in opts else self._random.choice(["a", "send-email", "إشعار"])
        return {"name": name, "data": {"n": self._random.randrange(1000)}, "opts": opts}

    def _options(self) -> Step:
        opts: Step = {}
        if self._chance(0.4):
            opts.update({"lifo": True} if self._uses_lifo else {"priority": self._random.randint(1, 5)})
        if self._chance(0.3):
            opts.update(self._delay())
        if self._chance(0.2):
            opts["jobId"] = self._random.choice(_IDS)
        if self._chance(0.5):
            opts["attempts"] = self._random.randint(1, 4)
        if self._chance(0.25):
            opts["backoff"] = self._backoff()
        for end in ("removeOnComplete", "removeOnFail"):
            if self._chance(0.12):
                opts[end] = self._random.choice(
                    [True, False, 0, 1, 2, {"count": 1}, {"age": 3600}, {"age": 3600, "count": 2}]
                )
        return opts

    def _delay(self) -> Step:
        """From now on; or from one common moment, so that several are due in one millisecond (S-039)."""
        if self._chance(0.5):
            return {"delay": self._minutes(0)}
        return {"delay": self._random.randint(1, 2) * 60_000, "timestamp": _COMMON_MOMENT}

    def _backoff(self) -> Any:
        fixed = {"type": "fixed", "delay": self._minutes(1)}
        exponential = {"type": "exponential", "delay": self._minutes(2)}
        return self._random.choice([0, self._minutes(3), fixed, exponential, {"type": "fixed", "delay": 0}])

    def _minutes(self, odd: int) -> int:
        """Far enough not to come due, and never equal to the sum of another kind of delay."""
        return self._random.randint(2, 60) * 60_000 + odd * 7_000

    def _finish(self) -> Step:
        return {"do": "finish", "actions": [*self._doings(), {"return": self._value()}]}

    def _fail(self) -> Step:
        giving_up = [{"discard": True}] if self._chance(0.1) else []
        return {
            "do": "finish",
            "actions": [*self._doings(), *giving_up, {"fail": f"boom {self._random.randrange(9)}"}],
        }

    def _doings(self) -> list[Step]:
        doings: list[Step] = []
        if self._chance(0.15):
            doings.append({"progress": self._value()})
        if self._chance(0.15):
            doings.append({"log": "from the handler"})
        if self._chance(0.1):
            doings.append({"update": {"by": "the handler"}})
        return doings

    def _retry(self) -> Step:
        return {"do": "retry", "pick": {"from": "failed", "n": self._random.randrange(100), "plain": True}}

    def _promote(self) -> Step:
        state = "delayed" if self._chance(0.8) else self._random.choice(self._picked)
        return {"do": "promote", **self._pick(state)}

    def _some_job(self) -> Step:
        """A job in some state, or the object of an earlier add, whose job may be gone."""
        if self._handles and self._chance(0.3):
            return {"handle": f"h{self._random.randint(1, self._handles)}"}
        return self._pick(self._random.choice(self._picked))

    def _pick(self, state: str) -> Step:
        return {"pick": {"from": state, "n": self._random.randrange(100)}}

    def _list(self) -> Step:
        return {"do": "list", "types": self._states(), **self._range(), "asc": self._chance(0.5)}

    def _typed(self) -> Step:
        kind = self._random.choice(["waiting", "delayed", "completed", "failed"])
        return {"do": "typed", "type": kind, **self._range()}

    def _logs(self) -> Step:
        job = self._random.choice(["1", "2", "3", "5", *_IDS])
        return {"do": "logs", "job": job, **self._range(), "asc": self._chance(0.5)}

    def _range(self) -> Step:
        start = self._random.choice([0, 0, 0, 1, 2, -1, -2, -3, 7])
        return {"start": start, "end": self._random.choice([-1, -1, 0, 1, 2, 5, -2, 99])}

    def _states(self) -> list[str]:
        return self._random.sample(self._picked, self._random.randint(1, 3))

    def _value(self) -> Any:
        return self._random.choice(
            [1, 42, "text", {"ok": True}, [1, 2], {"a": {"b": [], "c": None}}, 'تم "\n\t\\u2028', 2.5, -1e21]
        )

    def _chance(self, probability: float) -> bool:
        return self._random.random() < probability
