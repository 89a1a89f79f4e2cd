"""When cron is busy and when it was silent.

Busy: by hour and minute, by weekday and hour, and how starts pile up on a minute. Silences are known from the
starts of cron processes, never from the runs of tasks.
"""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from heapq import heappop, heappush
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import tzinfo

    from taskrunner.records import CronGap
    from taskrunner.store.imports import BriefRun, CronRun

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

    `days`: on how many days something ran, `weekdays` on how many of each weekday. `unknown`: runs that are
    counted as starts only, as nobody knows how long they took.
    """

    by_day: list[list[float]]
    by_week: list[list[float]]
    starts: list[int]
    hottest: list[HotCell]
    days: int
    unknown: int = 0
    weekdays: tuple[int, ...] = (0,) * 7


def heatmap(runs: Iterable[BriefRun], local: LocalTime) -> Heatmap:
    """Return when cron is busy, as the zone's clock shows it."""
    counter = LoadCounter(local)
    for run in runs:
        counter.add(run)
    return counter.heatmap()


class LoadCounter:
    """Counts the busy seconds and the starts of runs."""

    def __init__(self, local: LocalTime) -> None:
        self._local = local
        self._by_day = [[0.0] * 12 for _ in range(24)]
        self._by_week = [[0.0] * 24 for _ in range(7)]
        self._starts = [0] * 60
        self._behind: dict[tuple[int, int], Counter[str]] = {}
        self._days: set[int] = set()
        self._unknown = 0

    def add(self, run: BriefRun) -> None:
        """Take one more run; of one whose end nobody saw only the start."""
        self._days.add(int(run.started_at) // 86_400)
        self._starts[self._local.read(run.started_at)[1] // 60 % 60] += 1
        if not run.end_known:
            self._unknown += 1
            return
        for moment, seconds in _pieces(run):
            weekday, second = self._local.read(moment)
            hour, column = second // 3600, second % 3600 // CELL
            self._by_day[hour][column] += seconds
            self._by_week[weekday][hour] += seconds
            self._behind.setdefault((hour, column), Counter())[run.name] += seconds  # type: ignore[assignment]

    def heatmap(self) -> Heatmap:
        """Return what was counted."""
        of_week = [(day + THURSDAY) % 7 for day in self._days]
        return Heatmap(
            self._by_day,
            self._by_week,
            self._starts,
            _hottest(self._by_day, self._behind),
            len(self._days),
            self._unknown,
            tuple(of_week.count(weekday) for weekday in range(7)),
        )


def _pieces(run: BriefRun) -> Iterator[tuple[float, float]]:
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


def overlaps(runs: Iterable[BriefRun]) -> Overlaps:
    """Return what ran at the same time; `runs` come in the order of their starts."""
    counter = OverlapCounter()
    for run in runs:
        counter.add(run)
    return counter.overlaps()


class OverlapCounter:
    """Goes through the runs by their starts, with those still active."""

    def __init__(self) -> None:
        self._active: list[tuple[float, int, str]] = []
        self._times: Counter[tuple[str, str]] = Counter()
        self._seconds: dict[tuple[str, str], float] = {}
        self._scheduled: dict[str, tuple[array[float], array[float]]] = {}
        self._count = 0
        self._most = 0
        self._most_at: float | None = None
        self._most_names: tuple[str, ...] = ()

    def add(self, run: BriefRun) -> None:
        """Take the run that started next; what is not seen to last overlaps nothing."""
        started_at, ended_at, active = run.started_at, run.ended_at, self._active
        if ended_at <= started_at:
            return
        self._count += 1
        while active and active[0][0] <= started_at:
            heappop(active)
        for other_ended_at, _, name in active:
            pair = (name, run.name) if name < run.name else (run.name, name)
            self._times[pair] += 1
            together = min(other_ended_at, ended_at) - started_at
            self._seconds[pair] = self._seconds.get(pair, 0.0) + together
        heappush(active, (ended_at, self._count, run.name))
        if len(active) > self._most:
            self._most, self._most_at = len(active), started_at
            self._most_names = tuple(sorted(name for _, _, name in active))
        if run.type == "scheduled":
            starts, lengths = self._scheduled.setdefault(run.name, (array("d"), array("d")))
            starts.append(started_at)
            lengths.append(ended_at - started_at)

    def overlaps(self) -> Overlaps:
        """Return what was found."""
        pairs = [Pair(*names, times, self._seconds[names]) for names, times in self._times.items()]
        overruns = [found for name, runs in self._scheduled.items() if (found := _overrun(name, *runs))]
        return Overlaps(
            most=self._most,
            most_at=self._most_at,
            most_names=self._most_names,
            pairs=sorted(pairs, key=lambda pair: (-pair.seconds, pair.first, pair.second)),
            overruns=sorted(overruns, key=lambda found: (-found.times, found.name)),
        )


def _overrun(name: str, starts: Sequence[float], lengths: Sequence[float]) -> Overrun | None:
    """Return a task whose runs are longer than its usual interval, which is at least a minute."""
    if len(starts) < FEWEST_STARTS:
        return None
    interval = max(60.0, median(later - sooner for sooner, later in pairwise(starts)))
    times = sum(length > interval for length in lengths)
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


SHORTEST_GAP = 300.0
USUAL_TIMES = 3
NEARLY_ALL = 0.9
FEWEST_INTERVALS = 3


@dataclass(frozen=True, slots=True)
class Gap:
    """A silence, from the last that was seen of cron to the next; `ended_at` is None while it lasts."""

    began_at: float
    ended_at: float | None
    last_line: str
    duration: float
    hostname: str = ""


@dataclass(frozen=True, slots=True)
class Silences:
    """The silences, and how often cron is seen usually; `unknown` says why they cannot be known, if so."""

    gaps: list[Gap]
    usual: float | None
    unknown: str = ""


def gaps_of_processes(runs: Iterable[CronRun]) -> Silences:
    """Return the silences between cron processes: longer than 5 minutes and than 3 times the usual interval.

    The processes come in the order of their starts. An empty log file is not a sign of life.
    """
    found: list[Gap] = []
    steps: list[float] = []
    before = latest = None
    for run in runs:
        if run.state == "empty":
            continue
        if before is not None and latest is not None:
            steps.append(run.started_at - before.started_at)
            silent = run.started_at - latest.ended_at
            if silent > SHORTEST_GAP:
                found.append(Gap(latest.ended_at, run.started_at, latest.last_line, silent, latest.hostname))
        before = run
        if latest is None or run.ended_at >= latest.ended_at:
            latest = run
    usual = median(steps) if steps else None
    return Silences([gap for gap in found if gap.duration > _limit(usual)], usual)


OWN_FILES = "taskrunner's own log files tell nothing of minutes in which nothing was due: ask --from log"


def gaps_of_starts(
    kept: Iterable[CronGap], last_starts: Mapping[str, float], *, since: float, until: float, now: float
) -> Silences:
    """Return the silences between the starts of crons on each host, and those that last.

    `kept` are intervals longer than five minutes, in the order of their ends; `last_starts` says when the
    last cron started on a host. Where nearly all time lies in kept intervals, cron is meant to start so
    seldom, and what is longer than 3 of these is a silence.
    """
    intervals: dict[str, list[tuple[float, float]]] = {host: [] for host in last_starts}
    for gap in kept:
        intervals.setdefault(gap.hostname, []).append((gap.began_at, gap.ended_at))
    found, usual_of_hosts = [], []
    for host, spans in intervals.items():
        usual = _usual_interval(spans)
        usual_of_hosts += [usual] if usual else []
        ends: list[tuple[float, float | None]] = list(dict.fromkeys(spans))
        if (last := last_starts.get(host)) is not None and until > now:
            ends.append((last, None))
        for began_at, ended_at in ends:
            silent = (now if ended_at is None else ended_at) - began_at
            if silent > _limit(usual) and began_at < until and (ended_at is None or ended_at >= since):
                found.append(Gap(began_at, ended_at, "", silent, host))
    return Silences(
        sorted(found, key=lambda gap: (gap.began_at, gap.hostname)), min(usual_of_hosts, default=None)
    )


def _usual_interval(spans: list[tuple[float, float]]) -> float | None:
    """Return the interval of a cron that is meant to start seldom, or None for any other."""
    lengths = [end - begin for begin, end in spans]
    if len(lengths) < FEWEST_INTERVALS:
        return None
    covers_all = sum(lengths) >= NEARLY_ALL * (spans[-1][1] - spans[0][0])
    return median(lengths) if covers_all else None


def _limit(usual: float | None) -> float:
    return max(SHORTEST_GAP, USUAL_TIMES * (usual or 0.0))
