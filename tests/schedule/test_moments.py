"""The next moment, against a brute force that walks through every minute around the clock changes."""

import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from taskrunner.schedule import Schedule
from taskrunner.schedule.moments import canonical
from taskrunner.schedule.parse import parse_fields

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
# Zones with the dates at which something happens to their clocks, or nothing at all.
CHANGES = [
    ("Europe/Paris", "2026-03-29"),
    ("Europe/Paris", "2026-10-25"),
    ("Europe/London", "2026-03-29"),
    ("Europe/London", "2026-10-25"),
    ("Europe/Dublin", "2026-10-25"),
    ("America/New_York", "2026-03-08"),
    ("America/New_York", "2026-11-01"),
    ("America/Havana", "2026-03-08"),
    ("America/Havana", "2026-11-01"),
    ("America/Sao_Paulo", "2018-02-18"),
    ("America/Sao_Paulo", "2018-11-04"),
    ("Australia/Lord_Howe", "2026-04-05"),
    ("Australia/Lord_Howe", "2026-10-04"),
    ("Africa/Cairo", "2026-04-24"),
    ("Africa/Cairo", "2026-10-30"),
    ("Africa/Casablanca", "2026-02-15"),
    ("Africa/Casablanca", "2026-03-22"),
    ("Antarctica/Troll", "2026-03-29"),
    ("Antarctica/Troll", "2026-10-25"),
    ("Pacific/Apia", "2011-12-30"),
    ("Asia/Kathmandu", "1986-01-01"),
    ("Asia/Kathmandu", "2026-01-15"),
    ("UTC", "2026-01-15"),
]


@dataclass(frozen=True)
class Rule:
    """Five fields as text, and on their own what they mean; weekdays from 0, Sunday."""

    text: str
    minutes: set[int]
    hours: set[int]
    days: set[int] | None
    weekdays: set[int] | None

    def matches(self, wall: datetime) -> bool:
        return self.of([wall]) != []

    def of(self, walls: Iterable[datetime]) -> list[datetime]:
        """Return those that match, of thousands."""
        minutes, hours = self.minutes, self.hours
        return [
            wall
            for wall in walls
            if wall.minute in minutes and wall.hour in hours and self._matches_date(wall)
        ]

    def _matches_date(self, wall: datetime) -> bool:
        by_day = self.days is not None and wall.day in self.days
        by_weekday = self.weekdays is not None and wall.isoweekday() % 7 in self.weekdays
        return (self.days is None and self.weekdays is None) or by_day or by_weekday


def listed(numbers: set[int]) -> str:
    return ",".join(map(str, sorted(numbers)))


def lists(numbers: list[int], most: int) -> st.SearchStrategy[tuple[str, set[int]]]:
    """Draw a list as text, and its numbers."""
    sets = st.sets(st.sampled_from(numbers), min_size=1, max_size=most)
    return sets.map(lambda chosen: (listed(chosen), chosen))


def whole(size: int, *steps: int) -> list[tuple[str, set[int]]]:
    return [(f"*/{step}", set(range(0, size, step))) for step in steps] + [("*", set(range(size)))]


NIGHT = lists([0, 1, 2, 3, 23], 4) | lists(list(range(24)), 2)
MINUTES = st.sampled_from(whole(60, 7, 15, 30)) | lists(list(range(60)), 3)
HOURS = st.sampled_from([*whole(24, 2, 3), ("0-23", set(range(24)))]) | NIGHT
DAYS = st.sampled_from([("*", None), ("*", None), ("*/2", set(range(1, 32, 2)))]) | lists([*range(1, 32)], 9)
WEEKDAYS = st.sampled_from([("*", None), ("*", None), ("0-6", set(range(7)))]) | lists([*range(7)], 3)


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    """Draw rules that are often due in the first hours of the day, where clocks are changed."""
    minutes, hours, days, weekdays = map(draw, (MINUTES, HOURS, DAYS, WEEKDAYS))
    text = " ".join([minutes[0], hours[0], days[0], "*", weekdays[0]])
    return Rule(text, minutes[1], hours[1], days[1], weekdays[1])


@dataclass(frozen=True)
class Walk:
    """The minutes (UTC) around a clock change, each with what the clock on the wall shows then.

    `walls` are the minutes of the calendar, as if the clock were never changed.
    """

    start: datetime
    end: datetime
    shown: dict[datetime, datetime]
    showings: dict[datetime, list[datetime]]
    walls: list[datetime]


@lru_cache
def walk(zone: str, date: str) -> Walk:
    middle = datetime.fromisoformat(date).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    start, end = middle - 2 * DAY, middle + 2 * DAY
    minutes = [start + number * MINUTE for number in range((end - start) // MINUTE)]
    shown = {minute: minute.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0) for minute in minutes}
    showings: dict[datetime, list[datetime]] = {}
    for minute, wall in shown.items():
        showings.setdefault(wall, []).append(minute)
    first, last = shown[start], max(showings)
    walls = [first + number * MINUTE for number in range((last - first) // MINUTE + 1)]
    return Walk(start, end, shown, showings, walls)


def brute_force(rule: Rule, around: Walk) -> list[datetime]:
    """Return all moments in the walk at which `rule` is due, in order, by looking at every minute."""
    if len(rule.hours) == 24:
        due = set(rule.of(around.shown.values()))
        return [minute for minute, wall in around.shown.items() if wall in due]
    return sorted({once(wall, around) for wall in rule.of(around.walls)})


def once(wall: datetime, around: Walk) -> datetime:
    if wall in around.showings:
        return around.showings[wall][0]
    return next(minute for minute, shown in around.shown.items() if shown > wall)


def bases() -> st.SearchStrategy[timedelta]:
    """Draw how long after the midnight of the change to ask: often in the hours around it."""
    minutes = st.integers(-120, 300) | st.integers(-24 * 60, 36 * 60)
    return st.builds(
        lambda minute, second: timedelta(minutes=minute, seconds=second), minutes, st.integers(0, 59)
    )


@pytest.mark.parametrize(("zone", "date"), CHANGES)
def test_the_next_moment_is_that_of_a_brute_force(zone: str, date: str) -> None:
    around = walk(zone, date)

    @settings(max_examples=60)
    @given(rules(), bases())
    def agrees(rule: Rule, since_midnight: timedelta) -> None:
        base = around.start + 2 * DAY + since_midnight
        expected = next((moment for moment in brute_force(rule, around) if moment > base), None)

        moment = Schedule(rule.text, timezone=zone).next_after(base)
        actual = moment.astimezone(UTC)

        assert base < actual
        assert moment.isoformat() == actual.astimezone(ZoneInfo(zone)).isoformat()
        assert (expected or actual) == actual
        assert expected or actual >= around.end

    agrees()


@pytest.mark.parametrize(("zone", "date"), CHANGES)
def test_all_moments_of_some_days_are_those_that_follow_each_other(zone: str, date: str) -> None:
    around = walk(zone, date)

    @settings(max_examples=20)
    @given(rules(), bases())
    def agrees(rule: Rule, since_midnight: timedelta) -> None:
        schedule = Schedule(rule.text, timezone=zone)
        start = (around.start + DAY + since_midnight).timestamp()
        end = around.end.timestamp()
        expected = [at for at in map(datetime.timestamp, brute_force(rule, around)) if start < at <= end]

        assert expected == list(schedule.between(start, end - 60))

    agrees()


@pytest.mark.parametrize(("zone", "date"), CHANGES)
def test_no_wall_clock_minute_of_a_date_is_due_twice(zone: str, date: str) -> None:
    around = walk(zone, date)
    schedule = Schedule("*/20 0-22 * * *", timezone=zone)

    moments = schedule.upcoming(around.start, 3 * 23 * 3)
    walls = [moment.replace(tzinfo=None, fold=0) for moment in moments]

    assert len(set(walls)) == len(walls)
    assert sorted(walls) == walls


@pytest.mark.parametrize(("zone", "date"), CHANGES)
def test_every_minute_is_a_real_minute_whatever_the_clock_shows(zone: str, date: str) -> None:
    start = walk(zone, date).start + DAY

    moments = Schedule("* * * * *", timezone=zone).upcoming(start, 400)
    minutes = [moment.astimezone(UTC) for moment in moments]

    assert [start + number * MINUTE for number in range(1, 401)] == minutes


@pytest.mark.parametrize("hour", ["0", "*"])
def test_the_next_date_is_that_of_a_calendar_walk(hour: str) -> None:
    numbers = st.none() | st.sets(st.integers(0, 6), min_size=1, max_size=2)

    @settings(max_examples=150)
    @given(
        st.datetimes(datetime(1970, 1, 1), datetime(2105, 1, 1)),
        st.none() | st.sets(st.integers(28, 31) | st.integers(1, 31), min_size=1, max_size=3),
        st.sets(st.integers(1, 12) | st.just(2), min_size=1, max_size=3),
        numbers,
    )
    @example(datetime(2096, 3, 1), {29}, {2}, None)
    @example(datetime(2096, 2, 29), {29}, {2}, None)
    @example(datetime(2026, 3, 1), {31}, {2}, {1})
    @example(datetime(2026, 3, 1), {29, 30}, {2}, {0, 1, 2, 3, 4, 5, 6})
    def agrees(base: datetime, days: set[int] | None, months: set[int], weekdays: set[int] | None) -> None:
        rule = Rule("", {0}, {0}, days, weekdays)
        dates = (base.replace(hour=0, minute=0, second=0, microsecond=0) + n * DAY for n in range(9 * 366))
        expected = next(
            (date for date in dates if date > base and date.month in months and rule.matches(date)), None
        )
        columns = [listed(numbers) if numbers else "*" for numbers in (days, months, weekdays)]
        text = " ".join(["0", hour, *columns])
        if expected is None:
            return

        actual = Schedule(text, timezone="UTC").next_after(base.replace(tzinfo=UTC))

        assert hour == "*" or expected == actual.replace(tzinfo=None)
        assert actual.replace(tzinfo=None) <= expected

    agrees()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0 0 */12 * 0-6", "0 0 * * *"),
        ("0 0 1-31 * 5", "0 0 * * *"),
        ("0 0 1-31 2 *", "0 0 * 2 *"),
        ("0 0 * * 0-6", "0 0 * * *"),
        ("*/1 0-23 1 */1 *", "* * 1 * *"),
        ("*/20 1/9 1-3 jan-mar fri-sun", "0,20,40 1,10,19 1,2,3 1,2,3 0,5,6"),
        ("0 0 30,31 2 mon", "0 0 * 2 1"),
    ],
)
def test_croniter_gets_explicit_lists_that_it_cannot_misread(text: str, expected: str) -> None:
    assert expected == canonical(parse_fields(text.split(), text))


@pytest.mark.parametrize(
    ("zone", "text", "base", "expected"),
    [
        # Inside the second pass of a repeated hour the first has been: not again today.
        ("Europe/Paris", "45 2 * * *", "2026-10-25T02:30:00+01:00", "2026-10-26T02:45:00+01:00"),
        ("Europe/Paris", "*/30 * * * *", "2026-10-25T02:45:00+02:00", "2026-10-25T02:00:00+01:00"),
        # A day that does not exist is made up at the first instant after it, once.
        ("Pacific/Apia", "0 */2 30 12 *", "2011-12-29T12:00:00-10:00", "2011-12-31T00:00:00+14:00"),
        # Nothing is made up by what follows elapsed time.
        ("Pacific/Apia", "0 * 30 12 *", "2011-12-29T12:00:00-10:00", "2012-12-30T00:00:00+14:00"),
        ("Australia/Lord_Howe", "15 2 * * *", "2026-10-04T01:59:00+10:30", "2026-10-04T02:30:00+11:00"),
        ("America/Sao_Paulo", "0 0 * * *", "2018-11-03T12:00:00-03:00", "2018-11-04T01:00:00-02:00"),
        # A change that does not fall on a full minute (44 min 30 s, the last zone to have seconds).
        ("Africa/Monrovia", "30 0 * * *", "1972-01-06T12:00:00-00:44:30", "1972-01-07T00:44:30+00:00"),
    ],
)
def test_special_cases_of_clock_changes(zone: str, text: str, base: str, expected: str) -> None:
    actual = Schedule(text, timezone=zone).next_after(datetime.fromisoformat(base))

    assert expected == actual.isoformat()


COUNT_STARTS = """
import platform, sys
before, started = platform.architecture, []
sys.addaudithook(lambda event, args: started.append(args[0]) if event == "subprocess.Popen" else None)
from taskrunner.schedule import Schedule
Schedule("7 3 * * *", timezone="UTC").next_after(__import__("datetime").datetime.now().astimezone())
print("croniter" in sys.modules, started, platform.architecture is before)
"""


def test_the_first_moment_is_computed_without_starting_a_program() -> None:
    answer = subprocess.run([sys.executable, "-c", COUNT_STARTS], capture_output=True, text=True, check=True)

    assert answer.stdout == "True [] True\n"
