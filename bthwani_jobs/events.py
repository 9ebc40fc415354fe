"""Event names, the local emitter, and the thread that hears a queue's events from everywhere.

Local events fire on the object where something was done; ``global:`` ones on every object that listens,
through Redis pub/sub: at most once, and lost while disconnected (contract 10).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from .core.arity import positional_count
from .core.ids import shown_id
from .core.payload import decode_json
from .errors import InvalidInput
from .store.connection import sibling

log = logging.getLogger(__name__)

Listener = Callable[..., Any]

#: Events that also have a ``global:`` twin.
SHARED = (
    "waiting",
    "active",
    "stalled",
    "progress",
    "completed",
    "failed",
    "paused",
    "resumed",
    "drained",
    "duplicated",
)
LOCAL = (*SHARED, "error", "removed", "cleaned", "lock-extension-failed", "close")
EVENTS = frozenset(LOCAL) | {f"global:{name}" for name in SHARED}


def check_event(name: str) -> str:
    """The name itself; raises InvalidInput with the near miss for one that never fires."""
    if name in EVENTS:
        return name
    near = get_close_matches(str(name), sorted(EVENTS), n=1)
    advice = f'Did you mean "{near[0]}"?' if near else f"Expected one of: {', '.join(sorted(EVENTS))}."
    raise InvalidInput(f'There is no event "{name}". {advice}')


class Emitter:
    """Listeners by event name. A listener that raises is reported as ``error``; the job is not affected
    (S-196)."""

    __slots__ = ("_listeners", "_lock")

    def __init__(self) -> None:
        # Held to change the tuples, which are then read without it.
        self._lock = threading.Lock()
        self._listeners: dict[str, tuple[tuple[Listener, Listener], ...]] = {}

    def on(self, event: str, listener: Listener) -> None:
        """Call ``listener`` at each ``event``, with as many of its arguments as it takes (as in
        JavaScript)."""
        if not callable(listener):
            raise InvalidInput(f'A listener of "{event}" must be a function, found {listener!r:.80}.')
        bound = (listener, with_fewer_arguments(listener))
        check_event(event)
        with self._lock:
            self._listeners[event] = (*self._listeners.get(event, ()), bound)

    def once(self, event: str, listener: Listener) -> None:
        """Like `on`, for the first time only."""

        def first_time(*args: Any) -> None:
            self.off(event, first_time)
            with_fewer_arguments(listener)(*args)

        self.on(event, first_time)

    def off(self, event: str, listener: Listener) -> None:
        """Remove a listener; nothing if it is not there."""
        with self._lock:
            kept = tuple(bound for bound in self._listeners.get(event, ()) if bound[0] != listener)
            if kept:
                self._listeners[event] = kept
            else:
                self._listeners.pop(event, None)

    def hears(self, event: str) -> bool:
        """Whether anybody listens: spares building what nobody wants."""
        return event in self._listeners

    def is_listener(self, event: str, listener: Listener) -> bool:
        """Whether this function is registered for the event."""
        return any(bound[0] == listener for bound in self._listeners.get(event, ()))

    def emit(self, event: str, *args: Any) -> None:
        for _, call in self._listeners.get(event, ()):
            try:
                call(*args)
            except (
                Exception,
                SystemExit,
            ) as error:  # sys.exit() in a listener must not end a worker's thread
                if event == "error":
                    log.exception('A listener of "error" raised.')
                else:
                    log.warning('A listener of "%s" raised %r.', event, error)
                    self.emit("error", error)


def with_fewer_arguments(listener: Listener) -> Listener:
    """The listener as something that may be given more arguments than it takes, as in JavaScript."""
    takes = positional_count(listener)
    return listener if takes is None else lambda *args: listener(*args[:takes])


def global_events(payload: bytes) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """The events of one message: name (without ``global:``) and arguments as in Bull (contract 10.1)."""
    for record in payload.decode(errors="replace").split("\x1e"):
        name, _, rest = record.partition("\x1f")
        rq_id, _, text = rest.partition("\x1f")
        yield name, _arguments(name, shown_id(rq_id), text)


def _arguments(name: str, job_id: str, text: str) -> tuple[Any, ...]:
    if name == "completed":
        return job_id, None if text == "null" else text, "active"
    if name == "failed":
        return job_id, text, "active"
    if name == "progress":
        return job_id, decode_json(text)
    if name == "active":
        return job_id, "waiting"
    if name == "waiting":
        return job_id, None
    if name in ("paused", "resumed", "drained"):
        return ()
    return (job_id,)


class GlobalListener:
    """A thread that passes a queue's published events to an emitter; comes back by itself after a lost
    connection."""

    def __init__(self, client: Redis, channel: str, emitter: Emitter) -> None:
        self._client = sibling(client, socket_timeout=None)
        self._channel = channel
        self._emitter = emitter
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def start(self) -> None:
        """Returns once the subscription is live (Q-57), so nothing published from now on is missed."""
        with self._lock:
            if self._thread is not None and self._thread.is_alive():  # not in a forked child
                return
            pubsub = self._client.pubsub()
            pubsub.subscribe(self._channel)
            pubsub.get_message(timeout=5)
            name = f"global-events:{self._channel}"
            self._thread = threading.Thread(target=self._listen, args=(pubsub,), name=name, daemon=True)
            self._thread.start()

    def _listen(self, pubsub: Any) -> None:
        pause_s = 0.1
        while not self._closing.is_set():
            try:
                message = pubsub.get_message(ignore_subscribe_messages=True, timeout=0.2)
                pause_s = 0.1
            except (RedisError, OSError) as error:
                log.warning("Listening to %s: %s; trying again in %.1f s.", self._channel, error, pause_s)
                self._closing.wait(pause_s)
                pause_s = min(pause_s * 2, 1.0)
                continue
            if message and message["type"] == "message":
                self._pass_on(message["data"])
        pubsub.close()

    def _pass_on(self, payload: bytes) -> None:
        try:
            for name, args in global_events(payload):
                self._emitter.emit(f"global:{name}", *args)
        except ValueError as error:
            # Whoever can write to Redis can publish anything here; it must not end the listening.
            log.warning("Listening to %s: dropped a message that cannot be read: %s", self._channel, error)

    def close(self) -> None:
        with self._lock:
            self._closing.set()
            if self._thread is not None and self._thread is not threading.current_thread():
                self._thread.join(5)
            self._client.close()
