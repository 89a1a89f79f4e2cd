"""When cron would start a line, as a schedule of taskrunner that means exactly the same."""

from __future__ import annotations

import re

from taskrunner.crontab.records import RefusedError
from taskrunner.errors import InvalidScheduleError
from taskrunner.schedule import Schedule
from taskrunner.schedule.fields import FIELDS, WEEKDAY
from taskrunner.schedule.grammar import ALIASES, parse_fields

EVERY_MINUTE = "* * * * *"
VALUE = r"([0-9]+|[A-Za-z]{3})"
ITEM = re.compile(rf"{VALUE}|(\*|{VALUE}-{VALUE})(/[0-9]+)?")
STEP_AFTER_VALUE = re.compile(rf"{VALUE}/.*")
ENDS_WITH_SUNDAY = re.compile(r"(?!0+-|sun-)\w+-sun(/[0-9]+)?", re.IGNORECASE)
REBOOT = "taskrunner cannot tell a restart; leave it to cron"


def translate(columns: list[str]) -> str:
    """Return five fields of a crontab as a schedule of taskrunner. Raises RefusedError: no schedule says so.

    Where cron programs differ, or accept what they do not understand, nothing is guessed. To cron a field
    that begins with * restricts nothing, so that day and weekday must both match if one of them does
    (DOM_STAR and DOW_STAR of ISC cron); to taskrunner only * itself does.

    >>> translate(["0", "3", "*/1", "*", "mon"]), translate(["0", "3", "1-7", "*", "1"])
    ('0 3 * * mon', '0 3 1-7 * 1')
    """
    for field, column in zip(FIELDS, columns, strict=True):
        for item in column.split(","):
            _refuse_what_cron_does_not_know(item, field.name)
    minute, hour, day, month, weekday = columns
    if day.startswith("*") or weekday.startswith("*"):
        day, weekday = _both(day, weekday)
    return _checked(" ".join((minute, hour, day, month, weekday)))


def translate_alias(word: str) -> str:
    """Return @daily and its like as a schedule of taskrunner. Raises RefusedError."""
    if word in ALIASES:
        return word
    if word == "@every_minute":  # FreeBSD
        return EVERY_MINUTE
    raise RefusedError(
        REBOOT if word == "@reboot" else f"{word} is no time that taskrunner or Linux's cron knows"
    )


def follows_clock(schedule: str) -> bool:
    """Say whether cron skips and repeats a line as the clock does when it is changed.

    So it does with those whose minute or hour begins with * (MIN_STAR and HR_STAR of ISC cron).
    """
    minute, hour, *_ = ALIASES.get(schedule, schedule).split(" ")
    return minute.startswith("*") or hour.startswith("*")


def _refuse_what_cron_does_not_know(item: str, field: str) -> None:
    if "~" in item:
        fixed = f"H({item.replace('~', '-')})" if item.strip("~") == item else "H"
        raise RefusedError(f"{field}: cron draws {item} by chance; {fixed} chooses it once")
    if STEP_AFTER_VALUE.fullmatch(item):
        raise RefusedError(f"{field}: cron programs differ in what {item} means; write a-b/n")
    if field == WEEKDAY.name and ENDS_WITH_SUNDAY.fullmatch(item):
        raise RefusedError(f"{field}: cron programs differ in what {item} means; write its end as 7")
    if not ITEM.fullmatch(item):
        raise RefusedError(f"{field}: {item!r} is not what cron knows")


def _both(day: str, weekday: str) -> tuple[str, str]:
    """Return day and weekday of which one restricts nothing, as taskrunner writes that."""
    if _is_complete("*", weekday):
        return day, "*"
    if _is_complete(day, "*"):
        return "*", weekday
    raise RefusedError(
        f"day {day} and weekday {weekday} must both match, as one begins with *; schedules here let either"
        " match: take one of them, and ask for the other in should_run()"
    )


def _is_complete(day: str, weekday: str) -> bool:
    try:
        return parse_fields(["*", "*", day, "*", weekday], f"{day} {weekday}").every_day
    except InvalidScheduleError as error:
        raise RefusedError(str(error)) from error


def _checked(text: str) -> str:
    try:
        Schedule(text, timezone="UTC")
    except InvalidScheduleError as error:
        raise RefusedError(str(error)) from error
    return text
