"""Which tasks fail, how surely, and whether that is by chance, by habit or by rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from taskrunner.report.history import History
from taskrunner.report.verdicts import judge
from taskrunner.report.wilson import wilson

if TYPE_CHECKING:
    from collections.abc import Iterable

    from taskrunner.report.local_time import LocalTime
    from taskrunner.report_records import TaskRun

WEEK = 7 * 86_400
FOUR_WEEKS = 4 * WEEK


@dataclass(frozen=True, slots=True)
class TaskFailures:
    """How a task fails: `rate` of `runs` with its 95 % interval, lately and before, and the verdict.

    `failed` leaves the crashed ones out. `recent_rate`: of the last 7 days that are known; `former_rate`: of
    the 28 before; None where nothing ran.
    """

    name: str
    runs: int
    ok: int
    failed: int
    crashed: int
    rate: float
    rate_low: float
    rate_high: float
    recent_runs: int
    recent_rate: float | None
    former_runs: int
    former_rate: float | None
    verdict: str
    reason: str
    last_failure_at: float | None
    last_message: str


def failures(runs: Iterable[TaskRun], local: LocalTime) -> list[TaskFailures]:
    """Return how each task fails, the one with the most failures first."""
    histories: dict[str, History] = {}
    last = 0.0
    for run in runs:
        last = max(last, run.started_at)
        if run.counted:
            weekday, second = local.read(run.started_at)
            cells = {"hour": second // 3600, "weekday": weekday, "host": run.hostname}
            histories.setdefault(run.name, History()).add(run, cells)
    rows = [_row(name, history, last) for name, history in histories.items()]
    return sorted(rows, key=lambda row: (row.ok - row.runs, -row.rate, row.name))


def _row(name: str, history: History, last: float) -> TaskFailures:
    runs, failed = len(history.outcomes), history.failures
    low, high = wilson(failed, runs)
    recent_runs, recent_rate = _rate(history, last - WEEK, last + 1)
    former_runs, former_rate = _rate(history, last - WEEK - FOUR_WEEKS, last - WEEK)
    verdict, reason = judge(history)
    return TaskFailures(
        name=name,
        runs=runs,
        ok=runs - failed,
        failed=failed - history.crashed,
        crashed=history.crashed,
        rate=failed / runs,
        rate_low=low,
        rate_high=high,
        recent_runs=recent_runs,
        recent_rate=recent_rate,
        former_runs=former_runs,
        former_rate=former_rate,
        verdict=verdict,
        reason=reason,
        last_failure_at=history.last_failure_at,
        last_message=history.last_message,
    )


def _rate(history: History, since: float, until: float) -> tuple[int, float | None]:
    pairs = zip(history.starts, history.outcomes, strict=True)
    chosen = [failed for start, failed in pairs if since <= start < until]
    return len(chosen), sum(chosen) / len(chosen) if chosen else None
