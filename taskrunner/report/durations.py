"""How long tasks take, and whose time the time of cron is."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from taskrunner.records import TaskRun
from taskrunner.report.failures import TaskFailures, failures
from taskrunner.report.lines import message_key
from taskrunner.report.load import LocalTime
from taskrunner.report.statistics import area_under_curve, best_cut, percentile, wilson
from taskrunner.store.log import LogFilter

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import tzinfo

    from taskrunner.records import Run
    from taskrunner.store import Store

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


WEEK = 7 * 86_400.0
LOOKED_AT = 1000
"""The newest runs from which verdict and durations are made."""

FEW = 5
"""Runs on each side that a comparison needs."""


@dataclass(frozen=True, slots=True)
class TaskSummary:
    """How a task does: `runs` and `failed` since a moment, exactly; the rest from `looked_at` newest runs.

    `rate_low` and `rate_high`: the 95 % interval of the failure rate. `week_rate` and `former_rate`: of the
    last 7 days and of the time before. `week_p50` and `former_p50`: seconds a finished run takes.
    """

    name: str
    runs: int
    failed: int
    rate: float
    rate_low: float
    rate_high: float
    verdict: str
    reason: str
    p50: float | None
    p95: float | None
    longest: float | None
    week_rate: float | None
    former_rate: float | None
    week_p50: float | None
    former_p50: float | None
    last_failure_at: float | None
    last_message: str
    looked_at: int


def summary_of(store: Store, name: str, *, since: float, now: float, zone: tzinfo) -> TaskSummary | None:
    """Return how a task does; None: no run of it is kept since then."""
    runs, failed = store.log.count(name, since=since)
    if not runs:
        return None
    newest = store.log.list(LogFilter(name=name, since=since, limit=LOOKED_AT))
    known = [_task_run(run) for run in reversed(newest)]
    of_failures: TaskFailures | None = next(iter(failures(known, LocalTime(zone))), None)
    of_times: TaskDurations | None = next(iter(durations(known)), None)
    low, high = wilson(failed, runs)
    week, week_failed = store.log.count(name, since=max(since, now - WEEK))
    return TaskSummary(
        name=name,
        runs=runs,
        failed=failed,
        rate=failed / runs,
        rate_low=low,
        rate_high=high,
        verdict=of_failures.verdict if of_failures else "too few runs",
        reason=of_failures.reason if of_failures else "no run ended well or badly",
        p50=of_times.p50 if of_times else None,
        p95=of_times.p95 if of_times else None,
        longest=of_times.longest if of_times else None,
        week_rate=_rate(week_failed, week),
        former_rate=_rate(failed - week_failed, runs - week),
        week_p50=_p50(known, since=now - WEEK, until=now),
        former_p50=_p50(known, since=since, until=now - WEEK),
        last_failure_at=of_failures.last_failure_at if of_failures else None,
        last_message=of_failures.last_message if of_failures else "",
        looked_at=len(known),
    )


def trend(before: float | None, lately: float | None) -> str:
    """Say in a word how a number has changed; "" where there is nothing to compare.

    >>> [trend(before, lately) for before, lately in ((1.0, 1.1), (1.0, 1.5), (1.0, 0.5), (0.0, 0.1))]
    ['steady', 'rising', 'falling', 'rising']
    >>> trend(None, 1.0)
    ''
    """
    if before is None or lately is None:
        return ""
    if abs(lately - before) <= max(before, lately) / 4:
        return "steady"
    return "rising" if lately > before else "falling"


def _rate(failed: int, runs: int) -> float | None:
    return failed / runs if runs >= FEW else None


def _p50(runs: list[TaskRun], *, since: float, until: float) -> float | None:
    chosen = sorted(run.duration for run in runs if run.outcome == "ok" and since <= run.started_at <= until)
    return percentile(chosen, 0.5) if len(chosen) >= FEW else None


def _task_run(run: Run) -> TaskRun:
    """Return a run of the log table as reports take them."""
    return TaskRun(
        type=run.type,
        name=run.name,
        title=run.name,
        adhoc_id=run.adhoc_id,
        run_id=run.run_id,
        started_at=run.started_at,
        ended_at=run.ended_at,
        outcome=run.outcome,
        message=run.message or "",
        message_key=message_key(run.message or ""),
        confidence="high",
        time_source="database",
        hostname=run.hostname,
        pid=run.pid,
        db_queries=run.db_reads + run.db_writes,
        memory_start=None,
        memory_peak=run.max_rss,
        fatal="",
        last_lines="",
        line=0,
        run_number=0,
    )
