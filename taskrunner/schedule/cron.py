"""A cron schedule: five fields in a time zone."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import floor

from taskrunner.schedule.parse import Fields, Spread, parse_fields, split_fields, spread_fields


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
