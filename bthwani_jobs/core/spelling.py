"""The one table of names that differ between Python and Bull, and the help for misspelt ones."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Any

from ..errors import UnknownOption

#: snake_case to Bull's spelling: job options, their nested mappings, settings, and the fields of ``to_json``.
CAMEL: Mapping[str, str] = {
    "job_id": "jobId",
    "remove_on_complete": "removeOnComplete",
    "remove_on_fail": "removeOnFail",
    "stack_trace_limit": "stackTraceLimit",
    "prevent_parsing_data": "preventParsingData",
    "prev_millis": "prevMillis",
    "start_date": "startDate",
    "end_date": "endDate",
    "default_job_options": "defaultJobOptions",
    "lock_duration": "lockDuration",
    "lock_renew_time": "lockRenewTime",
    "stalled_interval": "stalledInterval",
    "max_stalled_count": "maxStalledCount",
    "guard_interval": "guardInterval",
    "retry_process_delay": "retryProcessDelay",
    "drain_delay": "drainDelay",
    "backoff_strategies": "backoffStrategies",
    "max_data_bytes": "maxDataBytes",
    "group_key": "groupKey",
    "bounce_back": "bounceBack",
    "attempts_made": "attemptsMade",
    "failed_reason": "failedReason",
    "finished_on": "finishedOn",
    "processed_on": "processedOn",
    "retried_on": "retriedOn",
}

SNAKE: Mapping[str, str] = {camel: snake for snake, camel in CAMEL.items()}


def camel(name: str) -> str:
    return CAMEL.get(name, name)


def snake_keys(given: Mapping[str, Any], known: Collection[str], what: str) -> dict[str, Any]:
    """The entries of ``given`` that are not None, under their snake_case names.

    A name that is not in ``known`` raises ``UnknownOption`` with the nearest one that is; so does an option
    given in both spellings.
    """
    found: dict[str, Any] = {}
    for name, value in given.items():
        snake = SNAKE.get(name, name)
        if snake not in known:
            raise UnknownOption(_unknown(name, known, what))
        if value is None:
            continue
        if snake in found:
            raise UnknownOption(f'The {what} "{snake}" is given twice, also as "{camel(snake)}".')
        found[snake] = value
    return found


def _unknown(name: object, known: Collection[str], what: str) -> str:
    spellings = [*known, *(CAMEL[each] for each in known if each in CAMEL)]
    near = get_close_matches(str(name), spellings, n=1)
    advice = f'Did you mean "{near[0]}"?' if near else f"Expected one of: {', '.join(known)}."
    return f'Unknown {what} "{name}". {advice}'
