"""The coming starts of scheduled tasks: when each runs, which clash, and what a clock change does to them.

`plan_of` computes it from what is known of the tasks; `planned_tasks` reads that from a site.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import groupby
from math import ceil
from typing import TYPE_CHECKING, NamedTuple

from taskrunner.formatting import MONTHS, length, plural
from taskrunner.schedule import Every, Schedule
from taskrunner.views.columns import Column, Context, Listing, as_moment, moment

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from taskrunner.installation import Site
    from taskrunner.records import ScheduledRow

MINUTE = 60
DAY = 86_400
MOST_A_DAY = 8
"""Starts a day of which each has a row; a task that starts more often has one row for all of them."""

UNKNOWN_LENGTH = 1.0
"""Seconds that a task is thought to run of which no run is known."""

RUNS_FOR_USUAL = 50
MOST_TIMES = 2
"""Starts around a clock change that are named with their times."""


class PlannedTask(NamedTuple):
    """What is known of a task that will start: when it is due next, and the seconds a run usually takes.

    `held_until`: the end of a pause, at which what was due in it starts once.
    """

    name: str
    schedule: Schedule | Every
    next_run_at: float
    usual_duration: float | None = None
    held_until: float = 0.0


class Start(NamedTuple):
    """One coming start; `together`: how many tasks start in its minute, `wait`: for how long it has to wait.

    It waits where all crons that may run at once are busy with the tasks before it.
    """

    at: float
    name: str
    together: int
    wait: float


class PlannedRow(NamedTuple):
    """A coming start of a task, or all its starts where there are many of them each day.

    `starts`: how many these are; `wait` and `together` are the largest of them.
    """

    at: float
    task: PlannedTask
    starts: int
    starts_a_day: float
    together: int
    wait: float


class Clash(NamedTuple):
    """Tasks that start in the same minute, so many `times`, the first time at `at`.

    `work`: seconds that all of them take; `wait`: the longest that one of them has to wait.
    """

    at: float
    times: int
    names: tuple[str, ...]
    work: float
    wait: float


class ClockChange(NamedTuple):
    """A change of a zone's clock by so many seconds, and when the tasks run that it concerns.

    `shift` is positive where a part of the day is left out, and negative where one is repeated.
    """

    at: float
    timezone: str
    shift: int
    runs: tuple[tuple[str, tuple[float, ...]], ...]


class Plan(NamedTuple):
    """What runs from now on; `left_out`: how many tasks have no start in this time."""

    rows: list[PlannedRow]
    clashes: list[Clash]
    clock_changes: list[ClockChange]
    left_out: int = 0

    def of(self, names: Collection[str]) -> Plan:
        """Return what of it concerns some tasks."""
        changes = [
            change._replace(runs=tuple(run for run in change.runs if run[0] in names))
            for change in self.clock_changes
        ]
        clashes = [clash for clash in self.clashes if not set(names).isdisjoint(clash.names)]
        return Plan([row for row in self.rows if row.task.name in names], clashes, changes)


def plan_of(
    tasks: Sequence[PlannedTask],
    *,
    now: float,
    until: float,
    limit: int,
    left_out: int = 0,
    most_a_day: float = MOST_A_DAY,
) -> Plan:
    """Return what starts in a time, where `limit` crons at most run scheduled tasks at once.

    A task that starts more than `most_a_day` times a day has one row for all its starts.
    """
    by_name = {task.name: task for task in tasks}
    moments = {task.name: list(starts_of(task, now=now, until=until)) for task in tasks}
    starts = list(_with_waits(moments, by_name, limit))
    days = max(1.0, (until - now) / DAY)
    rows: list[PlannedRow] = []
    for name, group in groupby(sorted(starts, key=lambda start: start.name), key=lambda start: start.name):
        rows += _rows(by_name[name], list(group), days, most_a_day)
    return Plan(
        rows=sorted(rows, key=lambda row: (row.at, row.task.name)),
        clashes=_clashes(starts, by_name),
        clock_changes=_clock_changes(tasks, moments, now=now, until=until),
        left_out=left_out + sum(not found for found in moments.values()),
    )


def starts_of(task: PlannedTask, *, now: float, until: float) -> Iterator[float]:
    """Yield the moments from now on until another at which a task is due; what is overdue is due now."""
    first = max(task.next_run_at, now)
    if task.next_run_at < task.held_until:
        first = max(first, task.held_until)
    if first > until:
        return
    yield first
    if isinstance(task.schedule, Every):
        at = first // MINUTE * MINUTE + task.schedule.seconds
        while at <= until:
            yield at
            at += task.schedule.seconds
    else:
        yield from task.schedule.between(first, until)


def _with_waits(
    moments: dict[str, list[float]], tasks: dict[str, PlannedTask], limit: int
) -> Iterator[Start]:
    """Yield each start with how long it has to wait: a cron begins each minute where there is work.

    It runs one task after the other until nothing is due, the one that has waited longest first.
    """
    due = sorted((at, name) for name, found in moments.items() for at in found)
    together = Counter(at // MINUTE for at, _ in due)
    waiting: list[tuple[float, str]] = []
    asking: list[float] = []  # when each cron has ended its task
    place, minute = 0, 0
    while place < len(due) or waiting:
        if not waiting and not asking:
            minute = max(minute, ceil(due[place][0] / MINUTE) * MINUTE)
        if len(asking) < limit:
            heappush(asking, minute)
        while asking and asking[0] < minute + MINUTE:
            at = heappop(asking)
            while place < len(due) and due[place][0] <= at:
                heappush(waiting, due[place])
                place += 1
            if waiting:
                due_at, name = heappop(waiting)
                yield Start(due_at, name, together[due_at // MINUTE], _wait(due_at, at))
                heappush(asking, at + _length(tasks[name]))
        minute += MINUTE


def _wait(due_at: float, at: float) -> float:
    """Return the seconds that a task waits for others; until the next cron starts it waits for nobody."""
    return max(0.0, at - ceil(due_at / MINUTE) * MINUTE)


def _length(task: PlannedTask) -> float:
    return UNKNOWN_LENGTH if task.usual_duration is None else task.usual_duration


def _rows(task: PlannedTask, starts: list[Start], days: float, most_a_day: float) -> Iterator[PlannedRow]:
    a_day = len(starts) / days
    groups = [starts] if a_day > most_a_day else [[start] for start in starts]
    for group in groups:
        yield PlannedRow(
            at=min(start.at for start in group),
            task=task,
            starts=len(group),
            starts_a_day=a_day,
            together=max(start.together for start in group),
            wait=max(start.wait for start in group),
        )


def _clashes(starts: Iterable[Start], tasks: dict[str, PlannedTask]) -> list[Clash]:
    """Return what starts together, the same tasks once, those with the longest wait first."""
    found: dict[tuple[str, ...], list[Start]] = {}
    meeting = sorted((start for start in starts if start.together > 1), key=lambda start: start.at)
    for _, group in groupby(meeting, key=lambda start: start.at // MINUTE):
        together = list(group)
        names = tuple(sorted({start.name for start in together}))
        if len(names) > 1:
            found.setdefault(names, []).append(max(together, key=lambda start: start.wait))
    clashes = [
        Clash(
            at=min(start.at for start in worst) // MINUTE * MINUTE,
            times=len(worst),
            names=names,
            work=sum(_length(tasks[name]) for name in names),
            wait=max(start.wait for start in worst),
        )
        for names, worst in found.items()
    ]
    return sorted(clashes, key=lambda clash: (-clash.wait, -len(clash.names), clash.at))


def _clock_changes(
    tasks: Iterable[PlannedTask], moments: dict[str, list[float]], *, now: float, until: float
) -> list[ClockChange]:
    by_zone: dict[str, list[tuple[PlannedTask, Schedule]]] = {}
    for task in tasks:
        if isinstance(task.schedule, Schedule):
            by_zone.setdefault(task.schedule.timezone, []).append((task, task.schedule))
    changes = []
    for timezone, of_zone in by_zone.items():
        for at, shift in _changes_of(timezone, now, until):
            # a start before the change may be in the hour that is repeated after it
            first, last = min(at, at + shift), max(at, at - shift)
            runs = [
                (task.name, tuple(one for one in moments[task.name] if first <= one < last or one == at))
                for task, schedule in of_zone
                if _shows(schedule, at, timezone, shift)
            ]
            changes.append(ClockChange(at, timezone, shift, tuple(run for run in runs if run[1])))
    return sorted(changes)


def _changes_of(timezone: str, now: float, until: float) -> Iterator[tuple[float, int]]:
    """Yield the changes of a zone's clock, and by how many seconds it goes forward, to the minute."""
    from taskrunner.zones import get_zone

    zone = get_zone(timezone)

    def offset(at: float) -> int:
        return int((datetime.fromtimestamp(at, zone).utcoffset() or timedelta()).total_seconds())

    hours = range(int(now) // 3600 * 3600, int(until) + 3600, 3600)
    for hour in hours:
        if (shift := offset(hour + 3600) - offset(hour)) != 0:
            at = next(minute for minute in range(hour, hour + 3601, MINUTE) if offset(minute) != offset(hour))
            if now <= at <= until:
                yield float(at), shift


def _shows(schedule: Schedule, at: float, timezone: str, shift: int) -> bool:
    """Return whether a schedule names a time of day that the change leaves out or repeats."""
    from taskrunner.zones import get_zone

    if shift > 0 and schedule.follows_elapsed_time:
        return False  # it makes up for nothing
    after = datetime.fromtimestamp(at, get_zone(timezone)).replace(tzinfo=UTC).timestamp()
    first, last = sorted((after, after - shift))
    as_shown = Schedule(schedule.expanded, timezone="UTC")
    return next(as_shown.between(first - 1, last - 1), None) is not None


def planned_tasks(site: Site, now: float) -> tuple[list[PlannedTask], int]:
    """Return the tasks that will start, and how many will not: disabled, paused, missing or off."""
    from taskrunner.store.runs import usual_duration

    planned, left_out = [], 0
    rows = site.store.scheduled.list()
    recent = site.store.log.recent([row.name for row in rows], count=RUNS_FOR_USUAL)
    for row in rows:
        pause = site.pause_of(row.name, now)
        if row.blocked is not None or row.disabled or row.off_reason or (pause and pause.until is None):
            left_out += 1
            continue
        planned.append(
            PlannedTask(
                row.name,
                site.planner.schedule(row.schedule, name=row.name, timezone=row.timezone),
                _next_start(site, row, now),
                usual_duration(recent[row.name]),
                (pause.until or 0.0) if pause else 0.0,
            )
        )
    return planned, left_out


def _next_start(site: Site, row: ScheduledRow, now: float) -> float:
    if row.run_id is None:
        return row.next_run_at
    return site.planner.next_after_run(row, started_at=row.started_at or now, now=now)


def day_moment(epoch: float, context: Context) -> str:
    """Return a moment of the coming days: weekday, day and time.

    >>> day_moment(1795265821, Context(0, UTC))
    'Sat Nov 21 12:57'
    """
    local = datetime.fromtimestamp(epoch, context.zone)
    return f"{local:%a} {MONTHS[local.month - 1]} {local.day:>2} {local:%H:%M}"


def _often(row: PlannedRow, _: Context) -> str:
    return "" if row.starts == 1 else f"{row.starts_a_day:,.0f} a day"


PLANNED: Listing[PlannedRow] = Listing(
    (
        moment("at", "When", lambda row, context: day_moment(row.at, context)),
        Column("name", "Task", lambda row, _: row.task.name, cut="middle", least=20),
        Column("schedule", value=lambda row, _: row.task.schedule.text),
        Column(
            "usual_duration",
            "Usually",
            lambda row, _: row.task.usual_duration,
            lambda row, _: "?" if row.task.usual_duration is None else length(row.task.usual_duration),
            right=True,
        ),
        Column("starts"),
        Column("starts_a_day", "Often", lambda row, _: round(row.starts_a_day, 3), _often, right=True),
        Column("together", "At once", right=True, leaves=2),
        Column(
            "wait",
            "Waits",
            lambda row, _: round(row.wait, 3),
            lambda row, _: length(row.wait) if row.wait >= 1 else "",
            right=True,
            leaves=1,
        ),
    )
)

CLASHES: Listing[Clash] = Listing(
    (
        moment("at", "First", lambda clash, context: day_moment(clash.at, context)),
        Column("times", "Times", right=True),
        Column("tasks", "Tasks", lambda clash, _: len(clash.names), right=True),
        Column(
            "work",
            "Work",
            lambda clash, _: round(clash.work, 3),
            lambda clash, _: length(clash.work),
            right=True,
            leaves=1,
        ),
        Column(
            "wait",
            "Waits",
            lambda clash, _: round(clash.wait, 3),
            lambda clash, _: length(clash.wait),
            right=True,
        ),
        Column(
            "names",
            "Names",
            lambda clash, _: list(clash.names),
            lambda clash, _: ", ".join(clash.names),
            cut="end",
        ),
    )
)

CLOCK_CHANGES: Listing[ClockChange] = Listing(
    (
        moment("at"),
        Column("timezone"),
        Column("shift"),
        Column(
            "runs",
            value=lambda change, _: {name: [as_moment(at) for at in found] for name, found in change.runs},
        ),
    )
)


def clock_change_sentence(change: ClockChange, context: Context) -> str:
    """Return what a clock change does, in words."""
    direction = "forward" if change.shift > 0 else "back"
    start = f"{day_moment(change.at, context)}  the clock of {change.timezone} goes {direction}"
    start += f" by {length(abs(change.shift))}"
    if not change.runs:
        return f"{start}; no task is due in that time"
    runs = [
        f"{name} runs at {' and '.join(_clock_time(at, change.timezone) for at in found)}"
        if len(found) <= MOST_TIMES
        else f"{name} runs {plural(len(found), 'time')}"
        for name, found in change.runs
    ]
    return f"{start}: {', '.join(runs)}"


def _clock_time(at: float, timezone: str) -> str:
    """Return a time of day as the clocks of a zone show it, with the offset that tells a repeated hour."""
    from taskrunner.zones import get_zone

    return f"{datetime.fromtimestamp(at, get_zone(timezone)):%H:%M %z}"
