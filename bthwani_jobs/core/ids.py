"""Names and ids: which texts are allowed, and the RQ id that stands for a job of a queue.

RQ's ids are global and may only hold letters, digits, ``_`` and ``-``; Bull's are any text and belong to one
queue. The RQ id is therefore an injective encoding of both.
"""

from __future__ import annotations

from functools import lru_cache

from ..errors import InvalidInput, InvalidJobId, InvalidJobName, InvalidQueueName

MAX_JOB_ID_BYTES = 1024
MAX_JOB_NAME_BYTES = 512
MAX_QUEUE_NAME_BYTES = 255

_SEPARATOR = "__"
_HEX = frozenset("0123456789abcdef")
_ENCODED = [
    chr(byte) if chr(byte).isascii() and (chr(byte).isalnum() or byte == 0x2D) else f"_{byte:02x}"
    for byte in range(256)
]


def validate_queue_name(name: object) -> str:
    return _checked_name(name, "queue", MAX_QUEUE_NAME_BYTES, InvalidQueueName)


def validate_job_name(name: object) -> str:
    return _checked_name(name, "job", MAX_JOB_NAME_BYTES, InvalidJobName)


def validate_job_id(value: object) -> str | None:
    """The id as text; None when an automatic one is wanted (None or ``""``, as in Bull, S-012)."""
    if value is None or value == "":
        return None
    if type(value) is int:
        value = str(value)
    if not isinstance(value, str):
        raise InvalidJobId(
            f"A job_id must be text or a whole number, not {type(value).__name__} {value!r:.80}."
        )
    _check_text(value, "A job_id", MAX_JOB_ID_BYTES, InvalidJobId)
    return value


def encode_part(text: str) -> str:
    """ASCII letters, digits and ``-`` as they are, any other UTF-8 byte as ``_hh``."""
    if text.isascii() and text.replace("-", "").isalnum():
        return text
    return "".join([_ENCODED[byte] for byte in text.encode()])


@lru_cache(maxsize=1024)
def rq_id_prefix(queue: str) -> str:
    """What the RQ ids of all jobs of a queue begin with, and no other queue's do."""
    return encode_part(queue) + _SEPARATOR


def rq_id(queue: str, job_id: str) -> str:
    if job_id.isalnum() and job_id.isascii():
        return rq_id_prefix(queue) + job_id
    return rq_id_prefix(queue) + encode_part(job_id)


def job_id_of(rq_id: str) -> str:
    """The id of the job within its queue. Raises ``ValueError`` for an RQ id that is not of this library."""
    # The encoded queue never ends in "_", so the first "__" is the separator even before an encoded "_".
    queue, separator, encoded = rq_id.partition(_SEPARATOR)
    if not (queue and separator and encoded):
        raise _foreign(rq_id)
    if encoded.isalnum() and encoded.isascii():
        return encoded
    return _decoded(encoded, rq_id)


def shown_id(rq_id: str) -> str:
    """`job_id_of`, or the RQ id itself where it is another tool's: for messages and events."""
    try:
        return job_id_of(rq_id) if rq_id else ""
    except ValueError:
        return rq_id


def queue_of(rq_id: str) -> str:
    """The queue of the job. Raises ``ValueError`` for an RQ id that is not of this library."""
    queue, separator, encoded = rq_id.partition(_SEPARATOR)
    if not (queue and separator and encoded):
        raise _foreign(rq_id)
    return _decoded(queue, rq_id)


def _decoded(encoded: str, whole: str) -> str:
    first, *escaped = encoded.split("_")
    data = bytearray(first, "utf-8")
    for piece in escaped:
        if len(piece) < 2 or piece[0] not in _HEX or piece[1] not in _HEX:
            raise _foreign(whole)
        data.append(int(piece[:2], 16))
        data += piece[2:].encode()
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise _foreign(whole) from None
    if encode_part(text) != encoded:
        raise _foreign(whole)
    return text


def _foreign(rq_id: str) -> ValueError:
    return ValueError(
        f'"{rq_id}" is not the id of a job of this library: expected <queue>__<id>, both encoded.'
    )


def _checked_name(name: object, kind: str, max_bytes: int, error: type[InvalidInput]) -> str:
    if not isinstance(name, str):
        raise error(f"The name of a {kind} must be text, not {type(name).__name__} {name!r:.80}.")
    if not name or name.isspace():
        raise error(f"The name of a {kind} must not be empty.")
    _check_text(name, f"The name of a {kind}", max_bytes, error)
    return name


def _check_text(text: str, subject: str, max_bytes: int, error: type[InvalidInput]) -> None:
    # isprintable() settles nearly all texts at once. What it refuses may still be fine: the joiners and
    # direction marks of Arabic and Persian text are "not printable" to Python.
    if not text.isprintable():
        for character in text:
            code = ord(character)
            if code < 0x20 or 0x7F <= code < 0xA0:
                raise error(
                    f"{subject} must not hold control characters, found {character!r} in {text!r:.60}."
                )
            if 0xD800 <= code < 0xE000:
                raise error(f"{subject} must be valid Unicode, found a lone surrogate in {text!r:.80}.")
    size = len(text) if text.isascii() else len(text.encode())
    if size > max_bytes:
        raise error(f"{subject} may take {max_bytes} bytes at most, found {size}: {text[:40]!r}…")
