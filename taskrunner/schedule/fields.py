"""The five cron fields: what may stand in them, and what they mean once read."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Field:
    """One of the five fields: its name, its bounds (inclusive), the names of its numbers from `low` on."""

    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()

    @property
    def bounds(self) -> str:
        """What would be right in this field, for an error message."""
        return f"{self.name}s go from {self.low} to {self.high}"


MINUTE: Final = Field("minute", 0, 59)
HOUR: Final = Field("hour", 0, 23)
DAY: Final = Field("day", 1, 31)
MONTH: Final = Field(
    "month", 1, 12, ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
)
WEEKDAY: Final = Field("weekday", 0, 7, ("sun", "mon", "tue", "wed", "thu", "fri", "sat"))
FIELDS: Final = (MINUTE, HOUR, DAY, MONTH, WEEKDAY)
LONGEST_MONTHS: Final = dict(zip(range(1, 13), (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31), strict=True))


def last_day(months: frozenset[int]) -> int:
    """Return the last day that any of the `months` may have.

    >>> last_day(frozenset({2})), last_day(frozenset({2, 4}))
    (29, 30)
    """
    return max(LONGEST_MONTHS[month] for month in months)


@dataclass(frozen=True, slots=True)
class Fields:
    """What five fields mean: a minute matches if hour, minute and month do, and `days` or `weekdays`.

    A side that `*` leaves open is empty, so that the other one decides; with both open `days` is complete.
    Weekdays count from 0, Sunday, to 6. Days that none of the months has are left out.
    """

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]

    @property
    def every_day(self) -> bool:
        """Whether each day of the months matches."""
        return len(self.days) == last_day(self.months) or len(self.weekdays) == 7

    @property
    def every_hour(self) -> bool:
        """Whether all 24 hours match."""
        return len(self.hours) == 24
