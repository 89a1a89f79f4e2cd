"""The hours that a change of the clock leaves out or shows twice, in which cron has rules of its own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

from taskrunner.schedule.fields import Fields
from taskrunner.schedule.grammar import parse_fields, split_fields
from taskrunner.schedule.zones import get_zone

if TYPE_CHECKING:
    from taskrunner.crontab.records import Entry

HALF_AN_HOUR = timedelta(minutes=30)
IN_A_YEAR = 366 * 48


@cache
def changed_hours(zone: str, now: datetime) -> frozenset[int]:
    """Return the hours of the day that are left out or come twice within a year from `now` (aware) on.

    >>> sorted(changed_hours("Europe/Paris", datetime(2026, 11, 22, tzinfo=UTC)))
    [2]
    >>> sorted(changed_hours("UTC", datetime(2026, 11, 22, tzinfo=UTC)))
    []
    """
    info, hours = get_zone(zone), set[int]()
    moment = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    before = moment.astimezone(info)
    for _ in range(IN_A_YEAR):
        moment += HALF_AN_HOUR
        after = moment.astimezone(info)
        expected, shown = (before + HALF_AN_HOUR).replace(tzinfo=None), after.replace(tzinfo=None)
        first, last = sorted((expected, shown))
        while first < last:
            hours.add(first.hour)
            first += HALF_AN_HOUR
        before = after
    return frozenset(hours)


def has_other_rule(entry: Entry, hours: frozenset[int]) -> bool:
    """Say whether cron and taskrunner treat a line differently in such hours.

    Both skip and repeat some lines as the clock does, and give the others a run each that the clock names:
    to cron the first are those with * in minute or hour, to taskrunner those of every hour.
    """
    fields: Fields = parse_fields(split_fields(entry.schedule), entry.schedule)
    return entry.by_clock != fields.every_hour and not hours.isdisjoint(fields.hours)
