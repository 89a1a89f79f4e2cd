"""Whether a task fails when it runs longer than some length."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING

from taskrunner.report.statistics import area_under_curve, best_cut, percentile

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from taskrunner.records import TaskRun

FEWEST_FAILURES = 5
FEWEST_SUCCESSES = 20
TELLS_APART = 0.75
SHARP = 0.6
NEAR = 0.01
MOST_OF_THEM = 0.6
SHORTEST_LIMIT = 1.0
"""Seconds; a task that fails takes a little longer than one that does not, and nobody set that as a limit."""


@dataclass(frozen=True, slots=True)
class TaskThreshold:
    """Whether failures of a task come with its length.

    `threshold`: seconds from which on it fails, None: no such limit is seen, and `reason` says why. `over`
    and `under`: (failed, runs) on its two sides. `hard_limit`: seconds at which failures pile up, as where
    something ends the run. `area`: the AUC, None where there are too few runs.
    """

    name: str
    failures: int
    successes: int
    threshold: float | None
    over: tuple[int, int]
    under: tuple[int, int]
    hard_limit: float | None
    area: float | None
    youden: float | None
    reason: str


def thresholds(runs: Iterable[TaskRun]) -> list[TaskThreshold]:
    """Return for each task whether it fails over some length, those that do first."""
    lengths: dict[str, tuple[array[float], array[float]]] = {}
    for run in runs:
        if run.counted:
            lengths.setdefault(run.name, (array("d"), array("d")))[run.failed].append(run.duration)
    rows = [find_threshold(name, *groups) for name, groups in lengths.items()]
    return sorted(rows, key=lambda row: (row.threshold is None, -row.failures, row.name))


def find_threshold(name: str, successes: Sequence[float], failures: Sequence[float]) -> TaskThreshold:
    """Return whether a task fails over some length.

    The cut lies between the lengths on its two sides, or where failures pile up at one length, there.
    """
    hard = hard_limit(failures)
    if len(failures) < FEWEST_FAILURES or len(successes) < FEWEST_SUCCESSES:
        reason = (
            f"too few runs: {len(failures)} failed ({FEWEST_FAILURES} are needed), "
            f"{len(successes)} were ok ({FEWEST_SUCCESSES})"
        )
        return _threshold_row(name, successes, failures, hard=hard, reason=reason)
    area = area_under_curve(successes, failures)
    youden, below, above = best_cut(successes, failures)
    if area < TELLS_APART or youden < SHARP:
        reason = f"failed runs are not the long ones (AUC {area:.2f}, J {youden:.2f})"
        return _threshold_row(name, successes, failures, hard=hard, area=area, youden=youden, reason=reason)
    cut = hard if hard is not None and below < hard * (1 - NEAR) else (below + above) / 2
    cut = min(cut, above)
    if cut < SHORTEST_LIMIT:
        reason = f"failed runs take longer, but from {cut:.2g} s on, which is no limit"
        return _threshold_row(name, successes, failures, hard=hard, area=area, youden=youden, reason=reason)
    return _threshold_row(name, successes, failures, cut=cut, hard=hard, area=area, youden=youden)


def hard_limit(failures: Sequence[float]) -> float | None:
    """Return the length near which most failures lie, within 1 %; None: they do not.

    >>> hard_limit([1000.2, 1001.0, 1000.7, 1000.9, 1003.0, 12.0])
    1000.7
    >>> hard_limit([1000.2, 1210.0, 1433.0, 1671.0, 1900.0])
    """
    if len(failures) < FEWEST_FAILURES:
        return None
    middle = percentile(sorted(failures), 0.5)
    near = sum(abs(length - middle) <= NEAR * middle for length in failures)
    return middle if middle >= SHORTEST_LIMIT and near >= MOST_OF_THEM * len(failures) else None


def _threshold_row(
    name: str,
    successes: Sequence[float],
    failures: Sequence[float],
    *,
    cut: float | None = None,
    hard: float | None,
    area: float | None = None,
    youden: float | None = None,
    reason: str = "",
) -> TaskThreshold:
    over = (0, 0)
    if cut is not None:
        failed_over = sum(length >= cut for length in failures)
        over = failed_over, failed_over + sum(length >= cut for length in successes)
    return TaskThreshold(
        name=name,
        failures=len(failures),
        successes=len(successes),
        threshold=cut,
        over=over,
        under=(len(failures) - over[0], len(failures) + len(successes) - over[1]),
        hard_limit=hard,
        area=area,
        youden=youden,
        reason=reason,
    )


def in_words(row: TaskThreshold) -> str:
    """Return what is found, as a sentence.

    >>> in_words(find_threshold("a.B", [float(i) for i in range(400)], [1003.0 + i * 50 for i in range(14)]))
    'a.B: 14 of 14 runs over 701 s failed, 0 of 400 under it.'
    >>> in_words(find_threshold("a.B", [1.0] * 30, [1.0]))
    'a.B: no such limit seen; too few runs: 1 failed (5 are needed), 30 were ok (20).'
    """
    limit = f" It looks like a hard limit at about {row.hard_limit:.4g} s." if row.hard_limit else ""
    if row.threshold is None:
        return f"{row.name}: no such limit seen; {row.reason}.{limit}"
    over, under = row.over, row.under
    return (
        f"{row.name}: {over[0]} of {over[1]} runs over {row.threshold:.4g} s failed, "
        f"{under[0]} of {under[1]} under it.{limit}"
    )
