"""How long tasks take, and whose time the time of cron is."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from taskrunner.report import message_key
from taskrunner.report.failures import TaskFailures, failures
from taskrunner.report.load import LocalTime
from taskrunner.report.statistics import percentile, wilson
from taskrunner.store.imports import BriefRun, Lengths
from taskrunner.store.runs import LogFilter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import tzinfo

    from taskrunner.records import Run
    from taskrunner.store import Store

SAYS_NOTHING = frozenset({"skipped", "cancelled", "running", "superseded"})
BINS = (0.1, 1.0, 10.0, 60.0, 300.0, 1800.0, 7200.0)
"""Bounds, in seconds, of the classes in which runs are counted for a picture."""


@dataclass(frozen=True, slots=True)
class TaskDurations:
    """Seconds that the runs of a task took, as far as they are known.

    `total` and `share`, that of all cron time, are of runs whose end is known; percentiles and `counts`, runs
    shorter than each of BINS and longer than all, of those that finished, None where none did. `crashed` are
    the runs that died, and `crashed_after` how long the longest of those with an unknown end lived, at least.
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
class _LengthsOfTask:
    finished: array[float] = field(default_factory=lambda: array("d"))
    killed: array[float] = field(default_factory=lambda: array("d"))
    unknown: int = 0
    longest_unknown: float | None = None

    def add(self, piece: Lengths) -> None:
        if piece.end_known:
            (self.killed if piece.outcome == "crashed" else self.finished).extend(piece.seconds)
        else:
            self.unknown += len(piece.seconds)
            self.longest_unknown = max(self.longest_unknown or 0.0, *piece.seconds, 0.0)


def durations(pieces: Iterable[Lengths]) -> list[TaskDurations]:
    """Return how long each task takes, the one with most of cron's time first."""
    lengths: dict[str, _LengthsOfTask] = {}
    for piece in pieces:
        if piece.outcome not in SAYS_NOTHING:
            lengths.setdefault(piece.name, _LengthsOfTask()).add(piece)
    whole = sum(sum(of_task.finished) + sum(of_task.killed) for of_task in lengths.values())
    rows = [_row(name, of_task, whole) for name, of_task in lengths.items()]
    return sorted(rows, key=lambda row: (-row.total, row.name))


def lengths_of(runs: Iterable[BriefRun]) -> Iterator[Lengths]:
    """Yield the length of each run as a piece of its own."""
    for run in runs:
        yield Lengths(run.name, run.outcome, run.end_known, array("d", [run.duration]))


def _row(name: str, lengths: _LengthsOfTask, whole: float) -> TaskDurations:
    ordered = sorted(lengths.finished)
    p50, p95, p99 = (percentile(ordered, share) if ordered else None for share in (0.5, 0.95, 0.99))
    total = sum(ordered) + sum(lengths.killed)
    crashed = len(lengths.killed) + lengths.unknown
    return TaskDurations(
        name=name,
        runs=len(ordered) + crashed,
        p50=p50,
        p95=p95,
        p99=p99,
        longest=ordered[-1] if ordered else None,
        total=total,
        share=total / whole if whole else 0.0,
        crashed=crashed,
        crashed_after=lengths.longest_unknown,
        counts=_counts(ordered),
    )


def _counts(ordered: list[float]) -> tuple[int, ...]:
    ends = [0, *(bisect_left(ordered, bound) for bound in BINS), len(ordered)]
    return tuple(later - sooner for sooner, later in pairwise(ends))


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


def summary_of(
    store: Store,
    name: str,
    *,
    since: float,
    now: float,
    zone: tzinfo,
    newest: Sequence[Run] | None = None,
) -> TaskSummary | None:
    """Return how a task does, or None if no run of it is kept since then.

    `newest`: its newest runs since then, where they are known already.
    """
    runs, failed = store.log.count(name, since=since)
    if not runs:
        return None
    if newest is None:
        newest = store.log.list(LogFilter(names=(name,), since=since, limit=LOOKED_AT))
    known = [_task_run(run) for run in reversed(newest)]
    of_failures: TaskFailures | None = next(iter(failures(known, LocalTime(zone))), None)
    of_times: TaskDurations | None = next(iter(durations(lengths_of(known))), None)
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


def _p50(runs: list[BriefRun], *, since: float, until: float) -> float | None:
    chosen = sorted(run.duration for run in runs if run.outcome == "ok" and since <= run.started_at <= until)
    return percentile(chosen, 0.5) if len(chosen) >= FEW else None


def _task_run(run: Run) -> BriefRun:
    """Return a run of the log table as reports take them."""
    message = run.message or ""
    return BriefRun(
        type=run.type,
        name=run.name,
        adhoc_id=run.adhoc_id,
        started_at=run.started_at,
        ended_at=run.ended_at,
        end_known=int(run.outcome != "crashed"),
        outcome=run.outcome,
        hostname=run.hostname,
        message=message,
        message_key=message_key(message) if run.failed else "",
    )
