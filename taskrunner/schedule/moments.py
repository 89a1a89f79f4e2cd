"""The next moment of parsed fields in a time zone; the only file that knows croniter."""

import platform
from collections.abc import Callable, Iterator
from copy import copy
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache, partial
from typing import Final
from zoneinfo import ZoneInfo

from taskrunner.schedule.parse import Fields

# croniter 7 asks platform.architecture() when it is imported. That starts the `file` that stands first in
# PATH, for what croniter knows already from the size of a pointer.
_architecture = platform.architecture
platform.architecture = lambda *_args, **_options: ("", "")
try:
    from croniter import croniter
finally:
    platform.architecture = _architecture

# 29 February 2096 to 29 February 2104: the longest time between two matches.
LONGEST_WAIT_YEARS: Final = 8
ONE_SECOND: Final = timedelta(seconds=1)
ONE_DAY: Final = timedelta(days=1)

# From a wall-clock time (naive) to the next one that matches.
NextWall = Callable[[datetime], datetime]


def next_moment(fields: Fields, zone: ZoneInfo, moment: datetime) -> datetime:
    """Return the first moment strictly after `moment` (aware) at which `fields` are due, in `zone`.

    All 24 hours listed: every minute whose wall clock matches, in both passes of a repeated hour.
    Otherwise each matching wall-clock minute of a date once: those inside a gap together at its end,
    a repeated one at its first pass.
    """
    clock = copy(_clock(canonical(fields)))  # it remembers where it is, and threads ask at the same time

    def next_wall(wall: datetime) -> datetime:
        found: datetime = clock.get_next(datetime, wall.replace(second=0, microsecond=0))
        return found

    find = _next_elapsed if fields.every_hour else _next_once
    return find(next_wall, moment.astimezone(zone), zone).astimezone(zone)


_clock = lru_cache(partial(croniter, start_time=datetime.min, max_years_between_matches=LONGEST_WAIT_YEARS))
"""What croniter makes of an expression: to read it takes as long as to find a moment."""


def moments_between(fields: Fields, zone: ZoneInfo, start: int, end: int) -> Iterator[int]:
    """Yield the moments after `start`, `end` included, as `next_moment` gives them; all in epoch seconds.

    A day whose clock does not change, nor that of the day before, is counted: asking for each moment takes
    40 times as long.
    """
    latest, day = start, datetime.fromtimestamp(start, zone).date()
    last_day = datetime.fromtimestamp(end, zone).date()
    changed = True
    while day <= last_day:
        changed_before, changed = changed, _changes_in(day, zone)
        find = _asked_for if changed or changed_before else _counted
        for at in find(fields, zone, day, latest):
            if at > end:
                return
            latest = at
            yield at
        day += ONE_DAY


def _changes_in(day: date, zone: ZoneInfo) -> bool:
    """Return whether the clock may change on a day."""
    walls = [datetime.combine(day, time(hour)) for hour in range(24)]
    walls.append(datetime.combine(day + ONE_DAY, time()))
    return len({wall.replace(tzinfo=zone, fold=fold).utcoffset() for wall in walls for fold in (0, 1)}) > 1


def _asked_for(fields: Fields, zone: ZoneInfo, day: date, latest: int) -> Iterator[int]:
    moment = next_moment(fields, zone, datetime.fromtimestamp(latest, UTC))
    while moment.date() <= day:
        yield int(moment.timestamp())
        moment = next_moment(fields, zone, moment)


def _counted(fields: Fields, zone: ZoneInfo, day: date, latest: int) -> Iterator[int]:
    if day.month not in fields.months:
        return
    if day.day not in fields.days and day.isoweekday() % 7 not in fields.weekdays:
        return
    midnight = int(datetime.combine(day, time(), zone).timestamp())
    for hour in sorted(fields.hours):
        for minute in sorted(fields.minutes):
            at = midnight + (hour * 60 + minute) * 60
            if at > latest:
                yield at


def canonical(fields: Fields) -> str:
    """Return `fields` as explicit lists, which croniter reads as they are meant.

    What is complete becomes `*`. Croniter takes a complete list of weekdays for `*` anyway, and then
    asks for the day *and* the weekday: a union with a complete side is therefore written `* *`.

    >>> numbers = frozenset
    >>> canonical(Fields(numbers({30}), numbers(range(24)), numbers({1, 15}), numbers({2}), numbers({5})))
    '30 * 1,15 2 5'
    """
    days = frozenset[int]() if fields.every_day else fields.days
    weekdays = frozenset[int]() if fields.every_day else fields.weekdays
    sets = ((fields.minutes, 60), (fields.hours, 24), (days, 31), (fields.months, 12), (weekdays, 7))
    return " ".join(
        "*" if len(numbers) in (0, size) else ",".join(map(str, sorted(numbers))) for numbers, size in sets
    )


def _next_once(next_wall: NextWall, local: datetime, zone: ZoneInfo) -> datetime:
    """Return the next moment of a schedule that matches each wall-clock minute once a day.

    It follows the latest time that the clock has shown, which never goes back and jumps over a gap.
    """
    latest = (_clock_change(local) - ONE_SECOND).astimezone(zone) if local.fold else local
    wall = next_wall(_naive(latest)).replace(tzinfo=zone)
    return _clock_change(wall) if _is_in_gap(wall) else wall.astimezone(UTC)


def _next_elapsed(next_wall: NextWall, local: datetime, zone: ZoneInfo) -> datetime:
    """Return the next moment of a schedule that follows elapsed time, also through a repeated hour.

    A match counts each time it is shown; before the clock goes back, this looks also from there on.
    """
    starts = [_naive(local)]
    if _is_first_pass(local):
        starts.append(_naive(_clock_change(local).astimezone(zone)) - ONE_SECOND)
    walls = [_next_existing(next_wall, start, zone) for start in starts]
    showings = [wall.replace(fold=fold).astimezone(UTC) for wall in walls for fold in (0, 1)]
    return min(showing for showing in showings if showing > local.astimezone(UTC))


def _next_existing(next_wall: NextWall, start: datetime, zone: ZoneInfo) -> datetime:
    """Return the next matching wall-clock time that no gap swallows."""
    wall = next_wall(start).replace(tzinfo=zone)
    while _is_in_gap(wall):
        gap_end = _naive(_clock_change(wall).astimezone(zone))
        wall = next_wall(gap_end - ONE_SECOND).replace(tzinfo=zone)
    return wall


def _naive(local: datetime) -> datetime:
    return local.replace(tzinfo=None, fold=0)


def _readings(local: datetime) -> tuple[datetime, datetime]:
    """Return the two moments (UTC) that a wall-clock time may mean (PEP 495); they differ near a change."""
    return local.replace(fold=0).astimezone(UTC), local.replace(fold=1).astimezone(UTC)


def _is_in_gap(local: datetime) -> bool:
    first, second = _readings(local)
    return first > second


def _is_first_pass(local: datetime) -> bool:
    first, second = _readings(local)
    return first < second and not local.fold


def _clock_change(local: datetime) -> datetime:
    """Return the moment (UTC) of the clock change that makes `local` missing or repeated.

    It lies between the two readings; zoneinfo does not tell where, so halve the seconds.
    """
    low, high = (int(reading.timestamp()) for reading in sorted(_readings(local)))
    before = _offset(low, local)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _offset(middle, local) == before else (low, middle)
    return datetime.fromtimestamp(high, UTC)


def _offset(epoch: int, local: datetime) -> timedelta | None:
    return datetime.fromtimestamp(epoch, local.tzinfo).utcoffset()
