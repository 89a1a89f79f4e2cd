"""Runs as they are shown: those under way, those that ended, and what their numbers say."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from taskrunner.formatting import length, short_moment
from taskrunner.locks import DIED
from taskrunner.records import Run
from taskrunner.store.runs import LogFilter, usual_duration
from taskrunner.views.columns import (
    BAD,
    ENOUGH_OF_RUN_ID,
    PLAIN,
    Column,
    Context,
    Listing,
    moment,
)

if TYPE_CHECKING:
    from taskrunner.installation import Site
    from taskrunner.records import RunningRow
    from taskrunner.report.durations import TaskSummary


def label(row: Run | RunningRow, _: Context | None = None) -> str:
    """Return how lists call the task of a run: its name, and the id of a queued one."""
    return row.name if row.adhoc_id is None else f"{row.name} {row.adhoc_id}"


def short_id(row: Run | RunningRow, _: Context | None = None) -> str:
    """Return the end of a run's id, which commands take as well."""
    return (row.run_id or "")[-ENOUGH_OF_RUN_ID:]


def took(run: Run, _: Context | None = None) -> str:
    """Return how long a run took, for people; of one whose process died, how long it lived at least."""
    return length(run.duration) if run.noticed_at is None else f"≥ {length(run.duration)}"


def _started(run: Run, context: Context) -> str:
    return short_moment(run.started_at, now=context.now, zone=context.zone)


RUNS: Listing[Run] = Listing(
    (
        Column("run_id", "Run", brief=short_id, place=6),
        Column("type"),
        Column("name", "Task", text=label, cut="middle", least=22, place=2),
        Column("plugin"),
        Column("adhoc_id"),
        Column("user"),
        moment("due_at"),
        moment("started_at", "Started", _started, place=1),
        moment("ended_at"),
        Column(
            "duration",
            "Took",
            lambda run, _: round(run.duration, 6),
            took,
            right=True,
            leaves=1,
            place=4,
        ),
        Column("outcome", "Outcome", is_state=True, place=3),
        Column("message", "Message", cut="end", least=15, leaves=2, place=5),
        Column("attempt"),
        Column("db_reads"),
        Column("db_writes"),
        Column("cpu_seconds", value=lambda run, _: round(run.cpu_seconds, 6)),
        Column("max_rss"),
        Column("hostname"),
        Column("pid"),
        Column("log_file"),
        moment("noticed_at"),
    ),
    lambda run, _: BAD if run.failed else PLAIN,
)

RUN_IN_FULL: Listing[Run] = Listing((*RUNS.columns, Column("output")))

MOMENTS = {"due_at", "started_at", "ended_at", "noticed_at"}

EXPORTED: Listing[Run] = Listing(
    tuple(moment(name) if name in MOMENTS else Column(name) for name in Run._fields)
)
"""Every column of the table of runs."""


class RunningTask(NamedTuple):
    """A run under way, and the seconds that its task usually takes, or None if that is not known yet."""

    row: RunningRow
    usual_duration: float | None


def running_tasks(site: Site) -> list[RunningTask]:
    """Return the runs under way."""
    return [
        RunningTask(row, usual_duration(site.store.log.list(LogFilter(names=(row.name,)))))
        for row in site.store.runners.running()
    ]


def _lives(task: RunningTask, context: Context) -> bool:
    return task.row.runner_id not in context.dead_runners


def _progress(task: RunningTask, context: Context) -> str:
    return progress_text(task.row) if _lives(task, context) else DIED


def progress_text(row: RunningRow) -> str:
    """Return how far a run has come, as it says itself, or "" where it says nothing."""
    done, total = row.progress_done, row.progress_total
    return "" if done is None else f"{done:g}/{total:g} {row.progress_text or ''}".strip()


RUNNING: Listing[RunningTask] = Listing(
    (
        Column("hostname", "Host", cut="middle", least=10, leaves=3).of("row"),
        Column("pid", "Pid", right=True, leaves=2).of("row"),
        Column("type").of("row"),
        Column("name", "Task", text=label, cut="middle", least=20).of("row"),
        Column("adhoc_id").of("row"),
        Column("run_id", "Run", brief=short_id).of("row"),
        moment("started_at").of("row"),
        Column(
            "running_for",
            "For",
            lambda task, context: round(context.now - task.row.started_at, 3),
            lambda task, context: length(context.now - task.row.started_at),
            right=True,
        ),
        Column(
            "usual_duration",
            "Usually",
            text=lambda task, _: length_or_unknown(task.usual_duration),
            right=True,
            leaves=4,
        ),
        Column("progress_done").of("row"),
        Column("progress_total").of("row"),
        Column("progress_text").of("row"),
        Column("alive", value=_lives),
        Column("", "Progress", text=_progress, cut="end", leaves=5),
    )
)


def length_or_unknown(seconds: float | None) -> str:
    """Return a length of time, or "?" where it is not known."""
    return "?" if seconds is None else length(seconds)


def percent(rate: float) -> str:
    """Return a rate for people.

    >>> [percent(rate) for rate in (0, 0.0003, 0.123, 1)]
    ['0 %', '0.03 %', '12 %', '100 %']
    """
    return f"{rate * 100:.2g} %" if rate < 0.995 else "100 %"


def trend_of(task: TaskSummary, word: str) -> str:
    """Return how the last week compares with before, by `rate` or `p50`, or "" if that is not known."""
    from taskrunner.report.durations import trend  # late: it loads what reports need

    return trend(getattr(task, f"former_{word}"), getattr(task, f"week_{word}"))


STATISTICS: Listing[TaskSummary] = Listing(
    (
        Column("name", "Task", cut="middle", least=20),
        Column("runs", "Runs", right=True),
        Column("failed", "Failed", right=True),
        Column("rate", "Rate", text=lambda task, _: percent(task.rate), right=True, leaves=4),
        Column("rate_low"),
        Column("rate_high"),
        Column("verdict", "Verdict", is_state=True),
        Column("reason"),
        Column("p50", "p50", text=lambda task, _: length_or_unknown(task.p50), right=True, leaves=2),
        Column("p95", "p95", text=lambda task, _: length_or_unknown(task.p95), right=True),
        Column("longest", "Max", text=lambda task, _: length_or_unknown(task.longest), right=True, leaves=1),
        Column("week_rate"),
        Column("former_rate"),
        Column(
            "rate_trend",
            "Trend",
            lambda task, _: trend_of(task, "rate") or None,
            lambda task, _: trend_of(task, "rate") or "?",
            leaves=3,
        ),
        Column("week_p50"),
        Column("former_p50"),
        Column("duration_trend", value=lambda task, _: trend_of(task, "p50") or None),
        moment("last_failure_at"),
        Column("last_message"),
        Column("looked_at"),
    ),
    lambda task, _: BAD if task.verdict == "systematic" else PLAIN,
)
