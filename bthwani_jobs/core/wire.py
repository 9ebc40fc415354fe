"""How options are written, both ways side by side: compactly in Redis, and in Bull's form for people.

In Redis only what differs from the defaults is kept, under one-letter keys: a value of more than 64 bytes
would turn the job's whole hash into a table of twice the size. The scripts read ``f`` of it, nothing else.
"""

from __future__ import annotations

import json
from dataclasses import fields
from functools import lru_cache
from operator import attrgetter
from typing import Any

from ..errors import UnreadableOptions
from .option_types import Backoff, Keep, Repeat
from .options import DEFAULT, JobOptions
from .payload import decode_json
from .spelling import CAMEL, camel

__all__ = ["CAMEL", "bull_options", "options_of", "options_text"]

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

#: The options that are written as they are.
_PLAIN = {
    "attempts": "a",
    "delay": "d",
    "priority": "p",
    "lifo": "l",
    "timeout": "t",
    "stack_trace_limit": "s",
    "prevent_parsing_data": "w",
    "timestamp": "m",
    "prev_millis": "v",
}
#: Those of them that are true or false; the others are whole numbers.
_FLAGS = frozenset({"lifo", "prevent_parsing_data"})
_PLAIN_BACK = {letter: name for name, letter in _PLAIN.items()}
_plain_values = attrgetter(*_PLAIN)
_PLAIN_DEFAULTS = _plain_values(DEFAULT)
_RETENTION = {"remove_on_complete": "c", "remove_on_fail": "f"}
_RETENTION_BACK = {letter: name for name, letter in _RETENTION.items()}

#: The parts of ``repeat``, written as a mapping under ``r``.
_REPEAT = {
    "cron": "c",
    "every": "e",
    "tz": "z",
    "start_date": "s",
    "end_date": "n",
    "limit": "l",
    "count": "k",
    "key": "y",
    "job_id": "j",
}
_REPEAT_BACK = {letter: name for name, letter in _REPEAT.items()}


def options_text(options: JobOptions) -> str:
    """The compact text, ``""`` for default options.

    The id itself is not repeated, the job is stored under it: ``j`` only says that the caller chose it.
    """
    if options is DEFAULT:
        return ""
    written: dict[str, Any] = {}
    for letter, value, default in zip(_PLAIN_BACK, _plain_values(options), _PLAIN_DEFAULTS, strict=True):
        if value != default:
            written[letter] = value
    if options.backoff is not None:
        written["b"] = _backoff_parts(options.backoff)
    for name, letter in _RETENTION.items():
        value = getattr(options, name)
        # Not "!=": 0 equals False to Python, but means the opposite here.
        if value is not False:
            written[letter] = dict(value) if isinstance(value, Keep) else value
    if options.repeat is not None:
        written["r"] = {_REPEAT[name]: value for name, value in options.repeat.items()}
    if options.job_id is not None:
        written["j"] = 1
    return _encode(written) if written else ""


def options_of(text: str, job_id: str | None = None) -> JobOptions:
    """The options of a compact text; ``job_id`` is the job's id, set in them if the caller had chosen it.

    Raises ``UnreadableOptions`` for a text that ``options_text`` did not write.
    """
    if not text:
        return DEFAULT
    options, chosen = _read(text)
    return options.replace(job_id=job_id) if chosen and job_id is not None else options


@lru_cache(maxsize=4096)
def _read(text: str) -> tuple[JobOptions, bool]:
    try:
        written = decode_json(text)
        chosen = written.pop("j", None) is not None
        return JobOptions(**dict(map(_read_item, written.items()))), chosen
    except (KeyError, TypeError, AttributeError) as error:
        raise UnreadableOptions(f"Expected the options of a job, found {text!r:.200}.") from error


def _read_item(item: tuple[str, Any]) -> tuple[str, Any]:
    letter, value = item
    if letter in _PLAIN_BACK:
        name = _PLAIN_BACK[letter]
        if type(value) is not (bool if name in _FLAGS else int):
            raise TypeError(name)
        return name, value
    if letter in _RETENTION_BACK:
        return _RETENTION_BACK[letter], Keep(**value) if isinstance(value, dict) else value
    if letter == "b":
        return "backoff", Backoff(*value)
    if letter == "r":
        return "repeat", Repeat(**{_REPEAT_BACK[part]: found for part, found in value.items()})
    raise KeyError(letter)


def _backoff_parts(backoff: Backoff) -> list[Any]:
    parts = [backoff.type, backoff.delay, backoff.options]
    while parts[-1] is None:
        parts.pop()
    return parts


def bull_options(options: JobOptions) -> dict[str, Any]:
    """The options as Bull's ``job.opts`` shows them: ``attempts`` and ``delay`` always, others if set."""
    shown: dict[str, Any] = {"attempts": options.attempts, "delay": options.delay}
    for field in fields(JobOptions):
        name, value = field.name, getattr(options, field.name)
        if value is None or value is False or name in shown or (name == "priority" and value == 0):
            continue
        shown[camel(name)] = (
            {camel(part): found for part, found in value.items()}
            if isinstance(value, (Backoff, Keep, Repeat))
            else value
        )
    return shown
