"""Runs and queued tasks as they are shown: what waits, what is under way, what ended.

Their numbers are shown as well: how the queue of each class stands, and how tasks do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from taskrunner.formatting import length, relative, short_moment
from taskrunner.liveness import DIED
from taskrunner.records import Run
from taskrunner.store.runs import LogFilter, usual_duration
from taskrunner.views.columns import BAD, ENOUGH_OF_RUN_ID, PLAIN, Column, Context, Listing, as_moment, moment

if TYPE_CHECKING:
    from collections.abc import Iterable

    from taskrunner.installation import Site
    from taskrunner.records import AdhocRow, AdhocSummary, RunningRow
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


def is_waiting(row: AdhocRow) -> bool:
    """Return whether a task will be claimed once its time has come."""
    return row.run_id is None and row.attempts_left > 0


def state_of(row: AdhocRow, why_not: str | None, context: Context) -> str:
    """Return running, died, given up, missing, plugin disabled, failing since …, waiting: reason, or ok.

    `why_not`: why no task of its class is run, or None if they are.
    """
    if row.run_id is not None:
        if row.runner_id in context.dead_runners:
            return DIED
        return f"running for {length(context.now - (row.started_at or context.now))}"
    if row.attempts_left <= 0:
        return f"given up: {row.last_message}"
    if why_not is not None:
        return why_not
    if (paused := context.paused(row.name)) is not None:
        return paused
    if row.failing_since is not None:
        since = short_moment(row.failing_since, now=context.now, zone=context.zone)
        return f"failing since {since}: {row.last_message}"
    return f"waiting: {row.last_message}" if row.last_message else "ok"


def _next_run(row: AdhocRow, context: Context) -> str:
    if not is_waiting(row):
        return "-"
    if row.next_run_at <= context.now:
        return "now"
    at = short_moment(row.next_run_at, now=context.now, zone=context.zone)
    return f"{at} {relative(row.next_run_at, context.now)}"


class QueuedTask(NamedTuple):
    """A queued task, and why no task of its class is run, or None if they are."""

    row: AdhocRow
    why_not: str | None


def queued_tasks(site: Site, rows: Iterable[AdhocRow]) -> list[QueuedTask]:
    """Return queued tasks, and whether their classes are run."""
    return [QueuedTask(row, site.why_not_run(row.name)) for row in rows]


QUEUED: Listing[QueuedTask] = Listing(
    (
        Column("id", "Id", right=True).of("row"),
        Column("name", "Task", cut="middle", least=20).of("row"),
        Column("plugin").of("row"),
        Column("custom_data", "Custom data", cut="end", least=12, leaves=1, place=1).of("row"),
        Column("user").of("row"),
        moment("created_at").of("row"),
        Column(
            "next_run_at",
            "Next run",
            lambda row, _: as_moment(row.next_run_at) if is_waiting(row) else None,
            _next_run,
        ).of("row"),
        Column("priority").of("row"),
        Column("fail_delay").of("row"),
        Column("attempts_left", "Attempts left", right=True, leaves=2).of("row"),
        Column("failures").of("row"),
        moment("failing_since").of("row"),
        Column("last_message").of("row"),
        moment("first_started_at").of("row"),
        Column("run_id").of("row"),
        moment("started_at").of("row"),
        Column("hostname").of("row"),
        Column("pid").of("row"),
        Column(
            "state",
            "State",
            lambda task, context: state_of(task.row, task.why_not, context),
            cut="end",
            least=18,
            is_state=True,
            place=2,
        ),
    ),
    lambda task, _: BAD if task.row.failures else PLAIN,
)


class ClassQueue(NamedTuple):
    """How the queue of a class stands; `state`: ok, or why none of its tasks is run."""

    counts: AdhocSummary
    state: str


def class_queues(site: Site, counts: Iterable[AdhocSummary]) -> list[ClassQueue]:
    """Return how the queues stand, and whether their tasks are run."""
    return [ClassQueue(row, site.why_not_run(row.name) or "ok") for row in counts]


def _next_of_class(counts: AdhocSummary, context: Context) -> str:
    at = counts.next_run_at
    return "-" if at is None else relative(max(at, context.now), context.now)


CLASSES: Listing[ClassQueue] = Listing(
    (
        Column("name", "Task", cut="middle", least=20).of("counts"),
        Column("running", "Running", right=True, leaves=3).of("counts"),
        Column("due", "Due", right=True).of("counts"),
        Column("waiting", "Waiting", right=True).of("counts"),
        Column("failing", "Failing", right=True).of("counts"),
        Column("given_up", "Given up", right=True).of("counts"),
        moment("next_run_at", "Next run", _next_of_class, leaves=1).of("counts"),
        Column(
            "state",
            "State",
            lambda one, context: one.state if one.state != "ok" else context.paused(one.counts.name) or "ok",
            cut="end",
            least=12,
            is_state=True,
        ),
    )
)
