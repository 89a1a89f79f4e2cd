"""Reports as they are shown: for each one list of columns, and the rows of those that mix several kinds."""

from __future__ import annotations

import shlex
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from taskrunner.formatting import length, short_moment
from taskrunner.report.failures import kind_text
from taskrunner.report.load import WEEKDAYS
from taskrunner.report.statistics import in_words
from taskrunner.views.columns import Column, Context, Listing, moment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from taskrunner.report.durations import TaskDurations
    from taskrunner.report.failures import TaskFailures
    from taskrunner.report.load import Gap, Heatmap, Overlaps
    from taskrunner.report.stagger import Move, Plan
    from taskrunner.report.statistics import TaskThreshold
    from taskrunner.store.imports import CronRun, TaskRun

SHOWN_NAMES = 4


def _rounded(key: str, digits: int) -> Column[Any]:
    def value(row: Any, _: Context) -> float | None:
        number = getattr(row, key)
        return None if number is None else round(number, digits)

    return Column(key, value=value)


FAILURES: Listing[TaskFailures] = Listing(
    (
        Column("name"),
        Column("runs"),
        Column("ok"),
        Column("failed"),
        Column("crashed"),
        _rounded("rate", 4),
        _rounded("rate_low", 4),
        _rounded("rate_high", 4),
        Column("recent_runs"),
        _rounded("recent_rate", 4),
        Column("former_runs"),
        _rounded("former_rate", 4),
        Column("verdict"),
        Column("reason"),
        moment("last_failure_at"),
        Column("last_message"),
    )
)

THRESHOLDS: Listing[TaskThreshold] = Listing(
    (
        Column("name"),
        Column("threshold"),
        Column("failed_over", value=lambda row, _: row.over[0]),
        Column("runs_over", value=lambda row, _: row.over[1]),
        Column("failed_under", value=lambda row, _: row.under[0]),
        Column("runs_under", value=lambda row, _: row.under[1]),
        Column("hard_limit"),
        Column("area"),
        Column("youden"),
        Column("failures"),
        Column("successes"),
        Column("unknown"),
        Column("reason"),
        Column("", "Length and failure", text=lambda row, _: in_words(row), cut="end"),
    )
)

DURATIONS: Listing[TaskDurations] = Listing(
    (
        Column("name"),
        Column("runs"),
        Column("p50"),
        Column("p95"),
        Column("p99"),
        Column("longest"),
        _rounded("total", 6),
        _rounded("share", 6),
        Column("crashed"),
        Column("crashed_after"),
        Column("counts", value=lambda row, _: list(row.counts)),
    )
)


def _moment(epoch: float, context: Context) -> str:
    return short_moment(epoch, now=context.now, zone=context.zone)


GAPS: Listing[Gap] = Listing(
    (
        moment("began_at", "From", lambda gap, context: _moment(gap.began_at, context)),
        moment(
            "ended_at",
            "To",
            lambda gap, context: "now" if gap.ended_at is None else _moment(gap.ended_at, context),
        ),
        Column(
            "duration",
            "Silent for",
            lambda gap, _: round(gap.duration, 3),
            lambda gap, _: length(gap.duration),
            right=True,
        ),
        Column("hostname", "Host", lambda gap, _: gap.hostname or None),
        Column("last_line", "Last line before", cut="end", least=20),
    )
)


class Together(NamedTuple):
    """Tasks that ran at the same time.

    `kind`: most (as many at once as never else), pair, itself (two runs of one task), schedule (a task that
    was still running when its own next start was due).
    """

    kind: str
    first: str
    second: str = ""
    times: int = 0
    duration: float | None = None
    runs: int | None = None
    interval: float | None = None
    at: float | None = None


def tasks_together(found: Overlaps) -> list[Together]:
    """Return the most at once, the pairs, and the tasks that overrun their interval."""
    rows = [
        Together(
            "itself" if pair.first == pair.second else "pair",
            pair.first,
            pair.second,
            times=pair.times,
            duration=pair.seconds,
        )
        for pair in found.pairs
    ]
    rows += [
        Together("schedule", over.name, times=over.times, runs=over.runs, interval=over.interval)
        for over in found.overruns
    ]
    if found.most > 1 and found.most_at is not None:
        rows.insert(0, Together("most", _named(found.most_names), times=found.most, at=found.most_at))
    return rows


def _named(names: tuple[str, ...]) -> str:
    counts = Counter(names)
    texts = [name if count == 1 else f"{count} × {name}" for name, count in counts.items()]
    more = f" and {len(texts) - SHOWN_NAMES} more" if len(texts) > SHOWN_NAMES else ""
    return ", ".join(texts[:SHOWN_NAMES]) + more


def _what(row: Together, context: Context) -> str:
    if row.at is not None:
        return f"most at once, {_moment(row.at, context)}"
    if row.interval is not None:
        return f"longer than its interval, {length(row.interval)}"
    return "two tasks" if row.kind == "pair" else "a task and itself"


def _times(row: Together, _: Context) -> str:
    return str(row.times) if row.runs is None else f"{row.times} of {row.runs} runs"


OVERLAPS: Listing[Together] = Listing(
    (
        Column("kind", "What", text=_what),
        Column("first", "Task", cut="middle", least=20),
        Column("second", "And", cut="middle", least=20),
        Column("times", "Times", text=_times, right=True),
        Column(
            "duration",
            "Together for",
            lambda row, _: None if row.duration is None else round(row.duration, 3),
            lambda row, _: "" if row.duration is None else length(row.duration),
            right=True,
        ),
        Column("runs"),
        Column("interval"),
        moment("at"),
    )
)


class Busy(NamedTuple):
    """A cell of the heatmap that is not empty; the hottest name the `tasks` behind them.

    `kind`: day (an hour and five minutes of the day), week (a weekday and an hour), starts (a minute of the
    hour).
    """

    kind: str
    weekday: str | None = None
    hour: int | None = None
    minute: int | None = None
    busy_seconds: float | None = None
    starts: int | None = None
    tasks: list[str] | None = None


def busy_cells(found: Heatmap) -> Iterator[Busy]:
    """Yield every cell that is not empty."""
    names = {(hot.hour, hot.minute): [name for name, _ in hot.tasks] for hot in found.hottest}
    for hour, row in enumerate(found.by_day):
        for column, seconds in enumerate(row):
            minute = column * 5
            if seconds:
                tasks = names.get((hour, minute))
                yield Busy("day", hour=hour, minute=minute, busy_seconds=seconds, tasks=tasks)
    for weekday, row in enumerate(found.by_week):
        for hour, seconds in enumerate(row):
            if seconds:
                yield Busy("week", weekday=WEEKDAYS[weekday], hour=hour, busy_seconds=seconds)
    for minute, count in enumerate(found.starts):
        if count:
            yield Busy("starts", minute=minute, starts=count)


HEATMAP: Listing[Busy] = Listing(
    (
        Column("kind"),
        Column("weekday"),
        Column("hour"),
        Column("minute"),
        _rounded("busy_seconds", 3),
        Column("starts"),
        Column("tasks", value=lambda cell, _: cell.tasks or []),
    )
)


class PlannedMove(NamedTuple):
    """A move, and the plan that it is of."""

    move: Move
    plan: Plan


def command_of(move: Move) -> str:
    """Return the command that makes a move; tasks of another program have none, and are named only."""
    if "\\" in move.after.name:
        return f'{move.after.name} "{move.after.expression}"'
    return f'taskrun schedule {shlex.quote(move.after.name)} "{move.after.expression}"'


MOVES: Listing[PlannedMove] = Listing(
    (
        Column("name", value=lambda one, _: one.move.after.name),
        Column("schedule", value=lambda one, _: one.move.before.expression),
        Column("new_schedule", value=lambda one, _: one.move.after.expression),
        Column("p95", value=lambda one, _: round(one.move.after.seconds, 3)),
        Column("peak_before", value=lambda one, _: round(one.plan.peak_before, 3)),
        Column("peak_after", value=lambda one, _: round(one.plan.peak_after, 3)),
        Column("command", value=lambda one, _: command_of(one.move)),
    )
)


class Crash(NamedTuple):
    """A run, or a cron process, that started and did not end.

    `lived`: seconds that it is known to have lived, at least, unless `lived_exactly`; `in_database`: whether
    the log table has a row of it, None if nothing tells.
    """

    name: str
    type: str
    adhoc_id: int | None
    started_at: float
    lived: float
    lived_at_most: float | None
    lived_exactly: bool
    kind: str
    memory_start: int | None
    in_database: bool | None
    run_id: str | None
    hostname: str | None
    pid: int | None
    path: str | None
    line: int | None
    confidence: str
    message: str
    last_lines: list[str]


def crashed_run(run: TaskRun, *, in_database: bool | None) -> Crash:
    """Return what is shown of a run that crashed."""
    return Crash(
        name=run.name,
        type=run.type,
        adhoc_id=run.adhoc_id,
        started_at=run.started_at,
        lived=run.duration,
        lived_at_most=None if run.ended_before is None else run.ended_before - run.started_at,
        lived_exactly=bool(run.end_known),
        kind=kind_text(run),
        memory_start=run.memory_start,
        in_database=in_database,
        run_id=run.run_id or None,
        hostname=run.hostname or None,
        pid=run.pid,
        path=run.path or None,
        line=run.line or None,
        confidence=run.confidence,
        message=run.message,
        last_lines=run.last_lines.splitlines(),
    )


def dead_cron(run: CronRun) -> Crash:
    """Return what is shown of a cron that died between its tasks."""
    return Crash(
        name="",
        type="cron",
        adhoc_id=None,
        started_at=run.started_at,
        lived=max(0.0, run.ended_at - run.started_at),
        lived_at_most=None,
        lived_exactly=False,
        kind="died between tasks",
        memory_start=None,
        in_database=None,
        run_id=None,
        hostname=run.hostname or None,
        pid=run.pid,
        path=run.path or None,
        line=run.line or None,
        confidence="high",
        message="",
        last_lines=[run.last_line] if run.last_line else [],
    )


CRASHES: Listing[Crash] = Listing(
    tuple(
        moment(key)
        if key == "started_at"
        else _rounded(key, 3)
        if key in ("lived", "lived_at_most")
        else Column(key)
        for key in Crash._fields
    )
)
