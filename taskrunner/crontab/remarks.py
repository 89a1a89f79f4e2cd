"""What is different when taskrunner, not cron, runs the lines of a crontab."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

from taskrunner.schedule.parse import Fields, parse_fields, split_fields
from taskrunner.schedule.zones import get_zone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from taskrunner.crontab.records import Crontab, Entry, Job

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


SLEEPS = re.compile(r"(^|[\s;&|('\"])sleep\s")

QUESTIONS = ("[", "test ", "command -v ", "pgrep ", "pidof ", "mountpoint ")

ALWAYS = (
    "An exit code other than 0 is a failure, tried again after 1, 2, 4 … minutes, unless the class"
    " accepts it: accepted_exit_codes = (0, 1)",
    "What was due while the machine was off runs once when it is on again, unless the class says"
    ' misfire = "skip"',
    "A task never runs twice at once; while all processes are busy (scheduled_concurrency_limit)"
    " it starts later",
)


def remarks_on(crontab: Crontab, *, zone: str, now: datetime) -> list[str]:
    """Return what to know about the lines that are carried over; `zone` is that of the site."""
    return [*_of_lines(crontab, zone, now), *ALWAYS] if crontab.jobs else []


def mail_of(crontab: Crontab) -> str | None:
    """Return to whom most lines mail what they print; "": to nobody, None: to their owner."""
    told = [dict(job.variables.values).get("MAILTO") for job in crontab.jobs]
    return max(told, key=told.count) if told else None


def lines_of(jobs: list[Job]) -> str:
    """Return the numbers of lines in words.

    >>> from types import SimpleNamespace as Line
    >>> lines_of([Line(line=4)]), lines_of([Line(line=4), Line(line=6), Line(line=7), Line(line=8)])
    ('line 4', 'lines 4, 6-8')
    """
    numbers = sorted(job.line for job in jobs)
    spans: list[list[int]] = []
    for number in numbers:
        if spans and spans[-1][-1] == number - 1:
            spans[-1] = [spans[-1][0], number]
        else:
            spans.append([number, number])
    told = ", ".join(f"{first}-{last}" if last > first else str(first) for first, last in spans)
    return f"line{'s' * (len(numbers) > 1)} {told}"


def _of_lines(crontab: Crontab, zone: str, now: datetime) -> Iterator[str]:
    def concerned(condition: Callable[[Job], object]) -> str:
        jobs = [job for job in crontab.jobs if condition(job)]
        return lines_of(jobs) if jobs else ""

    mail = mail_of(crontab)
    if crontab.windows:
        yield "The lines end as on Windows; cron would hand that to the shell, here it is left out"
    if lines := concerned(lambda job: dict(job.variables.values).get("MAILTO") != mail):
        yield f"MAILTO differs for {lines}: cron mails to one address only; [notify] can tell them apart"
    if lines := concerned(lambda job: job.variables.get("CRON_TZ")):
        yield f"CRON_TZ is the time zone of {lines}, as with cronie; Debian's cron looks at the system's"
    if lines := concerned(lambda job: job.variables.get("TZ")):
        yield f"TZ is handed to the commands of {lines}; it changes nothing of when they start, as with cron"
    if lines := concerned(lambda job: job.variables.get("RANDOM_DELAY")):
        yield f"RANDOM_DELAY is not followed: {lines} start at the minute; H in a schedule spreads them"
    if lines := concerned(_asks_first):
        yield f"Where the question of {lines} is answered with no, that is exit code 1: [ ! … ] || … is 0"
    if lines := concerned(lambda job: SLEEPS.search(job.entry.command)):
        yield f"A command that sleeps keeps others waiting ({lines}): H in the schedule spreads as well"
    if lines := concerned(
        lambda job: has_other_rule(job.entry, changed_hours(job.variables.get("CRON_TZ") or zone, now))
    ):
        yield f"When the clock is changed, {lines} run by taskrunner's rule, once at each time they name"


def _asks_first(job: Job) -> bool:
    """Say whether a command ends with 1 where there is nothing to do; with || it says what then."""
    question, and_then, _ = job.entry.command.partition("&&")
    return bool(and_then) and "||" not in job.entry.command and question.lstrip().startswith(QUESTIONS)
