"""The library's one door to RQ: our ``Worker``, the function RQ's own workers call, and the way from our
objects to RQ's.

Overridden of ``rq.Worker`` (tests compare the signatures):

- ``work``: RQ's loop replaced by our engine; RQ's command line, options and log stay.
- ``request_stop``, ``request_force_stop``: the signal handlers; ours never interrupt a running handler.
- ``_set_connection``: RQ raises the socket timeout of the client to minutes.
- ``kill_horse``, ``request_stop_execution``: RQ would kill our own process group, for we have no work horse.
- ``unsubscribe``: RQ's leaves its listening thread behind.
- ``find_by_key``: RQ makes hydrated workers with positional arguments.
"""

from __future__ import annotations

import asyncio
import io
import logging
import os
import pickle
import signal
import threading
from collections.abc import Iterable, Mapping, Sequence
from types import FrameType, ModuleType
from typing import Any

import rq
import rq.job
import rq.serializers
from redis import Redis
from redis.exceptions import ConnectionError, RedisError
from rq.defaults import DEFAULT_LOGGING_DATE_FORMAT, DEFAULT_LOGGING_FORMAT
from rq.worker import BaseWorker, WorkerStatus

from ..core.ids import job_id_of
from ..core.limiter import Limiter
from ..core.outcome import failure_reason
from ..core.payload import encode_result
from ..errors import ConfigurationError, MissingHandler
from ..job import Job
from ..queue import Queue
from ..store import admin
from ..store.claiming import begin_stock_run
from ..store.connection import address, client
from .engine import Engine
from .limits import RunLimits
from .processing import Run, prepare
from .registry import Binding, Processor, bind, configured_processors

log = logging.getLogger("rq.worker")

OLDEST_REDIS = (6, 2)
HEARTBEAT_EVERY_S = 15.0
RQ_MAINTENANCE_EVERY_S = 600.0
#: How soon the counters and the state in RQ's record of the worker follow.
REPORT_EVERY_S = 0.5


class CannotStart(ConfigurationError, ConnectionError):
    """A worker cannot start as it was set up.

    A ConnectionError is the one error that ``rq worker`` prints as a sentence, without a traceback.
    """


class Worker(rq.Worker):
    """Runs jobs with Bull's semantics; an RQ worker to every tool.

    ``queues``: names, ``Queue`` objects or RQ queues. ``processors``: Processor objects or modules; None:
    what BTHWANI_PROCESSORS or setup.cfg names (see `configured_processors`). `work` blocks, as RQ's does;
    `start` and `close` run the same in background threads.
    """

    def __init__(
        self,
        queues: str | Queue | rq.Queue | Iterable[str | Queue | rq.Queue],
        connection: Redis | str | None = None,
        *,
        processors: Iterable[Processor | ModuleType] | None = None,
        **rq_options: Any,
    ) -> None:
        harden()
        given = [queues] if isinstance(queues, (str, Queue, rq.Queue)) else list(queues)
        asked = _connection_of(given, connection)
        connection = client(asked)
        self._owns_connection = connection is not asked
        self._closed = False
        by_name = {item if isinstance(item, str) else item.name: item for item in reversed(given)}
        names = list(dict.fromkeys(item if isinstance(item, str) else item.name for item in given))
        given = [by_name[name] for name in names]
        if not names:
            raise ConfigurationError('A worker needs at least one queue, such as Worker(["emails"]).')
        try:
            declared = list(configured_processors() if processors is None else processors)
            self.bindings = [bind(declared, name) for name in names]
        except ConfigurationError as error:
            raise CannotStart(str(error)) from error
        self._own_queues: list[Queue] = []
        self._listeners: list[tuple[Queue, str, Any]] = []
        self.bull_queues = [
            self._queue(item, binding, connection) for item, binding in zip(given, self.bindings, strict=True)
        ]
        super().__init__(names, connection=connection, **rq_options)
        version = self.get_redis_server_version()
        if version < OLDEST_REDIS:
            found = ".".join(map(str, version))
            raise CannotStart(f"Redis 6.2 or newer is needed; {address(connection)} is {found}.")
        self._engine: Engine | None = None
        self._reported = (0, 0, 0.0)
        self._closers: list[tuple[Queue, Any]] = []
        self._close_lock = threading.Lock()

    def _queue(self, given: str | Queue | rq.Queue, binding: Binding, connection: Redis) -> Queue:
        if isinstance(given, Queue):
            queue = given
            queue.settings = _settings_over(given, binding)
            queue.limiter = _limiter_over(given, binding)
        else:
            queue = Queue(
                binding.queue,
                connection,
                limiter=binding.limiter,
                settings=binding.settings,
                default_job_options=binding.default_job_options,
            )
            self._own_queues.append(queue)
        for declared in binding.listeners:
            listener = declared.bound_to(queue)
            if not queue.is_listener(declared.event, listener):  # of another worker on this object
                queue.on(declared.event, listener)
                self._listeners.append((queue, declared.event, listener))
        return queue

    # RQ's command line

    def work(
        self,
        burst: bool = False,
        logging_level: str | None = None,
        date_format: str = DEFAULT_LOGGING_DATE_FORMAT,
        log_format: str = DEFAULT_LOGGING_FORMAT,
        max_jobs: int | None = None,
        max_idle_time: int | None = None,
        with_scheduler: bool = False,
        dequeue_strategy: Any = None,
    ) -> bool:
        """Block until stopped, or until burst, ``max_jobs`` or ``max_idle_time`` (s) ends it; whether a
        job was run.

        ``dequeue_strategy`` means nothing here: every queue has slots of its own. SIGINT and SIGTERM end
        it after the running jobs; a second one at once, leaving those to stall recovery.
        """
        self.bootstrap(logging_level, date_format, log_format)
        if with_scheduler:
            self._start_scheduler(burst, logging_level, date_format, log_format)
        self._install_signal_handlers()
        engine = self._begin(RunLimits(burst, max_jobs, max_idle_time))
        try:
            engine.wait()
            self.log.info("Worker %s: done, quitting", self.name)
        finally:
            self._end(engine)
        if engine.gave_up:
            raise SystemExit(1)
        return self._jobs_run(engine) > 0

    def start(self) -> Worker:
        """Run in background threads, without signal handlers, until `close` (or the close of a served
        queue)."""
        if self._engine is not None:
            raise CannotStart("This worker has been started already.")
        if self._closed and self._own_queues:
            raise CannotStart("A closed worker cannot be started again; make a new one.")
        self.register_birth()
        self.set_state(WorkerStatus.STARTED)
        self._begin(RunLimits())
        return self

    def close(self, do_not_wait_jobs: bool = False) -> None:
        """End what `start` began, after the running jobs unless told not to wait. Idempotent."""
        engine = self._engine
        if engine is None:
            return
        engine.stop(abandon=do_not_wait_jobs)
        engine.wait()
        self._end(engine)

    def _begin(self, limits: RunLimits) -> Engine:
        engine = self._engine = Engine(self.bull_queues, self.bindings, self.name, limits)
        engine.add_duty("Heartbeat", HEARTBEAT_EVERY_S, self.heartbeat)
        engine.add_duty("Report", REPORT_EVERY_S, lambda: self._report(engine))
        engine.add_duty("RQ's maintenance", RQ_MAINTENANCE_EVERY_S, self.run_maintenance_tasks)
        for queue in self.bull_queues:
            closer = self._closer(engine, queue)
            queue.before_close(closer)
            self._closers.append((queue, closer))
        engine.start()
        return engine

    def _closer(self, engine: Engine, queue: Queue) -> Any:
        return lambda do_not_wait: engine.stop_queue(queue, abandon=do_not_wait)

    def _end(self, engine: Engine) -> None:
        with self._close_lock:
            if self._engine is None:
                return
            self._engine = None
        engine.close()
        for queue, closer in self._closers:
            queue.forget_closer(closer)
        for queue, event, listener in self._listeners:
            queue.off(event, listener)
        try:
            self._report(engine)
            self.teardown()
        except (RedisError, OSError) as error:
            # Its record expires by itself.
            self.log.warning("Worker %s: could not sign off: %s", self.name, error)
        finally:
            self._closed = True
            for queue in self._own_queues:
                queue.close()
            if self._owns_connection:
                self.connection.close()

    def _report(self, engine: Engine) -> None:
        """Bring RQ's record of this worker up to date; never re-create one that has expired."""
        completed = sum(runner.announcer.completed for runner in engine.runners)
        failed = sum(runner.announcer.failed for runner in engine.runners)
        seconds = sum(runner.announcer.working_time_s for runner in engine.runners)
        state = WorkerStatus.BUSY if engine.is_busy else WorkerStatus.IDLE
        if (completed, failed) == self._reported[:2] and state == self.get_state():
            return
        if not self.connection.exists(self.key):
            self.register_birth()
        with self.connection.pipeline() as pipe:
            pipe.hincrby(self.key, "successful_job_count", completed - self._reported[0])
            pipe.hincrby(self.key, "failed_job_count", failed - self._reported[1])
            pipe.hincrbyfloat(self.key, "total_working_time", seconds - self._reported[2])
            self.set_state(state, pipeline=pipe)
            pipe.execute()
        self._reported = (completed, failed, seconds)

    def _jobs_run(self, engine: Engine) -> int:
        return sum(runner.announcer.completed + runner.announcer.failed for runner in engine.runners)

    # Signals and commands

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        self.log.info("Worker %s [PID %d]: warm shut down requested", self.name, os.getpid())
        self._shutdown_requested_date = rq.utils.now()
        signal.signal(signal.SIGINT, self.request_force_stop)
        signal.signal(signal.SIGTERM, self.request_force_stop)
        if self._engine is not None:
            self._engine.stop()

    def request_force_stop(self, signum: int, frame: FrameType | None) -> None:
        # A pool's signal and the terminal's may both arrive for one Ctrl-C.
        if (
            self._shutdown_requested_date
            and (rq.utils.now() - self._shutdown_requested_date).total_seconds() < 1
        ):
            return
        self.log.warning("Worker %s: cold shut down; running jobs will be recovered as stalled", self.name)
        if self._engine is not None:
            self._engine.stop(abandon=True)

    def _set_connection(self, connection: Redis) -> Redis:
        # RQ waits up to 415 s for an answer, because of its BLPOP. Nothing of ours blocks on this client,
        # and a dead
        # socket must be noticed.
        return connection

    def kill_horse(self, sig: signal.Signals = signal.SIGKILL) -> None:
        self.log.warning("Worker %s: jobs run in this process and cannot be killed one by one.", self.name)

    def request_stop_execution(self, execution_id: str) -> None:
        self.log.warning(
            "Worker %s: execution %s runs in this process and cannot be stopped.", self.name, execution_id
        )

    def unsubscribe(self) -> None:
        # RQ wakes the thread before it tells it to stop, waits a second for it and leaves it behind.
        if self.pubsub_thread is not None:
            self.pubsub_thread.stop()
        super().unsubscribe()

    @classmethod
    def find_by_key(cls, worker_key: str, connection: Redis, *args: Any, **kwargs: Any) -> BaseWorker | None:
        return rq.Worker.find_by_key(worker_key, connection, *args, **kwargs)


def _connection_of(given: Sequence[Any], connection: Redis | str | None) -> Redis | str | None:
    if connection is not None:
        return connection
    return next((item.connection for item in given if not isinstance(item, str)), None)


def _settings_over(queue: Queue, binding: Binding) -> Any:
    """The queue object's own settings over the processors', key by key (design section 4)."""
    own, declared = queue.given_settings, binding.settings
    if isinstance(declared, dict) and (own is None or isinstance(own, dict)):
        return type(queue.settings).of({**declared, **(own or {})})
    return queue.settings if own is not None or declared is None else type(queue.settings).of(declared)


def _limiter_over(queue: Queue, binding: Binding) -> Limiter | None:
    own, declared = queue.given_limiter, binding.limiter
    if isinstance(declared, Mapping) and isinstance(own, Mapping):
        return Limiter.of({**declared, **own})
    return Limiter.of(declared if own is None else own)


def rq_queue(queue: Queue) -> rq.Queue:
    """RQ's object for the same queue."""
    return rq.Queue(queue.name, connection=queue.connection)


def rq_job(job: Job) -> rq.job.Job:
    """RQ's object for the same job. Raises rq.exceptions.NoSuchJobError if it is gone."""
    return rq.job.Job.fetch(job.rq_id, connection=job.queue.store.client)


class _Refuse(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str) -> Any:
        raise pickle.UnpicklingError(
            f"{module_name}.{global_name} refused: nothing read from Redis may name code."
        )

    def persistent_load(self, pid: Any) -> Any:
        raise pickle.UnpicklingError("A persistent id was refused: nothing read from Redis may name code.")


def _refusing_loads(data: bytes) -> Any:
    return _Refuse(io.BytesIO(data)).load()


def harden() -> None:
    """Make RQ's serializer in this process refuse pickled objects: whoever can write to Redis could
    otherwise run code here. Called by the worker, the scheduler and the web application. Idempotent."""
    rq.serializers.DefaultSerializer.loads = staticmethod(_refusing_loads)


_warned = threading.Event()


def run_job() -> Any:
    """What a stock ``rq worker`` calls for a job of ours: finds its handler and runs it under RQ's own rules.

    Bull's attempts, backoff and timeout in ms do not hold there; this is logged once a process.
    """
    rq_current = rq.get_current_job()
    if rq_current is None:
        raise ConfigurationError(
            "bthwani_jobs.run_job is called by RQ workers only; use Queue.add to run a job."
        )
    if not _warned.is_set():
        _warned.set()
        log.warning(
            "A stock RQ worker runs jobs of bthwani_jobs: attempts, backoff and timeout follow RQ's rules, "
            "not Bull's. Set RQ_WORKER_CLASS=bthwani_jobs.Worker."
        )
    queue = Queue(rq_current.origin, rq_current.connection)
    binding = bind(configured_processors(), queue.name)
    raw = begin_stock_run(queue.store, rq_current.id)
    job = Job(queue, rq_current.id, raw)
    if "rk" in raw and not job.attempts_made:
        group = raw.get("g", b"").decode()
        queue.schedule_after(job.name, raw["d"].decode(), job.opts, raw["rk"].decode(), group)
    return _run_for_stock_worker(Run(job, "", binding.handler_of(job.name)))


def _run_for_stock_worker(run: Run) -> Any:
    job = run.job
    store = job.queue.store
    try:
        if not prepare(run):
            raise run.error or MissingHandler(job.name)
        assert run.handler is not None
        result = run.handler.function(job)
        if asyncio.iscoroutine(result):
            result = asyncio.run(result)
        admin.write_stock_outcome(store, job.rq_id, result=encode_result(result, job_id_of(job.rq_id)))
        return result
    except Exception as error:
        admin.write_stock_outcome(store, job.rq_id, reason=failure_reason(error))
        raise
