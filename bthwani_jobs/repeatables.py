"""Repeatable jobs: register, list, remove, and the one step that adds the next occurrence of a chain."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from functools import partial
from math import ceil
from typing import Any

from redis.exceptions import ConnectionError, TimeoutError

from .core.ids import rq_id
from .core.numbers import whole_number
from .core.options import JobOptions, Repeat, keep_text
from .core.repeat import Occurrence, next_occurrence, repeat_key
from .core.wire import options_of, options_text
from .errors import InvalidRepeat, OutcomeUnknown, UnreadableOptions
from .job import Job
from .queue_handle import QueueHandle
from .store import reading, repeating
from .store.adding import NOTHING_HAPPENED, Added, NewJob
from .store.calling import QueueStore

log = logging.getLogger(__name__)

#: From this age on a debt is anybody's to pay: its worker would have paid at once.
DEBT_AGE_MS = 1000


def new_job(rq_job_id: str, name: str, data: str, options: JobOptions, group: str = "") -> NewJob:
    """What is stored of a job with these options; ``group`` of the rate limiter."""
    return NewJob(
        rq_job_id,
        name,
        data,
        options_text(options),
        options.priority,
        options.delay,
        options.timestamp,
        options.lifo,
        ceil(options.timeout / 1000) if options.timeout else None,
        _result_ttl(options),
        group,
    )


def _result_ttl(options: JobOptions) -> int | None:
    """How long a stock worker may keep the result, in s, where the retention says so."""
    count, _, age_ms = keep_text(options.remove_on_complete).partition(":")
    if count == "0":
        return 0
    return ceil(int(age_ms) / 1000) if age_ms else None


class RepeatableJobs(QueueHandle):
    """A chain is registered under its key; exactly one occurrence of it is pending (contract 6)."""

    def _add_repeatable(self, name: str, data: str, options: JobOptions, group: str) -> Job | None:
        """Register the chain and add its first occurrence; None if limit or end_date rule it out (S-116)."""
        now_ms = self.store.server_ms()
        occurrence = next_occurrence(name, options, None, now_ms)
        if occurrence is None:
            return None
        run = self._next_run(data, occurrence, name, now_ms, group)
        try:
            code, _ = repeating.schedule(self.store, run, register=True)
        except NOTHING_HAPPENED:
            raise
        except (ConnectionError, TimeoutError) as error:
            raise OutcomeUnknown("add") from error
        raw = reading.get_hash(self.store, run.job.rq_id)
        if code == 2:
            self.emit("duplicated", occurrence.job_id)
        if raw is None:  # it has run already, and is gone
            return Job.added(self, Added(run.job.rq_id, True, now_ms), run.job, occurrence.options)
        return Job(self, run.job.rq_id, raw)

    def _next_run(
        self, data: str, occurrence: Occurrence, name: str, now_ms: int, group: str
    ) -> repeating.NextRun:
        rq_job_id = rq_id(self.name, occurrence.job_id)
        job = new_job(rq_job_id, name, data, occurrence.options, group)
        repeat = occurrence.options.repeat
        definition = {
            "name": name,
            "data": data,
            "options": job.options,
            "stem": rq_job_id.removesuffix(str(occurrence.next_ms)),
            "id": repeat.job_id if repeat else None,
        }
        if group:
            definition["group"] = group
        text = json.dumps(definition, ensure_ascii=False, separators=(",", ":"))
        return repeating.NextRun(occurrence.key, occurrence.next_ms, now_ms, job, text)

    def schedule_after(self, name: str, data: str, options: JobOptions, debt: str, group: str = "") -> None:
        """The step that an occurrence's activation owes: add the one after it, or end the chain (S-109,
        Q-38).

        Idempotent: the occurrence's id is made from its time.
        """
        nominal_ms, key = repeating.split_debt(debt)
        now_ms = self.store.server_ms()
        occurrence = next_occurrence(name, options, nominal_ms, now_ms)
        if occurrence is None:
            repeating.end_chain(self.store, key, debt)
        else:
            run = self._next_run(data, occurrence, name, now_ms, group)
            repeating.schedule(self.store, run, debt=debt)

    def schedule_next(self, job: Job, raw: Mapping[str, bytes]) -> None:
        """For whoever has just taken a job: add the occurrence after it, if it is one in its first run."""
        if "rk" not in raw or job.attempts_made:
            return
        try:
            group = raw.get("g", b"").decode()
            self.schedule_after(job.name, raw["d"].decode(), job.opts, raw["rk"].decode(), group)
        except Exception as error:
            # Noted in Redis: whoever is alive pays it a second later. This job runs on.
            log.warning(
                "Queue %s: the occurrence after job %s is not scheduled yet: %s", self.name, job.id, error
            )
            self.emit("error", error)

    def mend_repeatables(self) -> int:
        """Pay the debts of dead workers and re-arm chains without an occurrence (Q-41); how many were
        mended."""
        due = repeating.due_repeats(self.store, DEBT_AGE_MS)
        for debt, definition in due.debts:
            self._mend(debt, partial(self._pay, debt, definition), repeating.strike_off)
        for key, definition in due.idle:
            self._mend(key, partial(self._rearm, key, definition, due.now_ms), repeating.remove)
        return len(due.debts) + len(due.idle)

    def _mend(self, what: str, step: Callable[[], None], forget: Callable[[QueueStore, str], object]) -> None:
        """One chain that cannot be read must not keep the others from being mended."""
        try:
            step()
        except (InvalidRepeat, UnreadableOptions) as error:
            # Not by this machine (it lacks the zone) or this release: another one may.
            if what not in self._unmended:
                self._unmended.add(what)
                log.warning(
                    "Queue %s: repeatable %.100r cannot be continued here: %s", self.name, what, error
                )
        except (ValueError, TypeError, KeyError) as error:
            log.warning("Queue %s: repeatable %.100r cannot be read, forgotten: %r", self.name, what, error)
            forget(self.store, what)

    def _pay(self, debt: str, definition: Mapping[str, Any] | None) -> None:
        _, key = repeating.split_debt(debt)
        if definition is None:
            repeating.end_chain(self.store, key, debt)
        else:
            self._continue(definition, debt)

    def _continue(self, definition: Mapping[str, Any], debt: str) -> None:
        options = options_of(definition["options"])
        group = definition.get("group", "")
        self.schedule_after(definition["name"], definition["data"], options, debt, group)

    def _rearm(self, key: str, definition: Mapping[str, Any] | None, now_ms: int) -> None:
        if definition is None:
            raise ValueError("its definition is gone")
        options = options_of(definition["options"])
        # The occurrence that vanished does not count: the chain goes on where it was.
        repeat = options.repeat
        count = max(0, (repeat.count or 1) - 1) if repeat else 0
        again = options.replace(repeat=_with_count(repeat, count)) if repeat else options
        occurrence = next_occurrence(definition["name"], again, now_ms - 1, now_ms)
        if occurrence is None:
            repeating.remove(self.store, key)
            return
        log.warning(
            'Queue %s: repeatable "%s" had no occurrence; the next one is added again.', self.name, key
        )
        data, group = definition["data"], definition.get("group", "")
        run = self._next_run(data, occurrence, definition["name"], now_ms, group)
        repeating.schedule(self.store, run)

    def get_repeatable_jobs(self, start: int = 0, end: int = -1, asc: bool = False) -> list[dict[str, Any]]:
        """``key, name, id, endDate, tz, cron, every, next`` of each chain, by ``next``; ``end`` inclusive
        (Q-36)."""
        start, end = whole_number(start, "start", -(2**53), 2**53), whole_number(end, "end", -(2**53), 2**53)
        chains = repeating.listed(self.store)
        if not asc:
            chains.reverse()
        stop = len(chains) if end == -1 else end + 1
        return [_listed(key, next_ms, definition) for key, next_ms, definition in chains[start:stop]]

    def remove_repeatable(self, name: str, repeat: Mapping[str, Any]) -> None:
        """Unregister the chain with this name, cron or every, tz, end_date and job_id, with its pending
        occurrence; nothing if there is none (S-125)."""
        repeating.remove(self.store, repeat_key(name, Repeat.of(repeat)))

    def remove_repeatable_by_key(self, key: str) -> None:
        """The same by the chain's key (S-126)."""
        repeating.remove(self.store, key)


def _with_count(repeat: Repeat, count: int) -> Repeat:
    return Repeat(**{**dict(repeat), "count": count})


def _listed(key: str, next_ms: int, definition: Mapping[str, Any]) -> dict[str, Any]:
    repeat = options_of(definition.get("options", "")).repeat or Repeat()
    return {
        "key": key,
        "name": definition.get("name"),
        "id": repeat.job_id,
        "endDate": repeat.end_date,
        "tz": repeat.tz,
        "cron": repeat.cron,
        "every": repeat.every,
        "next": next_ms,
    }
