"""What every part of a ``Queue`` stands on: its name, settings, client, events and closing."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping
from typing import Any, Self

from redis import Redis

from .core.ids import validate_queue_name
from .core.limiter import Limiter
from .core.options import DEFAULT, JobOptions, QueueSettings
from .errors import QueueClosed
from .events import Emitter, GlobalListener, Listener, check_event
from .local_pause import LocalPause
from .store.calling import QueueStore
from .store.connection import client
from .store.keys import QueueKeys

Closer = Callable[[bool], None]


class QueueHandle:
    """Connection, local and global events, and close. Opens no connection before the first command."""

    def __init__(
        self,
        name: str = "default",
        connection: Redis | str | None = None,
        *,
        default_job_options: JobOptions | Mapping[str, Any] | None = None,
        limiter: Limiter | Mapping[str, Any] | None = None,
        settings: QueueSettings | Mapping[str, Any] | None = None,
    ) -> None:
        self.name = validate_queue_name(name)
        #: owns the locks this object takes by hand
        self.token = secrets.token_hex(8)
        self.settings = QueueSettings.of(settings)
        #: enforced by workers that serve this object; a producer only needs it for its ``group_key``
        self.limiter = Limiter.of(limiter)
        # What was given, so that a worker can tell it from defaults.
        self.given_settings = settings
        self.given_limiter = limiter
        self.default_job_options = _default_options(default_job_options, self.settings)
        self.connection = client(connection)
        self._owns_connection = self.connection is not connection
        self._store = QueueStore(self.connection, QueueKeys(self.name))
        # Whether get_next_job has given a job since it last announced drained.
        self._took_job = False
        self._emitter = Emitter()
        self._global = GlobalListener(self.connection, self._store.keys.events, self._emitter)
        #: of this object alone; `Queue.pause` begins it
        self.local_pause = LocalPause()
        self._closers: list[Closer] = []
        self._unmended: set[str] = set()
        self._close_lock = threading.Lock()
        self._closing = False
        self._closed = False

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    @property
    def store(self) -> QueueStore:
        """The queue in Redis. Raises QueueClosed after `close`."""
        if self._closed:
            raise QueueClosed()
        return self._store

    @property
    def closed(self) -> bool:
        return self._closed

    def on(self, event: str, listener: Listener) -> Self:
        """Call ``listener`` at each event: ``completed`` for this object's, ``global:completed`` for
        everybody's."""
        self._emitter.on(event, listener)
        self._listen_if_global(event)
        return self

    def once(self, event: str, listener: Listener) -> Self:
        """Like `on`, for the first time only."""
        self._emitter.once(event, listener)
        self._listen_if_global(event)
        return self

    def off(self, event: str, listener: Listener) -> Self:
        """Stop calling a listener; nothing if it was not registered."""
        self._emitter.off(check_event(event), listener)
        return self

    def emit(self, event: str, *args: Any) -> None:
        """Call the local listeners of an event (as Bull's queues are event emitters)."""
        self._emitter.emit(event, *args)

    def hears(self, event: str) -> bool:
        """Whether a local listener is registered for the event."""
        return self._emitter.hears(event)

    def is_listener(self, event: str, listener: Listener) -> bool:
        """Whether this function is registered for the event."""
        return self._emitter.is_listener(event, listener)

    def _listen_if_global(self, event: str) -> None:
        if event.startswith("global:") and not self._closed:
            self._global.start()

    def before_close(self, closer: Closer) -> None:
        """Have ``closer(do_not_wait_jobs)`` called when this object is closed: a worker that serves it
        stops."""
        self._closers.append(closer)

    def forget_closer(self, closer: Closer) -> None:
        if closer in self._closers:
            self._closers.remove(closer)

    def close(self, do_not_wait_jobs: bool = False) -> None:
        """Stop what runs through this object, finish its running jobs, end its connections. Idempotent.

        A call while another thread is closing returns at once. Nothing changes in Redis. With
        ``do_not_wait_jobs`` running jobs are left to stall recovery. Afterwards commands raise QueueClosed.
        """
        with self._close_lock:
            if self._closing:
                return
            self._closing = True
        for closer in list(self._closers):
            closer(do_not_wait_jobs)
        self.emit("paused")
        self._closed = True
        self.emit("close")
        self._global.close()
        if self._owns_connection:
            self.connection.close()


def _default_options(given: JobOptions | Mapping[str, Any] | None, settings: QueueSettings) -> JobOptions:
    if given is None:
        return DEFAULT
    if isinstance(given, JobOptions):
        return given
    return JobOptions.of(given, strategies=settings.backoff_strategies)
