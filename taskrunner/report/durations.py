"""How long tasks take, and whose time the time of cron is."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from taskrunner.report.ranks import percentile

if TYPE_CHECKING:
    from collections.abc import Iterable

    from taskrunner.report_records import TaskRun

SAYS_NOTHING = frozenset({"skipped", "cancelled", "running", "superseded"})
BINS = (0.1, 1.0, 10.0, 60.0, 300.0, 1800.0, 7200.0)
"""Bounds, in seconds, of the classes in which runs are counted for a picture."""


@dataclass(frozen=True, slots=True)
class TaskDurations:
    """Seconds that the finished runs of a task took; `total` includes what crashed ones are known to have.

    `share` is that of all cron time. `crashed_after`: how long the longest of the crashed runs lived, at
    least. `counts`: runs shorter than each of BINS, and longer than all. Percentiles are None where no run
    finished.
    """

    name: str
    runs: int
    p50: float | None
    p95: float | None
    p99: float | None
    longest: float | None
    total: float
    share: float
    crashed: int
    crashed_after: float | None
    counts: tuple[int, ...]


@dataclass(slots=True)
class _Lengths:
    finished: array[float] = field(default_factory=lambda: array("d"))
    crashed: array[float] = field(default_factory=lambda: array("d"))


def durations(runs: Iterable[TaskRun]) -> list[TaskDurations]:
    """Return how long each task takes, the one with most of cron's time first."""
    lengths: dict[str, _Lengths] = {}
    for run in runs:
        if run.outcome not in SAYS_NOTHING:
            of_task = lengths.setdefault(run.name, _Lengths())
            (of_task.crashed if run.outcome == "crashed" else of_task.finished).append(run.duration)
    whole = sum(sum(of_task.finished) + sum(of_task.crashed) for of_task in lengths.values())
    rows = [_row(name, of_task, whole) for name, of_task in lengths.items()]
    return sorted(rows, key=lambda row: (-row.total, row.name))


def _row(name: str, lengths: _Lengths, whole: float) -> TaskDurations:
    ordered = sorted(lengths.finished)
    p50, p95, p99 = (percentile(ordered, share) if ordered else None for share in (0.5, 0.95, 0.99))
    total = sum(ordered) + sum(lengths.crashed)
    return TaskDurations(
        name=name,
        runs=len(ordered) + len(lengths.crashed),
        p50=p50,
        p95=p95,
        p99=p99,
        longest=ordered[-1] if ordered else None,
        total=total,
        share=total / whole if whole else 0.0,
        crashed=len(lengths.crashed),
        crashed_after=max(lengths.crashed, default=None),
        counts=_counts(ordered),
    )


def _counts(ordered: list[float]) -> tuple[int, ...]:
    counts = [0] * (len(BINS) + 1)
    for length in ordered:
        counts[sum(length >= bound for bound in BINS)] += 1
    return tuple(counts)
