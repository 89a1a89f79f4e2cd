"""Queued tasks as they are shown: each of them, and how the queue of each class stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from taskrunner.formatting import length, relative, short_moment
from taskrunner.locks import DIED
from taskrunner.views.columns import BAD, PLAIN, Column, Context, Listing, as_moment, moment

if TYPE_CHECKING:
    from collections.abc import Iterable

    from taskrunner.installation import Site
    from taskrunner.records import AdhocRow, AdhocSummary


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
