"""taskrun list, show: scheduled tasks, looked at."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from taskrunner.cli.completing import TASK
from taskrunner.cli.counting import COUNTED
from taskrunner.cli.finding import find_task
from taskrunner.cli.palette import ASIDE, BAD
from taskrunner.cli.render import (
    Column,
    Record,
    Table,
    as_moment,
    format_options,
    json_option,
    show_json,
)
from taskrunner.cli.render import show as show_records
from taskrunner.cli.site import config_option, opened_site, zone_of
from taskrunner.cli.states import is_due, state_of
from taskrunner.cli.times import parse_moment, relative, short_moment
from taskrunner.errors import PluginError

if TYPE_CHECKING:
    from datetime import tzinfo

    from taskrunner.records import ScheduledRow

TABLE = Table(
    keys=(
        "name",
        "title",
        "plugin",
        "schedule",
        "timezone",
        "customised",
        "disabled",
        "last_run_at",
        "last_success_at",
        "last_outcome",
        "last_message",
        "next_run_at",
        "fail_delay",
        "failing_since",
        "failures",
        "blocked",
        "state",
    ),
    columns=(
        Column("name", "Task"),
        Column("_schedule", "Schedule", wraps=True, least=11),
        Column("_last", "Last run"),
        Column("_next", "Next run", wraps=True, least=11),
        Column("state", "State", wraps=True, least=13),
    ),
)
SORTS = {"name": lambda row: row.name, "next": lambda row: (row.next_run_at, row.name)}


@click.command("list")
@click.option("--due", is_flag=True, help="Only what is due.")
@click.option("--failing", is_flag=True, help="Only what fails.")
@click.option("--disabled", is_flag=True, help="Only what is disabled.")
@click.option("--plugin", metavar="P", help="Only the tasks of a plugin.")
@click.option(
    "--sort", type=click.Choice(list(SORTS)), default="name", show_default=True, help="In which order."
)
@click.option("--next", "count", type=COUNTED, metavar="N", help="Only the N that are due first.")
@click.option("--at", metavar="TIME", help="As of another moment: 13:57, '2026-11-21 13:57', an ISO time.")
@format_options
@config_option
def list_tasks(
    due: bool,
    failing: bool,
    disabled: bool,
    plugin: str | None,
    sort: str,
    count: int | None,
    at: str | None,
    output_format: str | None,
) -> None:
    """Show every scheduled task.

    Its schedule, marked (*) if customised; its last and next run; its state.
    """
    site = opened_site()
    if plugin is not None and plugin not in {known.name for known in site.registry.plugins}:
        raise PluginError(f"there is no plugin {plugin}", hint="taskrun plugins")
    zone = zone_of(site)
    now = parse_moment(at, now=time.time(), zone=zone) if at else time.time()
    rows = [
        row
        for row in sorted(site.store.scheduled.list(), key=SORTS[sort])
        if (not due or is_due(row, now))
        and (not failing or row.failing_since is not None)
        and (not disabled or row.disabled)
        and plugin in (None, row.plugin)
    ]
    if count is not None:
        waiting = [row for row in rows if row.run_id is None and row.blocked is None and not row.disabled]
        rows = sorted(waiting, key=SORTS["next"])[:count]
    records = [list_record(row, now=now, zone=zone) for row in rows]
    wanted = " ".join(
        word for word, given in (("due", due), ("failing", failing), ("disabled", disabled)) if given
    )
    show_records(
        records, TABLE, output_format=output_format, empty=f"no scheduled task is {wanted or 'there'}"
    )


def list_record(row: ScheduledRow, *, now: float, zone: tzinfo) -> Record:
    """Return what lists show of a scheduled task; keys with _ are for people only."""
    waits = row.run_id is None and row.blocked is None and not row.disabled
    next_run = f"{short_moment(row.next_run_at, now=now, zone=zone)} {relative(row.next_run_at, now)}"
    last_run = short_moment(row.last_run_at, now=now, zone=zone)
    return {
        "name": row.name,
        "title": row.title,
        "plugin": row.plugin,
        "schedule": row.schedule,
        "timezone": row.timezone,
        "customised": bool(row.customised),
        "disabled": bool(row.disabled),
        "last_run_at": as_moment(row.last_run_at),
        "last_success_at": as_moment(row.last_success_at),
        "last_outcome": row.last_outcome,
        "last_message": row.last_message,
        "next_run_at": as_moment(row.next_run_at) if waits else None,
        "fail_delay": row.fail_delay,
        "failing_since": as_moment(row.failing_since),
        "failures": row.failures,
        "blocked": row.blocked,
        "state": state_of(row, now=now, zone=zone),
        "_schedule": row.schedule + " (*)" * row.customised,
        "_last": f"{last_run} {row.last_outcome or ''}".rstrip(),
        "_next": ("now" if row.next_run_at <= now else next_run) if waits else "-",
        "_style": BAD if row.failing_since else (ASIDE if not waits and row.run_id is None else ""),
    }


@click.command()
@click.argument("name", type=TASK)
@json_option
@config_option
def show(name: str, output_format: str | None) -> None:
    """Show one task in full.

    Where it is defined, its schedules in words, its next and last runs.
    """
    from taskrunner.cli.show import show_task, task_record

    site = opened_site()
    declaration = find_task(site, name)
    if output_format == "json":
        show_json([task_record(site, declaration, now=time.time())])
    else:
        show_task(site, declaration, now=time.time())
