"""What five fields mean, in plain English."""

from collections.abc import Callable
from itertools import pairwise
from typing import Final

from taskrunner.schedule.parse import Fields

DAY_NAMES: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
# fmt: off
MONTH_NAMES: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)
# fmt: on
# More times of day than this are described as a rule and not one by one.
MOST_TIMES: Final = 6


def describe(fields: Fields) -> str:
    """Return when `fields` are due, in plain English; a day and a weekday are joined by "or".

    >>> from taskrunner.schedule.parse import parse_fields
    >>> def tell(*texts):
    ...     for text in texts:
    ...         print(describe(parse_fields(text.split(), text)))
    >>> tell("* * * * *", "*/5 * * * *", "0 * * * *", "17 * * * *", "30-59 * * * *", "0,20 * 1 * *")
    every minute
    every 5 minutes
    every hour, on the hour
    at 17 minutes past every hour
    at 30 to 59 minutes past every hour
    at 0 and 20 minutes past every hour on the 1st of the month
    >>> tell("0 2 * * *", "0,30 9,17 * * *", "0 */2 * * *", "5 9-17 * * *", "15 */2 * * mon")
    at 02:00 every day
    at 09:00, 09:30, 17:00 and 17:30 every day
    every 2 hours
    every hour from 09:05 to 17:05
    every 2 hours from 00:15 to 22:15 on Mondays
    >>> tell("0 */5 * * *", "59 23 31 12 *")
    every 5 hours from 00:00 to 20:00
    at 23:59 on the 31st of December
    >>> tell("*/15 9-17 * * 1-5", "*/10 2 * * *", "* 22,23,0 * * *", "10,40 8-11 * * sat,sun")
    every 15 minutes from 09:00 to 17:59, Monday to Friday
    every 10 minutes from 02:00 to 02:59
    every minute from 00:00 to 00:59 and from 22:00 to 23:59
    at 10 and 40 minutes past the hour from 08:00 to 11:59 on Saturdays and Sundays
    >>> tell("30 4 1,15 * 5", "0 0 13 * 0-6", "0 0 */12 6 1-5", "0 0 10-20 * *", "0 0 */5 * *")
    at 04:30 on the 1st and 15th of the month or on Fridays
    at 00:00 every day
    at 00:00 on the 1st, 13th and 25th of the month or Monday to Friday, in June only
    at 00:00 on the 10th to 20th of the month
    at 00:00 on the 1st, 6th, 11th, 16th, 21st, 26th and 31st of the month
    >>> tell("0 0 1 1 *", "0 3 * 6-8 *", "*/5 * * 12 *", "0 0 * 2 mon")
    at 00:00 on the 1st of January
    at 03:00 every day in June to August
    every 5 minutes in December
    at 00:00 on Mondays in February
    """
    time = _every_hour(fields.minutes) if fields.every_hour else _some_hours(fields)
    return time + _days(fields, says_daily=fields.every_hour or time.startswith("every"))


def _every_hour(minutes: frozenset[int]) -> str:
    return "every hour, on the hour" if minutes == {0} else _minutes(minutes, "every hour")


def _some_hours(fields: Fields) -> str:
    minutes, hours = sorted(fields.minutes), sorted(fields.hours)
    times = [f"{hour:02}:{minute:02}" for hour in hours for minute in minutes]
    step = _step(hours)
    if len(minutes) == 1 and step and len(hours) > 2:
        whole_day = minutes == [0] and 24 % step == 0 and hours == list(range(0, 24, step))
        return _steady(step, "hour") + ("" if whole_day else f" from {times[0]} to {times[-1]}")
    steady = _steady_minutes(fields.minutes) if len(minutes) > 2 else None
    if len(times) <= MOST_TIMES and not steady:
        return f"at {_listed(times)}"
    spans = [f"from {first:02}:00 to {last:02}:59" for first, last in _runs(hours)]
    return f"{_minutes(fields.minutes, 'the hour')} {_listed(spans)}"


def _minutes(minutes: frozenset[int], hour: str) -> str:
    past = f"at {_joined(minutes, str)} minute{'s' if minutes != {1} else ''} past {hour}"
    return _steady_minutes(minutes) or past


def _steady_minutes(minutes: frozenset[int]) -> str | None:
    """Return words for minutes that lie evenly around the whole hour from 0 on, or None for all others."""
    step = _step(sorted(minutes))
    return _steady(step, "minute") if step and minutes == set(range(0, 60, step)) and 60 % step == 0 else None


def _days(fields: Fields, *, says_daily: bool) -> str:
    months = "" if len(fields.months) == 12 else _joined(fields.months, _month)
    if fields.every_day:
        return ("" if says_daily else " every day") + (f" in {months}" if months else "")
    if not fields.weekdays:
        return f" on the {_joined(fields.days, _ordinal)} of {months or 'the month'}"
    weekdays = _weekdays(fields.weekdays)
    if not fields.days:
        return weekdays + (f" in {months}" if months else "")
    union = f" on the {_joined(fields.days, _ordinal)} of the month or {weekdays.lstrip(', ')}"
    return union + (f", in {months} only" if months else "")


def _weekdays(weekdays: frozenset[int]) -> str:
    """Return words for weekdays, counted from Monday so that the weekend ends the week."""
    days = sorted((day - 1) % 7 for day in weekdays)
    if len(days) > 2 and len(_runs(days)) == 1:
        return f", {DAY_NAMES[days[0]]} to {DAY_NAMES[days[-1]]}"
    return " on " + _listed([f"{DAY_NAMES[day]}s" for day in days])


def _month(number: int) -> str:
    return MONTH_NAMES[number - 1]


def _ordinal(number: int) -> str:
    """Return 1st, 2nd, 3rd, 4th ...

    >>> [_ordinal(number) for number in (1, 2, 3, 11, 12, 13, 21, 22, 30)]
    ['1st', '2nd', '3rd', '11th', '12th', '13th', '21st', '22nd', '30th']
    """
    suffix = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{'th' if 11 <= number <= 13 else suffix}"


def _steady(step: int, unit: str) -> str:
    return f"every {unit}" if step == 1 else f"every {step} {unit}s"


def _step(numbers: list[int]) -> int | None:
    """Return the distance that all neighbours in `numbers` have, if they have the same."""
    distances = {after - before for before, after in pairwise(numbers)}
    return distances.pop() if len(distances) == 1 else None


def _runs(numbers: list[int]) -> list[tuple[int, int]]:
    """Return the first and last of each run of neighbours: [1, 2, 3, 7] -> [(1, 3), (7, 7)]."""
    firsts = [number for number in numbers if number - 1 not in numbers]
    lasts = [number for number in numbers if number + 1 not in numbers]
    return list(zip(firsts, lasts, strict=True))


def _joined(numbers: frozenset[int], name: Callable[[int], str]) -> str:
    """Return words for the numbers in a list, runs of three and more as 'a to b'."""
    parts: list[str] = []
    for first, last in _runs(sorted(numbers)):
        if last - first >= 2:
            parts.append(f"{name(first)} to {name(last)}")
        else:
            parts.extend(name(number) for number in range(first, last + 1))
    return _listed(parts)


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
