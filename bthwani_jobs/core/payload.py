"""Data and results as JSON text, and nothing that is not JSON.

Python's encoder is lenient where it should not be: it turns the key 1 into ``"1"`` and lets lone surrogates
through. Here such values are refused with the path that leads to them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from math import isfinite
from typing import Any

from ..errors import DataTooLarge, InvalidData, UnserialisableResult

#: Nested deeper than this, data could be written but not be read back on a deeper call stack.
MAX_DEPTH = 200

#: Said when the encoder refuses and no single value can be blamed, as for a number of thousands of digits.
_UNKNOWN = "it holds something that cannot be written"

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_decode = json.JSONDecoder().decode
_CONTAINERS = (dict, list, tuple)


def encode_data(data: Any, max_bytes: int, job_name: str, what: str = "data") -> str:
    """The JSON text of a job's data; None becomes ``{}``, any other empty value stays what it is (Q-29).

    Raises ``InvalidData`` for what is not JSON and ``DataTooLarge`` above ``max_bytes`` bytes of UTF-8.
    """
    if data is None:
        return "{}"
    try:
        text = _encode(data)
        if isinstance(data, _CONTAINERS):
            _check_nested(data, 1)
        size = len(text) if text.isascii() else len(text.encode())
    except (TypeError, ValueError, RecursionError):
        raise InvalidData(
            f'The {what} of job "{job_name}" is not JSON: {fault_of(data, what) or _UNKNOWN}.'
        ) from None
    if size > max_bytes:
        raise DataTooLarge(job_name, size, max_bytes)
    return text


def encode_result(value: Any, job_id: str) -> str:
    """The JSON text of a handler's result, ``null`` for None. Raises ``UnserialisableResult``."""
    if value is None:
        return "null"
    try:
        text = _encode(value)
        if isinstance(value, _CONTAINERS):
            _check_nested(value, 1)
        if not text.isascii():
            text.encode()
    except (TypeError, ValueError, RecursionError):
        raise UnserialisableResult(
            f"The result of job {job_id} is not JSON: {fault_of(value, 'result') or _UNKNOWN}."
        ) from None
    return text


def decode_json(text: str | bytes) -> Any:
    """The value of a JSON text. Raises ``ValueError``, also for one that is nested too deeply to read."""
    try:
        return _decode(text if isinstance(text, str) else text.decode())
    except RecursionError:
        raise ValueError("The JSON text is nested too deeply.") from None


def fault_of(value: Any, path: str = "data") -> str | None:
    """The first thing in ``value`` that is not JSON, in words and with its path; None if all of it is."""
    return next(_faults(value, path, ()), None)


def _check_nested(value: Any, depth: int) -> None:
    """Raises ``ValueError`` for what the encoder lets through: keys that are not text, excessive depth."""
    if depth > MAX_DEPTH:
        raise ValueError
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise ValueError
            if isinstance(item, _CONTAINERS):
                _check_nested(item, depth + 1)
    else:
        for item in value:
            if isinstance(item, _CONTAINERS):
                _check_nested(item, depth + 1)


def _faults(value: Any, path: str, parents: tuple[int, ...]) -> Iterator[str]:
    if id(value) in parents:
        yield f"{path} contains itself (a circular structure)"
    elif len(parents) >= MAX_DEPTH:
        yield f"{path[:80]}… is nested more than {MAX_DEPTH} levels deep"
    elif isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                yield f"{path} has the key {key!r:.80} of type {type(key).__name__}, and keys must be text"
            elif _has_surrogate(key):
                yield f"{path} has a key with a lone surrogate, {key!r:.80}"
            else:
                yield from _faults(item, f"{path}.{key}", (*parents, id(value)))
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _faults(item, f"{path}[{index}]", (*parents, id(value)))
    elif isinstance(value, str):
        if _has_surrogate(value):
            yield f"{path} holds a lone surrogate, {value!r:.80}"
    elif isinstance(value, float):
        if not isfinite(value):
            yield f"{path} is {value}, which JSON does not have"
    elif value is not None and not isinstance(value, int):
        yield f"{path} is of type {type(value).__name__}, which JSON does not have"


def _has_surrogate(text: str) -> bool:
    return not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text)
