"""Bull's job queue for Python, on RQ: priorities, exact delays, backoff, dedupe, crash recovery, events,
repeatables.

Producers: ``Queue``. Handlers: ``Processor``. Workers: ``Worker``, or ``rq worker`` with
``RQ_WORKER_CLASS=bthwani_jobs.Worker``.
"""

from .core.options import Backoff, JobOptions, Keep, QueueSettings, Repeat
from .core.states import JobState
from .errors import BthwaniJobsError, InvalidInput, JobError, JobFailed, OutcomeUnknown, QueueClosed
from .job import Job
from .queue import Queue
from .runtime.registry import Processor
from .runtime.rq_seam import Worker, harden, rq_job, rq_queue, run_job

__all__ = [  # noqa: RUF022 (grouped: a table of contents)
    # Queues and jobs
    "Queue",
    "Job",
    "JobState",
    # Options
    "JobOptions",
    "Backoff",
    "Keep",
    "Repeat",
    "QueueSettings",
    # Handlers and workers
    "Processor",
    "Worker",
    # Errors (all of them: bthwani_jobs.errors)
    "BthwaniJobsError",
    "InvalidInput",
    "JobError",
    "JobFailed",
    "OutcomeUnknown",
    "QueueClosed",
    # RQ
    "rq_queue",
    "rq_job",
    "run_job",
    "harden",
]
