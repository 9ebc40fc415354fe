"""Finds the jobs of workers that died: runs them again, or fails them if that happened too often."""

from __future__ import annotations

import logging

from ..core.ids import shown_id
from ..errors import StalledTooOften
from ..queue import Queue
from ..store.claiming import StalledReply, check_stalled

log = logging.getLogger("rq.worker")


def check(queue: Queue, *, now: bool = False) -> StalledReply | None:
    """One check of a queue, and its local events; None if one was made less than ``stalled_interval`` ago by
    whomever. ``now``: without regard to that."""
    settings = queue.settings
    reply = check_stalled(queue.store, 0 if now else settings.stalled_interval, settings.max_stalled_count)
    if reply is None:
        return None
    for rq_id in reply.stalled:
        job_id = shown_id(rq_id)
        log.warning(
            "Queue %s: job %s stalled (its worker died or was cut off); it runs again.", queue.name, job_id
        )
        queue.emit("stalled", queue.get_job(job_id))
    for rq_id in reply.failed:
        job_id = shown_id(rq_id)
        log.error("Queue %s: job %s stalled more than allowable limit; failed.", queue.name, job_id)
        # With remove_on_fail the job is gone by now: listeners get None (S-158).
        queue.emit("failed", queue.get_job(job_id), StalledTooOften(), "active")
    return reply
