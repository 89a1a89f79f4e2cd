"""What has to run when: found by trying each minute of the wall clock, with no line of taskrunner's."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

MINUTE = 60.0
THREE_HOURS = 3 * 3600.0
"""The largest step back of the clock after which no slot of a day comes again."""

LONGEST_DELAY = 86_400


@dataclass(frozen=True)
class Rule:
    """A task: its schedule as taskrunner reads it, and the same thing said in Python.

    `matches` takes a wall clock time. `by_wall`: each matching minute of a day comes once; else the schedule
    follows elapsed time. `every`: seconds between two starts, then nothing else is needed. `fails`, `dies`:
    whether the run of this number fails, or kills its process.
    """

    name: str
    schedule: str
    zone: str = "Europe/Berlin"
    matches: Callable[[datetime], bool] = lambda _: False
    by_wall: bool = False
    every: int = 0
    fails: Callable[[int], bool] = lambda _: False
    dies: Callable[[int], bool] = lambda _: False


RULES = (
    Rule("Quarter", "*/15 * * * *", matches=lambda at: at.minute % 15 == 0),
    Rule(
        "Hourly",
        "7 * * * *",
        "Australia/Lord_Howe",
        matches=lambda at: at.minute == 7,
    ),
    Rule("Interval", "every 2h", every=7200),
    Rule("Night", "30 2 * * *", matches=lambda at: (at.hour, at.minute) == (2, 30), by_wall=True),
    Rule(
        "FarNight",
        "30 2 * * *",
        "Australia/Sydney",
        matches=lambda at: (at.hour, at.minute) == (2, 30),
        by_wall=True,
    ),
    Rule(
        "SmallHours",
        "*/20 1-3 * * *",
        matches=lambda at: at.hour in (1, 2, 3) and at.minute % 20 == 0,
        by_wall=True,
    ),
    Rule(
        "FarSmallHours",
        "*/20 1-3 * * *",
        "Australia/Sydney",
        matches=lambda at: at.hour in (1, 2, 3) and at.minute % 20 == 0,
        by_wall=True,
    ),
    Rule(
        "Office",
        "5,35 8-17 * * 1-5",
        matches=lambda at: at.minute in (5, 35) and 8 <= at.hour <= 17 and at.isoweekday() <= 5,
        by_wall=True,
    ),
    Rule(
        "Sunday",
        "15 3 * * sun",
        matches=lambda at: (at.hour, at.minute, at.isoweekday()) == (3, 15, 7),
        by_wall=True,
    ),
    Rule(
        "Monthly",
        "0 0 1 * *",
        matches=lambda at: (at.day, at.hour, at.minute) == (1, 0, 0),
        by_wall=True,
    ),
    Rule(
        "Fails",
        "10 */3 * * *",
        matches=lambda at: at.hour % 3 == 0 and at.minute == 10,
        by_wall=True,
        fails=lambda number: number % 7 in (2, 3, 4),
    ),
    Rule(
        "Dies",
        "25 * * * *",
        matches=lambda at: at.minute == 25,
        dies=lambda number: number % 5 == 3,
    ),
)


def slots_of(rule: Rule, first: float, last: float) -> list[float]:
    """Return every slot of a rule between two moments, by looking at each minute."""
    zone, found = ZoneInfo(rule.zone), []
    moment = first // MINUTE * MINUTE
    before = datetime.fromtimestamp(moment - MINUTE, zone)
    while moment <= last:
        at = datetime.fromtimestamp(moment, zone)
        if not rule.by_wall:
            is_slot = rule.matches(at)
        else:
            is_slot = at.fold == 0 and any(rule.matches(minute) for minute in _minutes_until(before, at))
        if is_slot:
            found.append(moment)
        moment, before = moment + MINUTE, at
    return found


def _minutes_until(before: datetime, at: datetime) -> Iterator[datetime]:
    """Give a minute of the wall clock, and those before it that the clock has left out."""
    minute, naive = before.replace(tzinfo=None) + timedelta(minutes=1), at.replace(tzinfo=None)
    yield naive
    while minute < naive:
        yield minute
        minute += timedelta(minutes=1)


@dataclass
class Expected:
    """A task in the oracle: when it is due next, and how often it ran."""

    rule: Rule
    slots: list[float]
    due_at: float = 0.0
    runs: int = 0
    delay: int = 0
    died: bool = False

    def next_after(self, now: float) -> float:
        """Return the first slot after a moment."""
        return self.slots[bisect_right(self.slots, now)]


@dataclass
class Oracle:
    """Says what each cron has to start, in this order."""

    first: float
    last: float
    tasks: list[Expected] = field(default_factory=list)
    before: float | None = None

    def __post_init__(self) -> None:
        for rule in RULES:
            slots = slots_of(rule, self.first - 86_400, self.last + 40 * 86_400) if not rule.every else []
            task = Expected(rule, slots)
            task.due_at = self.first if rule.every else task.next_after(self.first)
            self.tasks.append(task)

    def cron(self, now: float) -> list[tuple[str, int]]:
        """Return (name, number of the run) of what starts in a cron at this time of the clock."""
        self._see_clock(now)
        for task in self.tasks:
            if task.died:  # the cron after a crash records it
                task.died = False
                self._fail(task, now)
        started = []
        for task in sorted(self.tasks, key=lambda task: task.due_at):
            if task.due_at > now:
                continue
            task.runs += 1
            started.append((task.rule.name, task.runs))
            if task.rule.dies(task.runs):
                task.died = True
                break  # and with its process all that was to come
            if task.rule.fails(task.runs):
                self._fail(task, now)
            else:
                task.delay = 0
                task.due_at = (
                    now // MINUTE * MINUTE + task.rule.every if task.rule.every else task.next_after(now)
                )
        return started

    def _see_clock(self, now: float) -> None:
        """Plan anew what a clock that was set back would let wait; no slot of a day comes twice."""
        if self.before is not None and self.before > now + MINUTE:
            for task in self.tasks:
                planned = now + task.rule.every if task.rule.every else task.next_after(now)
                latest = max(planned, now + task.delay)
                spared = task.next_after(now + THREE_HOURS) if task.rule.by_wall else now
                if task.due_at > max(latest, spared):
                    task.due_at = latest
        self.before = now

    @staticmethod
    def _fail(task: Expected, now: float) -> None:
        task.delay = min(task.delay * 2 or 60, LONGEST_DELAY)
        task.due_at = now + task.delay
