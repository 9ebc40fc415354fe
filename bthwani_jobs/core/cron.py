"""Times of a cron expression in Bull's dialect, which is cron-parser 4.9's (contract 6.7).

An expression is compiled to one or more plain ones that croniter reads on a wall clock without a zone. Zones
and their changes are dealt with here, because croniter and cron-parser differ there.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from croniter import croniter
from croniter.croniter import CroniterError

from ..errors import InvalidRepeat
from .cron_dialect import EVERY_HOUR, Rule, rules_of

_EPOCH = datetime(1970, 1, 1)
_SECOND = timedelta(seconds=1)
#: No clock is put forward by more than this at once, in seconds.
_LONGEST_CHANGE = 3 * 3600
#: Where validation begins to look for a first match: the start of a 400-year cycle.
_REFERENCE = datetime(2000, 1, 1)


@dataclass(frozen=True, slots=True)
class _Schedule:
    #: one for each rule; copied for every use, because they move
    iterators: tuple[croniter, ...]
    every_hour: bool


def validate_cron(expression: object) -> str:
    """The expression itself, if it means something at some time; else ``InvalidRepeat`` (Q-40)."""
    if not isinstance(expression, str):
        raise InvalidRepeat(f'repeat.cron must be text such as "0 0 * * *", found {expression!r:.80}.')
    _schedule(expression)
    return expression


def validate_zone(tz: object) -> str:
    """The zone's name, if this machine knows it; else ``InvalidRepeat`` with the nearest one."""
    if not isinstance(tz, str):
        raise InvalidRepeat(f'repeat.tz must be the name of a zone such as "Asia/Aden", found {tz!r:.80}.')
    _zone(tz)
    return tz


def next_match(expression: str, tz: str | None, after_ms: int) -> int | None:
    """The first match strictly after ``after_ms``, in ms; ``tz`` None means the zone of the process.

    A time that a change of the clocks skips moves forward by the gap; one that it repeats counts once, at its
    first pass. An expression for every hour follows real time through both (S-134). None: no match within 50
    years. Raises ``InvalidRepeat`` as the validations do.
    """
    schedule = _schedule(expression)
    zone = None if tz is None else _zone(tz)
    after = after_ms // 1000
    found = _next_real(schedule, zone, after) if schedule.every_hour else _next_wall(schedule, zone, after)
    return None if found is None else found * 1000


@lru_cache(maxsize=1024)
def _schedule(expression: str) -> _Schedule:
    rules = rules_of(expression)
    iterators = tuple(iterator for rule in rules if (iterator := _iterator(rule)) is not None)
    schedule = _Schedule(iterators, all(rule.hour == EVERY_HOUR for rule in rules))
    if _next(schedule, _REFERENCE) is None:
        raise InvalidRepeat(f'The cron expression "{expression}" names no date that ever comes.')
    return schedule


@lru_cache(maxsize=256)
def _zone(tz: str) -> ZoneInfo:
    try:
        return ZoneInfo(tz)
    except (KeyError, ValueError, OSError):
        near = get_close_matches(tz, sorted(available_timezones()), n=1)
        advice = f' Did you mean "{near[0]}"?' if near else ' Expected a name such as "Asia/Aden".'
        raise InvalidRepeat(f'Unknown time zone "{tz}".{advice}') from None


def _next(schedule: _Schedule, wall: datetime) -> datetime | None:
    """The first match after a wall clock time, whatever the zone."""
    return min(_candidates(schedule, wall), default=None)


def _candidates(schedule: _Schedule, wall: datetime) -> Iterator[datetime]:
    for iterator in schedule.iterators:
        try:
            yield copy(iterator).get_next(datetime, wall)
        except CroniterError:
            # This rule has no date, such as a 31st of June beside other days: it adds nothing.
            continue


def _iterator(rule: Rule) -> croniter | None:
    try:
        return croniter(rule.expression, _REFERENCE, day_or=False, second_at_beginning=True)
    except CroniterError:
        return None


def _next_wall(schedule: _Schedule, zone: ZoneInfo | None, after: int) -> int | None:
    """Matches of the wall clock, made real times."""
    offset = _offset(zone, after)
    found = _unskipped(schedule, zone, after, offset)
    gap = offset - _offset(zone, after - _LONGEST_CHANGE)
    if gap <= 0 or found is None:
        return found
    # The clocks went forward a short while ago, so times they skipped may still be to come, moved by the gap.
    skipped = _next(schedule, _EPOCH + timedelta(seconds=after + offset - gap))
    moved = found if skipped is None else _real(skipped, zone, 0)
    return min(found, moved) if moved > after else found


def _unskipped(schedule: _Schedule, zone: ZoneInfo | None, after: int, offset: int) -> int | None:
    wall = _next(schedule, _EPOCH + timedelta(seconds=after + offset))
    while wall is not None:
        found = _real(wall, zone, 0)
        if found > after:
            return found
        # Only within an hour that is being repeated: the first pass of the match is over, but for who begins
        # in the second pass, that one still counts, as in cron-parser.
        second = _real(wall, zone, 1)
        if second > after and _offset(zone, second) == offset:
            return second
        wall = _next(schedule, wall)
    return None


def _next_real(schedule: _Schedule, zone: ZoneInfo | None, after: int) -> int | None:
    """Matches of real time: those of the offset in force, up to the moment when it changes."""
    offset = _offset(zone, after)
    while True:
        wall = _next(schedule, _EPOCH + timedelta(seconds=after + offset))
        if wall is None:
            return None
        found = (wall - _EPOCH) // _SECOND - offset
        if _offset(zone, found) == offset:
            return found
        change = _change(zone, after, found)
        after, offset = change - 1, _offset(zone, change)


def _change(zone: ZoneInfo | None, before: int, after: int) -> int:
    """The first second with another offset than ``before`` has; ``after`` has another."""
    offset = _offset(zone, before)
    while after - before > 1:
        middle = (before + after) // 2
        if _offset(zone, middle) == offset:
            before = middle
        else:
            after = middle
    return after


def _offset(zone: ZoneInfo | None, moment: int) -> int:
    """Seconds east of Greenwich at a moment."""
    if zone is None:
        return time.localtime(moment).tm_gmtoff
    delta = datetime.fromtimestamp(moment, zone).utcoffset()
    assert delta is not None
    return int(delta.total_seconds())


def _real(wall: datetime, zone: ZoneInfo | None, fold: int) -> int:
    return int(wall.replace(tzinfo=zone, fold=fold).timestamp())
