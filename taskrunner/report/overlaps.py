"""Which tasks ran at the same time, also each beside itself."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from heapq import heappop, heappush
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from taskrunner.report_records import TaskRun

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
