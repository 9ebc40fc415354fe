"""Declaring handlers and binding them: ``Processor`` only records; `bind` connects at start, as in Bull's
NestJS form."""

from __future__ import annotations

import importlib
import inspect
import os
from collections.abc import Callable, Iterable, Mapping
from configparser import ConfigParser
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, TypeVar

from ..core.ids import validate_job_name, validate_queue_name
from ..core.limiter import Limiter
from ..core.options import JobOptions, QueueSettings
from ..errors import ConfigurationError, DuplicateHandler, InvalidConcurrency, MissingHandlerFunction
from ..events import Listener, check_event, with_fewer_arguments
from ..job import Job
from ..queue import DEFAULT_NAME, Queue

Function = TypeVar("Function", bound=Callable[..., Any])

#: The handler of every name that has none of its own.
ANY_NAME = "*"
PROCESSORS_VARIABLE = "BTHWANI_PROCESSORS"


class Schema(Protocol):
    """What a handler's ``schema`` must offer; a marshmallow schema does."""

    def load(self, data: Any) -> Any: ...


@dataclass(frozen=True, slots=True)
class Handler:
    """A function that runs the jobs of one name."""

    name: str
    function: Callable[[Job], Any]
    concurrency: int
    schema: Schema | None
    is_async: bool


@dataclass(frozen=True, slots=True)
class DeclaredListener:
    """A listener as declared; `bound_to` a queue object it can be called."""

    event: str
    function: Listener
    name: str | None
    id: str | None

    def bound_to(self, queue: Queue) -> BoundListener:
        """What to register on the queue object."""
        return BoundListener(self, queue)


class BoundListener:
    """A declared listener on one queue object; equal to any other of the same declaration."""

    def __init__(self, declared: DeclaredListener, queue: Queue) -> None:
        self.declared = declared
        self._queue = queue
        self._call = with_fewer_arguments(declared.function)

    def __call__(self, *args: Any) -> None:
        first = args[0] if args else None
        declared = self.declared
        if (declared.name is None and declared.id is None) or not isinstance(first, (Job, str)):
            self._call(*args)
            return
        job = self._queue.get_job(first) if isinstance(first, str) else first
        if job is not None and declared.name in (None, job.name) and declared.id in (None, job.id):
            self._call(job, *args[1:])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BoundListener) and other.declared == self.declared

    def __hash__(self) -> int:
        return hash(self.declared)


class Processor:
    """The handlers and listeners of one queue. Declares; binds nothing, opens nothing.

    ``concurrency``: slots of a worker on this queue; None adds up those of the handlers (Q-71).
    ``limiter``, ``settings`` and ``default_job_options`` as for ``Queue``; a Queue object given to the worker
    wins over them, key by key.
    """

    def __init__(
        self,
        name: str = "default",
        concurrency: int | None = None,
        *,
        limiter: Limiter | Mapping[str, Any] | None = None,
        settings: QueueSettings | Mapping[str, Any] | None = None,
        default_job_options: Mapping[str, Any] | None = None,
    ) -> None:
        self.name = validate_queue_name(name)
        self.concurrency = None if concurrency is None else _checked_concurrency(concurrency)
        Limiter.of(limiter)  # a fault is found where it was written
        self.limiter = limiter
        self.settings = settings
        self.default_job_options = default_job_options
        self.handlers: dict[str, Handler] = {}
        self.listeners: list[DeclaredListener] = []

    def __repr__(self) -> str:
        return f"Processor({self.name!r})"

    def process(
        self, name: str = DEFAULT_NAME, *, concurrency: int = 1, schema: type[Schema] | Schema | None = None
    ) -> Callable[[Function], Function]:
        """Declare the function below as the handler of jobs called ``name`` (``"*"``: of all others).

        It is called with the job; a plain function in a thread, ``async def`` on the worker's loop. Each
        handler adds ``concurrency`` slots, which any job of the queue may use (S-168). ``schema``: job.data
        arrives loaded by it, and data it refuses fails the job without retry.
        """
        checked = _checked_concurrency(concurrency)
        if name != ANY_NAME:
            validate_job_name(name)
        if name in self.handlers:
            raise DuplicateHandler(name)

        def declare(function: Function) -> Function:
            if not callable(function):
                raise MissingHandlerFunction()
            loader = schema() if isinstance(schema, type) else schema
            self.handlers[name] = Handler(
                name, function, checked, loader, inspect.iscoroutinefunction(function)
            )
            return function

        return declare

    def on(
        self, event: str, *, name: str | None = None, id: str | None = None
    ) -> Callable[[Function], Function]:
        """Declare the function below as a listener of the queue's events, optionally only for jobs called
        ``name`` or the job ``id``.

        With such a filter the listener gets the Job where the event has its id only (and is not called if
        the job is gone); events that are not about a job ignore it (Q-72).
        """
        check_event(event)

        def declare(function: Function) -> Function:
            self.listeners.append(DeclaredListener(event, function, name, id))
            return function

        return declare

    @property
    def slots(self) -> int:
        if self.concurrency is not None:
            return self.concurrency
        return sum(handler.concurrency for handler in self.handlers.values())


def _checked_concurrency(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InvalidConcurrency()
    return value


@dataclass(slots=True)
class Binding:
    """What a worker runs for one queue: the processors of that name, taken together."""

    queue: str
    handlers: dict[str, Handler] = field(default_factory=dict)
    listeners: list[DeclaredListener] = field(default_factory=list)
    slots: int = 0
    limiter: Limiter | Mapping[str, Any] | None = None
    settings: QueueSettings | Mapping[str, Any] | None = None
    default_job_options: JobOptions | Mapping[str, Any] | None = None

    def handler_of(self, job_name: str) -> Handler | None:
        return self.handlers.get(job_name) or self.handlers.get(ANY_NAME)

    def take(self, processor: Processor) -> None:
        """Add a processor; raises DuplicateHandler for a name that has a handler already."""
        for name, handler in processor.handlers.items():
            if name in self.handlers:
                raise DuplicateHandler(name)
            self.handlers[name] = handler
        self.listeners += processor.listeners
        self.slots += processor.slots
        self.limiter = _merged(self.limiter, processor.limiter)
        self.settings = _merged(self.settings, processor.settings)
        self.default_job_options = _merged(self.default_job_options, processor.default_job_options)


def _merged(first: Any, second: Any) -> Any:
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        return {**first, **second}
    return first if second is None else second


def bind(processors: Iterable[Processor | ModuleType], queue: str) -> Binding:
    """The binding of one queue. Raises ConfigurationError if no processor declares a handler for it."""
    binding = Binding(queue)
    declared = list(_processors(processors))
    for processor in declared:
        if processor.name == queue:
            binding.take(processor)
    if not binding.handlers:
        known = ", ".join(sorted({processor.name for processor in declared})) or "none"
        raise ConfigurationError(
            f'No handler is declared for the queue "{queue}"; queues with handlers: {known}. Declare one with'
            f' Processor("{queue}"), or start the worker on another queue.'
        )
    return binding


def _processors(given: Iterable[Processor | ModuleType]) -> Iterable[Processor]:
    for item in given:
        if isinstance(item, Processor):
            yield item
        elif isinstance(item, ModuleType):
            yield from (value for value in vars(item).values() if isinstance(value, Processor))
        else:
            raise ConfigurationError(f"processors takes Processor objects or modules, found {item!r:.80}.")


def configured_processors(folder: Path | None = None) -> list[ModuleType]:
    """The modules that BTHWANI_PROCESSORS names, else the section [bthwani_jobs] of setup.cfg in the working
    directory. Raises ConfigurationError, saying both ways, if there is neither."""
    names = os.environ.get(PROCESSORS_VARIABLE) or _from_setup_cfg(folder or Path.cwd())
    if not names:
        raise ConfigurationError(
            "This worker does not know its handlers. Name their modules in the environment variable "
            f"{PROCESSORS_VARIABLE} (comma separated), or in setup.cfg of the working directory: a section "
            "[bthwani_jobs] with the key processors."
        )
    return [_imported(name.strip()) for name in names.replace("\n", ",").split(",") if name.strip()]


def _from_setup_cfg(folder: Path) -> str | None:
    parser = ConfigParser(interpolation=None)
    parser.read(folder / "setup.cfg", encoding="utf-8")
    return parser.get("bthwani_jobs", "processors", fallback=None)


def _imported(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and name.startswith(error.name):
            raise ConfigurationError(
                f'The processors module "{name}" does not exist: check its spelling.'
            ) from error
        raise
