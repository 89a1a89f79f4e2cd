"""When a scheduled task is due next: five cron fields in a time zone, or an interval."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from math import floor
from typing import Final

from taskrunner.errors import InvalidScheduleError
from taskrunner.schedule.parse import (
    LONGEST_TEXT,
    Fields,
    Spread,
    is_number,
    parse_fields,
    split_fields,
    spread_fields,
)


@dataclass(frozen=True, slots=True, init=False)
class Schedule:
    """Five cron fields (man 5 crontab), an alias such as @daily, or H and R for spread times; in a zone.

    `text` is the schedule as given, `expanded` the five fields in force (aliases resolved, H and R
    replaced), `timezone` the zone's name, `explicit_timezone` the same or None if it was not given.
    H chooses by task `name` and `salt`; R by `name` and the installation's random `seed`, without a seed
    anew each time.
    Without `timezone`: the zone of /etc/localtime.
    Raises InvalidScheduleError, which says what is wrong and what would be right.

    >>> schedule = Schedule("30 2 * * *", timezone="Europe/Paris")
    >>> schedule.next_after(datetime(2026, 3, 29, tzinfo=UTC)).isoformat()  # 02:30 does not exist
    '2026-03-29T03:00:00+02:00'
    """

    text: str
    expanded: str
    timezone: str
    explicit_timezone: str | None = field(repr=False, compare=False)
    _fields: Fields = field(repr=False, compare=False)

    def __init__(
        self, text: str, *, timezone: str | None = None, name: str = "", salt: str = "", seed: str = ""
    ) -> None:
        from taskrunner.zones import get_zone, system_timezone

        columns = split_fields(text)
        if "H" in text or "R" in text:
            columns = spread_fields(columns, Spread(name, salt, seed), text)
        if timezone is not None:
            get_zone(timezone)  # which must be there
        object.__setattr__(self, "text", text)
        object.__setattr__(self, "expanded", " ".join(columns))
        object.__setattr__(self, "timezone", timezone or system_timezone())
        object.__setattr__(self, "explicit_timezone", timezone)
        object.__setattr__(self, "_fields", parse_fields(columns, text))

    @property
    def follows_elapsed_time(self) -> bool:
        """Whether all 24 hours are listed; then a repeated hour counts twice and a gap not at all."""
        return self._fields.every_hour

    def next_after(self, moment: datetime) -> datetime:
        """Return the first moment strictly after `moment`, in the schedule's zone.

        Raises ValueError if `moment` is naive.
        """
        from taskrunner.schedule.moments import next_moment
        from taskrunner.zones import get_zone

        if moment.utcoffset() is None:
            raise ValueError(f"{moment!r} has no time zone; pass an aware datetime")
        return next_moment(self._fields, get_zone(self.timezone), moment)

    def next_at(self, now: float) -> int:
        """Return the first moment strictly after `now`; both in epoch seconds."""
        return int(self.next_after(datetime.fromtimestamp(floor(now), UTC)).timestamp())

    def upcoming(self, moment: datetime, count: int) -> list[datetime]:
        """Return the `count` moments that follow `moment`, as `next_after` gives them."""
        moments: list[datetime] = []
        for _ in range(count):
            moment = self.next_after(moment)
            moments.append(moment)
        return moments

    def between(self, start: float, end: float) -> Iterator[int]:
        """Yield the moments after `start`, `end` included, as `next_at` gives them; in epoch seconds."""
        from taskrunner.schedule.moments import moments_between
        from taskrunner.zones import get_zone

        return moments_between(self._fields, get_zone(self.timezone), floor(start), floor(end))

    def matches_month(self, local: datetime) -> bool:
        """Return whether the month of a moment, as the schedule's zone shows it, is one of its months."""
        return local.month in self._fields.months

    def matches_day(self, local: datetime) -> bool:
        """Return whether the day of a moment, as the schedule's zone shows it, is one of its days."""
        return local.day in self._fields.days or local.isoweekday() % 7 in self._fields.weekdays

    def describe(self) -> str:
        """Return the schedule in plain English.

        >>> Schedule("30 4 1,15 * 5").describe()
        'at 04:30 on the 1st and 15th of the month or on Fridays'
        """
        from taskrunner.schedule.describe import describe

        return describe(self._fields)


MINUTE: Final = 60
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
# Ten years, leap days included.
LONGEST_INTERVAL: Final = 3653 * DAY
MOST_DIGITS: Final = 9
# A last run that lies further ahead than this (seconds) is a clock set wrong, not a skew.
LARGEST_SKEW: Final = 60
UNITS: Final = {"day": DAY, "hour": HOUR, "minute": MINUTE, "second": 1}
SPELLINGS: Final = {
    "day": ("d", "day", "days"),
    "hour": ("h", "hour", "hours"),
    "minute": ("m", "min", "minute", "minutes"),
    "second": ("s", "sec", "second", "seconds"),
}
RIGHT: Final = "write 'every 2h', 'every 90 minutes' or 'every 1h30m'"


@dataclass(frozen=True, slots=True, init=False)
class Every:
    """A length of time between the starts of two runs, in elapsed seconds, whatever the clock shows.

    `seconds` is the total. Raises InvalidScheduleError unless all parts are whole numbers from 0 on and
    the total lies between a second and ten years.

    >>> Every(hours=1, minutes=30)
    Every(seconds=5400)
    """

    seconds: int

    def __init__(self, *, days: int = 0, hours: int = 0, minutes: int = 0, seconds: int = 0) -> None:
        parts = {"days": days, "hours": hours, "minutes": minutes, "seconds": seconds}
        for unit, count in parts.items():
            if type(count) is not int or count < 0:
                raise InvalidScheduleError(f"every: {unit}={count!r} is not a whole number from 0 on")
        total = days * DAY + hours * HOUR + minutes * MINUTE + seconds
        if not 1 <= total <= LONGEST_INTERVAL:
            raise InvalidScheduleError(
                f"every: {_shown(total)} cannot be used; an interval is 1 second to 10 years long"
            )
        object.__setattr__(self, "seconds", total)

    @property
    def text(self) -> str:
        """The interval as `parse_every` reads it, in its shortest form: 'every 1h30m'."""
        return "every " + "".join(f"{count}{unit[0]}" for unit, count in self._parts())

    @property
    def expanded(self) -> str:
        """The same as `text`: there is nothing to expand."""
        return self.text

    def next_at(self, last_started_at: float | None, now: float) -> int:
        """Return when the next run is due, in epoch seconds as the arguments; it may lie in the past.

        Counted from the minute in which the last run started. Due at once if there was none, or if it
        lies more than 60 s in the future.

        >>> Every(hours=2).next_at(90.5, now=100.0), Every(hours=2).next_at(None, now=100.5)
        (7260, 100)
        """
        if last_started_at is None or last_started_at > now + LARGEST_SKEW:
            return int(now)
        return int(last_started_at // MINUTE) * MINUTE + self.seconds

    def describe(self) -> str:
        """Return the interval in plain English.

        >>> Every(hours=2).describe(), Every(days=1).describe(), Every(minutes=90).describe()
        ('every 2 hours', 'every day', 'every 1 hour 30 minutes')
        """
        parts = self._parts()
        if len(parts) == 1 and parts[0][1] == 1:
            return f"every {parts[0][0]}"
        return "every " + " ".join(f"{count} {unit}{'s' * (count > 1)}" for unit, count in parts)

    def _parts(self) -> list[tuple[str, int]]:
        """Return the units that are not zero, with how many of each."""
        parts, rest = [], self.seconds
        for unit, length in UNITS.items():
            count, rest = divmod(rest, length)
            parts.append((unit, count))
        return [(unit, count) for unit, count in parts if count]


def parse_every(text: str) -> Every:
    """Return the interval that `text` means; raise InvalidScheduleError if it means none.

    >>> [parse_every(text).text for text in ("every 2h", "Every 90 minutes", "every 7200s", "every 1h30m")]
    ['every 2h', 'every 1h30m', 'every 2h', 'every 1h30m']
    """
    if len(text) > LONGEST_TEXT:
        raise InvalidScheduleError(f"every: {len(text)} characters are too many; the most is {LONGEST_TEXT}")
    counts: dict[str, int] = {}
    for number, spelling in _pairs(text):
        unit = next((unit for unit, spellings in SPELLINGS.items() if spelling in spellings), None)
        if unit is None or unit in counts or not is_number(number) or len(number) > MOST_DIGITS:
            raise InvalidScheduleError(f"every: {number + spelling!r} cannot be read in {text!r}; {RIGHT}")
        counts[unit] = int(number)
    return Every(**{f"{unit}s": count for unit, count in counts.items()})


def _pairs(text: str) -> list[tuple[str, str]]:
    """Split 'every 1h 30 minutes' into ('1', 'h'), ('30', 'minutes'); nothing is checked but their number."""
    words = text.strip().lower().removeprefix("every").split()
    tokens = ["".join(signs) for word in words for _, signs in groupby(word, key=is_number)]
    if not tokens or len(tokens) % 2:
        raise InvalidScheduleError(f"every: {text!r} is not made of numbers and units; {RIGHT}")
    return list(zip(tokens[::2], tokens[1::2], strict=True))


def _shown(seconds: int) -> str:
    return f"{seconds} seconds" if seconds < 10**12 else "this length"


def parse_schedule(
    text: str, *, timezone: str | None = None, name: str = "", salt: str = "", seed: str = ""
) -> Schedule | Every:
    """Return what `text` means: 'every 2h' an interval, anything else a `Schedule` with the other arguments.

    Raises InvalidScheduleError, which says what is wrong and what would be right.
    """
    if text.strip().lower().startswith("every"):
        return parse_every(text)
    return Schedule(text, timezone=timezone, name=name, salt=salt, seed=seed)
