"""taskrun list, show, schedule, enable, disable, retry: scheduled tasks, looked at and changed."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from taskrunner.cli.auditing import audit, state_of_scheduled
from taskrunner.cli.completing import SCHEDULED_TASK, TASK
from taskrunner.cli.palette import ASIDE, BAD
from taskrunner.cli.render import (
    Column,
    Record,
    Table,
    as_moment,
    format_options,
    json_option,
    say,
    show_json,
)
from taskrunner.cli.render import show as show_records
from taskrunner.cli.site import config_option, opened_site, tell_visits, zone_of
from taskrunner.cli.states import is_due, state_of
from taskrunner.cli.times import parse_moment, relative, short_moment
from taskrunner.errors import PluginError, TaskrunnerError

if TYPE_CHECKING:
    from datetime import tzinfo

    from taskrunner.plugins import Declaration
    from taskrunner.records import ScheduledRow
    from taskrunner.site import Site

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
@click.option("--sort", type=click.Choice(list(SORTS)), default="name", show_default=True)
@click.option("--next", "count", type=click.IntRange(1), metavar="N", help="Only the N that are due first.")
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


@click.command()
@click.argument("name", type=SCHEDULED_TASK)
@click.argument("expression", required=False)
@click.option("--reset", is_flag=True, help="Back to what the plugin declares.")
@config_option
def schedule(name: str, expression: str | None, reset: bool) -> None:
    """Give a task a schedule of your own.

    EXPRESSION is as "17 3 * * *" or "every 2h"; it survives changes of the plugin.
    """
    if (expression is None) != reset:
        raise click.UsageError('give a schedule, as "17 3 * * *", or --reset')
    site = opened_site()
    declaration = find_task(site, name, scheduled=True)
    _refuse_if_decided(site, declaration.name, "schedule")
    if expression is not None:
        site.planner.schedule(expression, name=declaration.name, timezone=declaration.timezone)
    if reset:
        _refuse_if_decided(site, declaration.name, "disabled")
        customise(site, "schedule --reset", declaration, own_schedule=None, own_disabled=None)
    else:
        customise(site, "schedule", declaration, own_schedule=expression)


@click.command()
@click.argument("name", type=SCHEDULED_TASK)
@config_option
def enable(name: str) -> None:
    """Let a disabled task run again."""
    _set_disabled(name, disabled=0)


@click.command()
@click.argument("name", type=SCHEDULED_TASK)
@config_option
def disable(name: str) -> None:
    """Keep a task from running.

    `taskrun run-task NAME --force` runs it all the same.
    """
    _set_disabled(name, disabled=1)


@click.command()
@click.argument("name", type=SCHEDULED_TASK)
@config_option
def retry(name: str) -> None:
    """Forget the fail delay of a task and make it due now."""
    site = opened_site()
    declaration = find_task(site, name, scheduled=True)
    with site.store.transaction():
        before = _row(site, declaration.name)
        site.store.scheduled.retry(declaration.name, time.time())
        row = _row(site, declaration.name)
        audit(site, "retry", declaration.name, state_of_scheduled(before), state_of_scheduled(row))
    tell_visits(site, time.time())
    say(f"{declaration.name} is due now.")
    if not is_due(row, time.time()):
        say(f"It will not run all the same: {state_of(row, now=time.time(), zone=zone_of(site))}.", err=True)


def find_task(site: Site, name: str, *, scheduled: bool = False) -> Declaration:
    """Return the task a person means by a name or the end of one. Raises UnknownTaskError, PluginError."""
    declaration = site.registry.find(name)
    if scheduled and declaration.kind != "scheduled":
        raise PluginError(f"{declaration.name} is an adhoc task: it has no schedule")
    return declaration


def _set_disabled(name: str, *, disabled: int) -> None:
    site = opened_site()
    declaration = find_task(site, name, scheduled=True)
    _refuse_if_decided(site, declaration.name, "disabled")
    own = None if bool(disabled) == declaration.disabled else disabled
    customise(site, "disable" if disabled else "enable", declaration, own_disabled=own)


def _refuse_if_decided(site: Site, name: str, setting: str) -> None:
    if decider := site.config.decided_by(name, setting):
        what = f"the schedule of {name}" if setting == "schedule" else f"whether {name} is disabled"
        raise TaskrunnerError(f"{decider} decides {what}", hint="change it there")


def customise(site: Site, action: str, declaration: Declaration, **own: Any) -> None:
    """Write the administrator's wish, and say what was, what is, and what comes of it."""
    from taskrunner.cli.show import show_change

    now = time.time()
    with site.store.transaction():
        before = site.store.scheduled.find_for_change(declaration.name) or _row(site, declaration.name)
        fields = site.planner.declared(declaration, before, now, **own)
        site.store.scheduled.declare(asdict(fields))
        after = _row(site, declaration.name)
        audit(site, action, declaration.name, state_of_scheduled(before), state_of_scheduled(after))
    tell_visits(site, fields.next_run_at)
    show_change(site, before, after, now=now)


def _row(site: Site, name: str) -> ScheduledRow:
    row = site.store.scheduled.find(name)
    if row is None:
        raise PluginError(f"{name} has no row yet: see what is wrong with it", hint="taskrun plugins")
    return row
