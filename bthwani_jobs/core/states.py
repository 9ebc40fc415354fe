"""The states of a job, under Bull's names."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from ..errors import InvalidInput


class JobState(StrEnum):
    #: next in line; a prioritised or lifo job waits here too
    WAITING = "waiting"
    #: a worker holds its lease
    ACTIVE = "active"
    #: returned a result, and was kept
    COMPLETED = "completed"
    #: out of attempts, and was kept
    FAILED = "failed"
    #: waits for its time: a delay, a backoff or the next occurrence of a repeatable
    DELAYED = "delayed"
    #: in line in a queue that is paused
    PAUSED = "paused"
    #: nowhere: removed, unknown, or lost
    STUCK = "stuck"


#: Kept in lists; the others are sorted sets.
IN_LIST = frozenset({JobState.WAITING, JobState.PAUSED})

#: What ``get_jobs`` and ``get_job_counts`` mean when nothing is named, in Bull's order.
DEFAULT_TYPES = (
    JobState.WAITING,
    JobState.ACTIVE,
    JobState.COMPLETED,
    JobState.FAILED,
    JobState.DELAYED,
    JobState.PAUSED,
)

#: Not a state: ``get_job_counts("repeat")`` counts the registered repeatables.
REPEAT = "repeat"

_BY_NAME = {state.value: state for state in DEFAULT_TYPES} | {"wait": JobState.WAITING}


def parse_types(*types: str | Iterable[str] | None, repeat: bool = False) -> dict[str, str]:
    """Each name as it was asked for, with the state it means, in order and without repetition.

    Takes what Bull takes: names, lists of names, names joined by commas, ``wait`` for ``waiting``. Nothing
    named means all six. With ``repeat`` the name ``repeat`` is allowed. An unknown name raises
    ``InvalidInput`` (Q-33: in Bull it shifts all the counts).
    """
    named = [name for given in types for name in _names(given)]
    if not named:
        return {state.value: state for state in DEFAULT_TYPES}
    return {name: _state(name, repeat) for name in named}


def _names(given: str | Iterable[str] | None) -> list[str]:
    if given is None:
        return []
    if isinstance(given, str):
        return [name for part in given.split(",") if (name := part.strip())]
    return [name for item in given for name in _names(item)]


def _state(name: str, repeat: bool) -> str:
    state = _BY_NAME.get(name)
    if state is not None:
        return state
    if repeat and name == REPEAT:
        return REPEAT
    known = [*_BY_NAME, REPEAT] if repeat else list(_BY_NAME)
    raise InvalidInput(f'"{name}" is not a state of jobs. Expected one of: {", ".join(known)}.')
