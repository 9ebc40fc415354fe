"""Getters and counts of a queue. Mirrors Bull's getters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from .core.ids import rq_id, validate_job_id
from .core.numbers import whole_number
from .core.states import REPEAT, JobState, parse_types
from .job import Job
from .queue_handle import QueueHandle
from .store import reading, repeating


class QueueQueries(QueueHandle):
    """Reads only. Ranges are inclusive, negative ones count from the far end; jobs that vanished are left
    out."""

    def get_job(self, job_id: str | int | None) -> Job | None:
        """The job with that id, in whatever state; None if there is none (S-208)."""
        checked = validate_job_id(job_id)
        return None if checked is None else self._load(rq_id(self.name, checked))

    def _load(self, rq_job_id: str) -> Job | None:
        raw = reading.get_hash(self.store, rq_job_id)
        return None if raw is None else Job(self, rq_job_id, raw)

    def get_jobs(
        self,
        types: str | Iterable[str] | None = None,
        start: int = 0,
        end: int = -1,
        asc: bool = False,
        exclude_data: bool = False,
    ) -> list[Job]:
        """Jobs of the given states, in their order; start and end apply to each state (S-210).

        ``asc``: next to run, or lowest score, first; otherwise last or newest first.
        """
        start, end = _position(start, "start"), _position(end, "end")
        ids: list[str] = []
        for state in parse_types(types).values():
            ids += reading.range_ids(self.store, JobState(state), start, end, asc)
        hashes = reading.get_hashes(self.store, ids, exclude_data=exclude_data) if ids else []
        return [
            Job(self, rq_job_id, raw) for rq_job_id, raw in zip(ids, hashes, strict=True) if raw is not None
        ]

    def get_waiting(self, start: int = 0, end: int = -1, exclude_data: bool = False) -> list[Job]:
        """Waiting or, in a paused queue, paused jobs, next to run first."""
        return self.get_jobs(["waiting", "paused"], start, end, True, exclude_data)

    def get_paused(self, start: int = 0, end: int = -1, exclude_data: bool = False) -> list[Job]:
        return self.get_jobs("paused", start, end, True, exclude_data)

    def get_active(self, start: int = 0, end: int = -1, exclude_data: bool = False) -> list[Job]:
        return self.get_jobs("active", start, end, True, exclude_data)

    def get_delayed(self, start: int = 0, end: int = -1, exclude_data: bool = False) -> list[Job]:
        """Soonest first."""
        return self.get_jobs("delayed", start, end, True, exclude_data)

    def get_completed(self, start: int = 0, end: int = -1, exclude_data: bool = False) -> list[Job]:
        """Most recent first."""
        return self.get_jobs("completed", start, end, False, exclude_data)

    def get_failed(self, start: int = 0, end: int = -1, exclude_data: bool = False) -> list[Job]:
        """Most recent first."""
        return self.get_jobs("failed", start, end, False, exclude_data)

    def get_job_counts(self, *types: str | Iterable[str]) -> dict[str, int]:
        """Count by state, under the names asked for (S-204, S-215); ``repeat`` counts the repeatables."""
        asked = parse_types(*types, repeat=True)
        states = [JobState(state) for state in asked.values() if state != REPEAT]
        found = dict(zip(states, reading.counts(self.store, states), strict=True)) if states else {}
        return {
            name: self.get_repeatable_count() if state == REPEAT else found[JobState(state)]
            for name, state in asked.items()
        }

    def get_job_count_by_types(self, *types: str | Iterable[str]) -> int:
        return sum(self.get_job_counts(*types).values())

    def count(self) -> int:
        """Jobs still to run: waiting, paused and delayed."""
        return self.get_job_count_by_types("waiting", "paused", "delayed")

    def get_waiting_count(self) -> int:
        return self.get_job_count_by_types("waiting", "paused")

    def get_paused_count(self) -> int:
        return self.get_job_count_by_types("paused")

    def get_active_count(self) -> int:
        return self.get_job_count_by_types("active")

    def get_delayed_count(self) -> int:
        return self.get_job_count_by_types("delayed")

    def get_completed_count(self) -> int:
        return self.get_job_count_by_types("completed")

    def get_failed_count(self) -> int:
        return self.get_job_count_by_types("failed")

    def get_repeatable_count(self) -> int:
        return repeating.count(self.store)

    def get_counts_per_priority(self, priorities: Sequence[int]) -> dict[str, int]:
        """Waiting or paused jobs by priority; 0 stands for jobs without one (S-214)."""
        wanted = list(dict.fromkeys(whole_number(priority, "priority", 0) for priority in priorities))
        found = reading.counts_per_priority(self.store, wanted)
        return {str(priority): number for priority, number in zip(wanted, found, strict=True)}

    def get_job_logs(
        self, job_id: str | int, start: int = 0, end: int = -1, asc: bool = True
    ) -> dict[str, Any]:
        """``{"logs": rows, "count": total}``; not ``asc``: newest first, paged from the newest (S-243)."""
        checked = validate_job_id(job_id)
        if checked is None:
            return {"logs": [], "count": 0}
        start, end = _position(start, "start"), _position(end, "end")
        rows, total = reading.get_logs(self.store, rq_id(self.name, checked), start, end, asc)
        return {"logs": rows, "count": total}

    def get_workers(self) -> list[dict[str, str]]:
        """RQ's record of each live worker of this queue, ``name`` being the queue's (S-216, Q-63)."""
        return reading.workers(self.store)


def _position(value: Any, name: str) -> int:
    """An index of a range; negative ones count from the far end. Raises InvalidOption."""
    return whole_number(value, name, -(2**53), 2**53)
