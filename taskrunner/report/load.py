"""When cron is busy: by hour and minute, by weekday and hour, and how starts pile up on a minute."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from heapq import heappop, heappush
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import tzinfo

    from taskrunner.records import TaskRun

CELL = 300
"""Seconds of a cell: 12 in an hour."""

LONGEST = 7 * 86_400
"""Seconds of a run that are drawn; one that seems longer than a week was not at work all the time."""

HOTTEST = 5
BEHIND = 3


@dataclass(frozen=True, slots=True)
class HotCell:
    """A busy cell of the day, and the tasks behind it with their seconds, the busiest first."""

    hour: int
    minute: int
    seconds: float
    tasks: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Heatmap:
    """Busy seconds by [hour][5 minutes] and by [weekday][hour]; starts by minute of the hour.

    `days`: on how many days something ran.
    """

    by_day: list[list[float]]
    by_week: list[list[float]]
    starts: list[int]
    hottest: list[HotCell]
    days: int


def heatmap(runs: Iterable[TaskRun], local: LocalTime) -> Heatmap:
    """Return when cron is busy, as the zone's clock shows it."""
    by_day = [[0.0] * 12 for _ in range(24)]
    by_week = [[0.0] * 24 for _ in range(7)]
    starts = [0] * 60
    behind: dict[tuple[int, int], Counter[str]] = {}
    days = set()
    for run in runs:
        days.add(int(run.started_at) // 86_400)
        starts[local.read(run.started_at)[1] // 60 % 60] += 1
        for moment, seconds in _pieces(run):
            weekday, second = local.read(moment)
            hour, column = second // 3600, second % 3600 // CELL
            by_day[hour][column] += seconds
            by_week[weekday][hour] += seconds
            behind.setdefault((hour, column), Counter())[run.name] += seconds  # type: ignore[assignment]
    return Heatmap(by_day, by_week, starts, _hottest(by_day, behind), len(days))


def _pieces(run: TaskRun) -> Iterator[tuple[float, float]]:
    """Yield (moment, seconds) of a run for each cell it lies in."""
    moment, end = run.started_at, run.started_at + min(run.duration, LONGEST)
    while moment < end:
        border = min(end, (moment // CELL + 1) * CELL)
        yield moment, border - moment
        moment = border


def _hottest(by_day: list[list[float]], behind: dict[tuple[int, int], Counter[str]]) -> list[HotCell]:
    cells = sorted(behind, key=lambda cell: (-by_day[cell[0]][cell[1]], cell))[:HOTTEST]
    return [
        HotCell(hour, column * 5, by_day[hour][column], tuple(behind[hour, column].most_common(BEHIND)))
        for hour, column in cells
    ]


FEWEST_STARTS = 3


@dataclass(frozen=True, slots=True)
class Pair:
    """Two tasks, or one twice, that ran together: how often, for how many seconds in all."""

    first: str
    second: str
    times: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Overrun:
    """A scheduled task of which runs last longer than the time between its starts."""

    name: str
    interval: float
    times: int
    runs: int


@dataclass(frozen=True, slots=True)
class Overlaps:
    """The most tasks at once, when, and which; the pairs, most time together first; who overruns itself."""

    most: int
    most_at: float | None
    most_names: tuple[str, ...]
    pairs: list[Pair]
    overruns: list[Overrun]


@dataclass(slots=True)
class _Sweep:
    """Goes through the runs by their starts, with those still active."""

    active: list[tuple[float, int, str]] = field(default_factory=list)
    times: Counter[tuple[str, str]] = field(default_factory=Counter)
    seconds: Counter[tuple[str, str]] = field(default_factory=Counter)
    most: int = 0
    most_at: float | None = None
    most_names: tuple[str, ...] = ()

    def add(self, run: TaskRun, number: int) -> None:
        while self.active and self.active[0][0] <= run.started_at:
            heappop(self.active)
        for ended_at, _, name in self.active:
            pair = (min(name, run.name), max(name, run.name))
            self.times[pair] += 1
            self.seconds[pair] += min(ended_at, run.ended_at) - run.started_at  # type: ignore[assignment]
        heappush(self.active, (run.ended_at, number, run.name))
        if len(self.active) > self.most:
            self.most, self.most_at = len(self.active), run.started_at
            self.most_names = tuple(sorted(name for _, _, name in self.active))


def overlaps(runs: Iterable[TaskRun]) -> Overlaps:
    """Return what ran at the same time; `runs` come in the order of their starts."""
    sweep = _Sweep()
    scheduled: dict[str, list[tuple[float, float]]] = {}
    for number, run in enumerate(run for run in runs if run.duration > 0):
        sweep.add(run, number)
        if run.type == "scheduled":
            scheduled.setdefault(run.name, []).append((run.started_at, run.duration))
    pairs = [Pair(*names, times, sweep.seconds[names]) for names, times in sweep.times.items()]
    overruns = [found for name, lengths in scheduled.items() if (found := _overrun(name, lengths))]
    return Overlaps(
        most=sweep.most,
        most_at=sweep.most_at,
        most_names=sweep.most_names,
        pairs=sorted(pairs, key=lambda pair: (-pair.seconds, pair.first, pair.second)),
        overruns=sorted(overruns, key=lambda found: (-found.times, found.name)),
    )


def _overrun(name: str, lengths: list[tuple[float, float]]) -> Overrun | None:
    """Return a task whose runs are longer than its usual interval, which is at least a minute."""
    if len(lengths) < FEWEST_STARTS:
        return None
    starts = [started_at for started_at, _ in lengths]
    interval = max(60.0, median(later - sooner for sooner, later in zip(starts, starts[1:], strict=False)))
    times = sum(duration > interval for _, duration in lengths)
    return Overrun(name, interval, times, len(lengths)) if times else None


QUARTER = 900
"""Seconds between moments at which a zone's offset can change."""

THURSDAY = 3
"""The weekday of 1 January 1970, counted from Monday."""

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


class LocalTime:
    """Moments as a zone's clock shows them."""

    def __init__(self, zone: tzinfo) -> None:
        self.zone = zone
        self._offset = lru_cache(maxsize=100_000)(self._offset_in)

    def _offset_in(self, quarter: int) -> int:
        offset = datetime.fromtimestamp(quarter * QUARTER, self.zone).utcoffset()
        return int(offset.total_seconds()) if offset else 0

    def read(self, moment: float) -> tuple[int, int]:
        """Return (weekday from Monday, second of the day).

        >>> from datetime import UTC
        >>> LocalTime(UTC).read(1795265821)
        (5, 46621)
        """
        local = int(moment) + self._offset(int(moment) // QUARTER)
        days, second = divmod(local, 86_400)
        return (days + THURSDAY) % 7, second
