"""When cron is busy: by hour and minute, by weekday and hour, and how starts pile up on a minute."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from taskrunner.report.local_time import LocalTime
    from taskrunner.report_records import TaskRun

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
