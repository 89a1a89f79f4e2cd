"""Scheduled tasks as they are shown: in a list, and one in full."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from taskrunner.formatting import brief_moment, length, plural, relative, short_moment
from taskrunner.liveness import DIED
from taskrunner.named_tuple import NamedTuple
from taskrunner.views.columns import (
    ASIDE,
    BAD,
    LATE,
    PLAIN,
    Column,
    Context,
    Listing,
    as_moment,
    moment,
    truth,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from taskrunner.installation import Site
    from taskrunner.plugins import Declaration
    from taskrunner.records import RecentRun, Run, ScheduledRow

RUNS_FOR_USUAL = 50

SORTS = {"name": lambda row: row.name, "next": lambda row: (row.next_run_at, row.name)}
"""Order of a list -> what rows are sorted by."""


def state_of(row: ScheduledRow, context: Context) -> str:
    """Return ok, failing since …, running, died, disabled, paused, plugin disabled, missing, or off."""
    if row.run_id is not None:
        if row.runner_id in context.dead_runners:
            return DIED
        return f"running for {length(context.now - (row.started_at or context.now))}"
    if row.blocked is not None:
        return row.blocked.partition(":")[0]
    if row.disabled:
        return "disabled"
    if (paused := context.paused(row.name)) is not None:
        return paused
    if row.off_reason is not None:
        return f"off: {row.off_reason}"
    if row.failing_since is not None:
        since = short_moment(row.failing_since, now=context.now, zone=context.zone)
        muted = ", muted" if context.is_muted(row.name) else ""
        return f"failing since {since} ({row.failures}×){muted}"
    return "ok"


def is_waiting(row: ScheduledRow) -> bool:
    """Return whether a task will be claimed once its time has come."""
    return row.run_id is None and row.blocked is None and not row.disabled


def is_due(row: ScheduledRow, now: float) -> bool:
    """Return whether a task would be claimed now."""
    return is_waiting(row) and row.next_run_at <= now


def why_not_due(row: ScheduledRow, context: Context) -> str:
    """Return why a task would not be claimed now."""
    if row.run_id is not None:
        if row.runner_id in context.dead_runners:
            return DIED
        return f"it is running, pid {row.pid} on {row.hostname}"
    if row.blocked is not None:
        return row.blocked
    if row.disabled:
        return "it is disabled"
    if (paused := context.paused(row.name)) is not None:
        return f"it is {paused}"
    waits = f"due {_moment_and_distance(row.next_run_at, context, ', ')}"
    return f"{waits}, after {plural(row.failures, 'failure')}" if row.fail_delay else waits


def _moment_and_distance(epoch: float, context: Context, between: str = " ") -> str:
    now = context.now
    return f"{short_moment(epoch, now=now, zone=context.zone)}{between}{relative(epoch, now)}"


def _brief_state(row: ScheduledRow, context: Context) -> str:
    state = state_of(row, context)
    if state == DIED:
        return "process died"
    if state.startswith("failing since"):
        is_muted = context.is_muted(row.name)
        return f"fails ×{row.failures} muted" if is_muted else f"failing ×{row.failures}"
    pause = context.pause_of(row.name)
    if pause is not None and pause.until is not None and state.startswith("paused"):
        return f"paused to {brief_moment(pause.until, now=context.now, zone=context.zone)}"
    return state.replace("running for ", "running ")


def _brief_last_run(row: ScheduledRow, context: Context) -> str:
    at = brief_moment(row.last_run_at, now=context.now, zone=context.zone)
    return f"{at} {row.last_outcome or ''}".rstrip()


def _brief_next_run(row: ScheduledRow, context: Context) -> str:
    if not is_waiting(row) or context.pause_of(row.name):
        return "-"
    if row.next_run_at <= context.now:
        return "now"
    at = brief_moment(row.next_run_at, now=context.now, zone=context.zone)
    return f"{at:<6} {relative(row.next_run_at, context.now)}"


def _last_run(row: ScheduledRow, context: Context) -> str:
    last_run = short_moment(row.last_run_at, now=context.now, zone=context.zone)
    return f"{last_run} {row.last_outcome or ''}".rstrip()


def _next_run(row: ScheduledRow, context: Context) -> str:
    if not is_waiting(row) or context.pause_of(row.name):
        return "-"
    return "now" if row.next_run_at <= context.now else _moment_and_distance(row.next_run_at, context)


def _style(row: ScheduledRow, context: Context) -> str:
    if row.run_id is None and is_waiting(row) and context.pause_of(row.name):
        return LATE
    if row.failing_since:
        return BAD
    return PLAIN if is_waiting(row) or row.run_id is not None else ASIDE


SCHEDULED: Listing[ScheduledRow] = Listing(
    (
        Column("name", "Task", cut="middle", least=18),
        Column("title"),
        Column("plugin"),
        Column(
            "schedule",
            "Schedule",
            text=lambda row, _: row.schedule + " (*)" * row.customised,
            cut="end",
            least=8,
            leaves=2,
        ),
        Column("timezone"),
        truth("customised"),
        truth("disabled"),
        moment("last_run_at", "Last run", _last_run, brief=_brief_last_run, leaves=1),
        moment("last_success_at"),
        Column("last_outcome"),
        Column("last_message"),
        Column(
            "next_run_at",
            "Next run",
            lambda row, _: as_moment(row.next_run_at) if is_waiting(row) else None,
            _next_run,
            brief=_brief_next_run,
        ),
        Column("fail_delay"),
        moment("failing_since"),
        Column("failures"),
        Column("blocked"),
        Column("state", "State", state_of, cut="end", least=16, brief=_brief_state, is_state=True),
    ),
    _style,
)

LAST_OUTCOMES = 10
"""Runs of which it is shown how they ended."""

MARKS = {"ok": ".", "failed": "F", "crashed": "C", "timeout": "T"}
OTHER_MARK = "-"


class RecentTask(NamedTuple):
    """A task with its newest runs, the oldest of them first."""

    row: ScheduledRow
    runs: list[RecentRun]

    @property
    def last_outcomes(self) -> list[str]:
        """How its last ten runs ended, the oldest first."""
        return [run.outcome for run in self.runs[-LAST_OUTCOMES:]]

    @property
    def usual_duration(self) -> float | None:
        """The median seconds of its runs that succeeded, or None if there are none."""
        from taskrunner.store.runs import usual_duration  # late: a list does without it

        return usual_duration(self.runs)


def recent_tasks(site: Site, rows: Sequence[ScheduledRow]) -> list[RecentTask]:
    """Return tasks with their newest runs."""
    recent = site.store.log.recent([row.name for row in rows], count=RUNS_FOR_USUAL)
    return [RecentTask(row, recent[row.name]) for row in rows]


def _takes(task: RecentTask, _: Context) -> str:
    return "?" if task.usual_duration is None else length(task.usual_duration)


def _marks(task: RecentTask, _: Context) -> str:
    return "".join(MARKS.get(outcome, OTHER_MARK) for outcome in task.last_outcomes)


def wide(listing: Listing[ScheduledRow]) -> Listing[RecentTask]:
    """Return a listing of tasks with how their last ten runs ended, and how long they usually take."""
    columns = [
        column.of("row")._replace(leaves=column.leaves + 2 if column.leaves else 0)
        for column in listing.columns
    ]
    more = (
        Column("usual_duration", "Takes", text=_takes, right=True, leaves=2),
        Column("last_outcomes", "Last 10", text=_marks, leaves=1),
    )
    return Listing((*columns, *more), lambda task, context: listing.style(task.row, context))


WITHOUT_REASON = {"schedule", "last_run_at"}

FAILING: Listing[ScheduledRow] = SCHEDULED._replace(
    columns=tuple(
        column._replace(title="Message", cut="end", least=15)
        if column.key == "last_message"
        else column._replace(title="" if column.key in WITHOUT_REASON else column.title)
        for column in SCHEDULED.columns
    )
)
"""The same of tasks that fail: why they do instead of when they ran."""

SHOWN_RUNS = 5


class TaskDetails(NamedTuple):
    """All that is known of a task; `row` and what comes after it is None or empty for an adhoc class.

    `usual_duration`: the median seconds of its last successful runs, or None if there are none.
    """

    declaration: Declaration
    usual_duration: float | None
    last_runs: list[Run]
    last_outcomes: tuple[str, ...] = ()
    row: ScheduledRow | None = None
    description: str = ""
    next_runs: tuple[float, ...] = ()
    schedule_decided_by: str | None = None
    disabled_decided_by: str | None = None


def details_of(site: Site, declaration: Declaration, now: float) -> TaskDetails:
    """Return all that is known of a task."""
    from taskrunner.store.runs import LogFilter, usual_duration  # late: a list does without it

    row = site.store.scheduled.find(declaration.name)
    runs = site.store.log.list(LogFilter(names=(declaration.name,), limit=RUNS_FOR_USUAL))
    usual, last = usual_duration(runs), runs[:SHOWN_RUNS]
    outcomes = tuple(run.outcome for run in reversed(runs[:LAST_OUTCOMES]))
    if row is None:
        return TaskDetails(declaration, usual, last, outcomes)
    runs_at_all = row.blocked is None and not row.disabled
    return TaskDetails(
        declaration,
        usual,
        last,
        outcomes,
        row,
        description=describe(site, row),
        next_runs=tuple(upcoming(site, row, now=now, count=SHOWN_RUNS)) if runs_at_all else (),
        schedule_decided_by=site.config.decided_by(row.name, "schedule"),
        disabled_decided_by=site.config.decided_by(row.name, "disabled"),
    )


def upcoming(site: Site, row: ScheduledRow, *, now: float, count: int) -> list[float]:
    """Return the next moments of a task, the planned one first."""
    from taskrunner.schedule import Every

    schedule = site.planner.schedule(row.schedule, name=row.name, timezone=row.timezone)
    first = max(row.next_run_at, now)
    if isinstance(schedule, Every):
        return [first + schedule.seconds * number for number in range(count)]
    later = schedule.upcoming(datetime.fromtimestamp(first, UTC), count - 1)
    return [first, *(at.timestamp() for at in later)]


def describe(site: Site, row: ScheduledRow) -> str:
    """Return the schedule of a task in words."""
    return _in_words(row.schedule)


@lru_cache(maxsize=1000)
def _in_words(schedule: str) -> str:
    """Return the words for a schedule whose H and R are numbers already: no zone and no name change them."""
    from taskrunner.schedule import parse_schedule  # late: a list shows schedules as they are

    return parse_schedule(schedule, timezone="UTC").describe()


KINDS = ("failing", "off", "running", "paused", "ok", "disabled")
"""What a task may be, what a person has to see first comes first."""


def kinds_of(row: ScheduledRow, context: Context) -> tuple[str, ...]:
    """Return which of KINDS a task is: it may run and fail, or be paused and fail, at once."""
    if row.blocked is not None or row.off_reason is not None:
        return ("off",)
    if row.disabled:
        return ("disabled",)
    is_so = {
        "failing": row.failing_since is not None or row.runner_id in context.dead_runners,
        "running": row.run_id is not None,
        "paused": context.pause_of(row.name) is not None,
    }
    return tuple(kind for kind, said in is_so.items() if said) or ("ok",)


RUN_OF_TASK: Listing[Run] = Listing(
    (
        Column("run_id"),
        moment("started_at"),
        Column("duration", value=lambda run, _: round(run.duration, 6)),
        Column("outcome"),
        Column("message"),
    )
)

ADHOC_DETAILS: Listing[TaskDetails] = Listing(
    (
        Column("name", value=lambda task, _: task.declaration.name),
        Column("title", value=lambda task, _: task.declaration.title),
        Column("kind", value=lambda task, _: task.declaration.kind),
        Column("file", value=lambda task, _: task.declaration.path),
        Column("line", value=lambda task, _: task.declaration.line),
        Column("usual_duration"),
        Column("last_outcomes", value=lambda task, _: list(task.last_outcomes)),
        Column(
            "last_runs",
            value=lambda task, context: RUN_OF_TASK.records(task.last_runs, context),
        ),
    )
)


SCHEDULED_DETAILS: Listing[TaskDetails] = Listing(
    (
        *ADHOC_DETAILS.columns,
        Column("schedule").of("row"),
        Column("description"),
        Column("timezone").of("row"),
        Column("default_schedule").of("row"),
        Column("own_schedule").of("row"),
        Column("schedule_decided_by"),
        Column("disabled_decided_by"),
        truth("customised").of("row"),
        Column("state", value=state_of).of("row"),
        Column("blocked").of("row"),
        Column("failures").of("row"),
        moment("failing_since").of("row"),
        Column("last_message").of("row"),
        Column("skips").of("row"),
        moment("skipped_since").of("row"),
        Column("skip_reason").of("row"),
        Column("next_run_at", value=lambda task, _: as_moment(task.next_runs[0]) if task.next_runs else None),
        Column("next_runs", value=lambda task, _: [as_moment(at) for at in task.next_runs]),
    )
)
