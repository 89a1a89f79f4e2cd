"""How one task does, quickly, however long the log is: totals by index, the rest from its newest runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from taskrunner.report.durations import TaskDurations, durations
from taskrunner.report.failures import TaskFailures, failures
from taskrunner.report.local_time import LocalTime
from taskrunner.report.message_keys import message_key
from taskrunner.report.ranks import percentile
from taskrunner.report.wilson import wilson
from taskrunner.report_records import TaskRun
from taskrunner.store.log import LogFilter

if TYPE_CHECKING:
    from datetime import tzinfo

    from taskrunner.records import Run
    from taskrunner.store import Store

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
