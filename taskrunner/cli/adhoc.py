"""taskrun adhoc: the queue of adhoc tasks, looked at and changed."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from taskrunner.cli.render import (
    Column,
    Record,
    Table,
    as_moment,
    format_options,
    harmless,
    json_option,
    show_json,
)
from taskrunner.cli.render import show as show_records
from taskrunner.cli.site import config_option, opened_site
from taskrunner.cli.states import adhoc_state
from taskrunner.cli.times import long_moment, parse_length, parse_moment, relative, short_moment
from taskrunner.errors import TaskrunnerError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import tzinfo

    from taskrunner.records import AdhocRow
    from taskrunner.site import Site

ID = click.IntRange(1, 2**63 - 1)
"""What a database can count to."""

LONGEST_SHOWN = 60
"""Characters of the custom data that a table shows."""

TABLE = Table(
    keys=(
        "id",
        "name",
        "plugin",
        "custom_data",
        "user",
        "created_at",
        "next_run_at",
        "fail_delay",
        "attempts_left",
        "failures",
        "failing_since",
        "last_message",
        "first_started_at",
        "run_id",
        "started_at",
        "hostname",
        "pid",
        "state",
    ),
    columns=(
        Column("id", "Id"),
        Column("name", "Task"),
        Column("_next", "Next run"),
        Column("attempts_left", "Attempts left"),
        Column("_data", "Custom data", wraps=True),
        Column("state", "State", wraps=True),
    ),
)
SUMMARY = Table(
    keys=(
        "name",
        "running",
        "due",
        "waiting",
        "failing",
        "given_up",
        "next_run_at",
        "state",
    ),
    columns=(
        Column("name", "Task"),
        Column("running", "Running"),
        Column("due", "Due"),
        Column("waiting", "Waiting"),
        Column("failing", "Failing"),
        Column("given_up", "Given up"),
        Column("_next", "Next run"),
        Column("state", "State", wraps=True),
    ),
)


@click.group()
def adhoc() -> None:
    """Show and change the queue of adhoc tasks."""


@adhoc.command("list")
@click.argument("name", required=False)
@click.option("--failed", is_flag=True, help="Only what has failed: waiting for another try, or given up.")
@click.option("--due", is_flag=True, help="Only what is due.")
@click.option("--limit", type=ID, default=1000, show_default=True, help="At most so many.")
@format_options
@config_option
def list_adhoc(name: str | None, failed: bool, due: bool, limit: int, output_format: str | None) -> None:
    """Show queued tasks, the oldest due first."""
    site, now = opened_site(), time.time()
    wanted = _class_name(site, name) if name else ""
    rows = site.store.adhoc.list(now=now, name=wanted, failed=failed, due=due, limit=limit)
    records = [_record(site, row, now) for row in rows]
    show_records(records, TABLE, output_format=output_format, empty="no such task is queued")


@adhoc.command()
@format_options
@config_option
def summary(output_format: str | None) -> None:
    """Show how the queue of each class stands."""
    site, now = opened_site(), time.time()
    records = []
    for row in site.store.adhoc.summary(now):
        next_run = None if row.next_run_at is None else max(row.next_run_at, now)
        records.append(
            {
                "name": row.name,
                "running": row.running,
                "due": row.due,
                "waiting": row.waiting,
                "failing": row.failing,
                "given_up": row.given_up,
                "next_run_at": as_moment(row.next_run_at),
                "state": site.why_not_run(row.name) or "ok",
                "_next": "-" if next_run is None else relative(next_run, now),
            }
        )
    show_records(records, SUMMARY, output_format=output_format, empty="the queue is empty")


@adhoc.command("show")
@click.argument("task_id", type=ID, metavar="ID")
@json_option
@config_option
def show_adhoc(task_id: int, output_format: str | None) -> None:
    """Show one queued task in full."""
    site, now = opened_site(), time.time()
    record = _record(site, _found(site, task_id), now)
    if output_format == "json":
        show_json([record])
        return
    zone = _zone(site)
    for key, value in record.items():
        if not key.startswith("_") and value is not None:
            text = long_moment(value.timestamp(), zone) if hasattr(value, "timestamp") else str(value)
            click.echo(f"{key:<16} {harmless(text)}")


@adhoc.command()
@click.argument("name")
@click.option(
    "--data", metavar="JSON", default="null", help="The custom data; - reads one JSON a line from stdin."
)
@click.option("--at", metavar="TIME", help="Not before: 13:57, '2026-11-21 13:57', an ISO time.")
@click.option("--in", "after", metavar="LENGTH", help="Not before so long from now: 90s, 5m, 2h.")
@click.option("--user", metavar="U", help="Whom it is run for.")
@click.option(
    "--check-for-existing", is_flag=True, help="Not again if the same is queued; its id is printed."
)
@click.option("-q", "--quiet", is_flag=True, help="Print no id.")
@config_option
def queue(
    name: str,
    data: str,
    at: str | None,
    after: str | None,
    user: str | None,
    check_for_existing: bool,
    quiet: bool,
) -> None:
    """Queue a task and print its id; with --data - one for each line, all of them or none."""
    from taskrunner.cli.queueing import Wish, queue_all, texts_of

    if at and after:
        raise click.UsageError("give --at or --in, not both")
    site, now = opened_site(), time.time()
    moment = (
        parse_moment(at, now=now, zone=_zone(site)) if at else now + (parse_length(after) if after else 0)
    )
    declaration = site.registry.find(name)
    if declaration.kind != "adhoc":
        raise TaskrunnerError(
            f"{declaration.name} is a scheduled task: it is not queued",
            hint=f"taskrun run-task {declaration.name}",
        )
    wish = Wish(declaration, user, moment, once=check_for_existing)
    for task_id in queue_all(site, wish, texts_of(data), now):
        if not quiet:
            click.echo(task_id)


@adhoc.command()
@click.option("--id", "task_id", type=ID, metavar="N", help="This task, whatever its time and its limits.")
@click.option("--class", "name", metavar="NAME", help="Only tasks of a class.")
@click.option("--failed", is_flag=True, help="What has failed, also what was given up, whatever its delay.")
@click.option("--limit", type=ID, metavar="N", help="At most so many.")
@click.option(
    "--keep-alive", type=click.IntRange(0, 900), default=0, metavar="N", help="Look for work for N s."
)
@click.option(
    "--ignore-limits", is_flag=True, help="No slots, no shares, no limits of classes, no end of time."
)
@config_option
def run(
    task_id: int | None,
    name: str | None,
    failed: bool,
    limit: int | None,
    keep_alive: int,
    ignore_limits: bool,
) -> None:
    """Run queued tasks now: what is due, or what is asked for."""
    from taskrunner.runner.assembly import Troubles, assemble
    from taskrunner.runner.picking import Selection
    from taskrunner.runner.single import run_adhoc_tasks, run_queue

    site = opened_site()
    wanted = site.registry.find(name).name if name else None
    troubles = Troubles()
    runner = assemble(
        site,
        command="adhoc run",
        shown="all",
        keep_alive=keep_alive,
        selection=Selection(wanted, ignore_limits, limit),
        live=True,
        always_shown=True,
        troubles=troubles,
    )
    if task_id is not None:
        outcome = run_adhoc_tasks(runner, [_found(site, task_id).id])
    elif failed:
        rows = site.store.adhoc.list(name=wanted or "", failed=True, limit=limit or sys.maxsize)
        outcome = run_adhoc_tasks(runner, [row.id for row in rows if row.run_id is None])
    else:
        outcome = run_queue(runner)
    sys.exit(runner.interruption.exit_code or int(outcome.failed > 0) or troubles.exit_code)


@adhoc.command("retry")
@click.argument("ids", type=ID, nargs=-1, metavar="[ID]...")
@click.option("--class", "name", metavar="NAME", help="All that have failed of a class.")
@click.option("--failed", is_flag=True, help="All that have failed.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@config_option
def retry_adhoc(ids: tuple[int, ...], name: str | None, failed: bool, yes: bool) -> None:
    """Make tasks due now, with one attempt at least."""
    site, now = opened_site(), time.time()
    chosen = _chosen(site, ids, name, failed=failed or name is not None, yes=yes)
    _change(site, chosen, lambda task_id: site.store.adhoc.retry(task_id, now), "due now")


@adhoc.command("cancel")
@click.argument("ids", type=ID, nargs=-1, metavar="[ID]...")
@click.option("--class", "name", metavar="NAME", help="All of a class.")
@click.option("--failed", is_flag=True, help="All that have failed.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@config_option
def cancel_adhoc(ids: tuple[int, ...], name: str | None, failed: bool, yes: bool) -> None:
    """Remove tasks from the queue that are not running."""
    site = opened_site()
    chosen = _chosen(site, ids, name, failed=failed, yes=yes)
    _change(site, chosen, site.store.adhoc.cancel, "cancelled")


def _chosen(site: Site, ids: tuple[int, ...], name: str | None, *, failed: bool, yes: bool) -> list[int]:
    """Return the ids that are meant. Raises UsageError: none named, or a filter without --yes."""
    if ids:
        return list(ids)
    if name is None and not failed:
        raise click.UsageError("give ids, or --class or --failed")
    wanted = _class_name(site, name) if name else ""
    found = [row.id for row in site.store.adhoc.list(name=wanted, failed=failed) if row.run_id is None]
    if not yes:
        raise click.UsageError(f"this is for {len(found)} tasks; --yes does it")
    return found


def _change(site: Site, ids: list[int], change: Callable[[int], bool], done: str) -> None:
    with site.store.transaction():
        refused = [task_id for task_id in ids if not change(task_id)]
    click.echo(f"{len(ids) - len(refused)} {done}")
    if refused:
        click.echo(f"running, or not queued any more: {', '.join(map(str, refused))}", err=True)
        sys.exit(1)


def _record(site: Site, row: AdhocRow, now: float) -> Record:
    zone = _zone(site)
    data = row.custom_data
    waits = row.run_id is None and row.attempts_left > 0
    return {
        "id": row.id,
        "name": row.name,
        "plugin": row.plugin,
        "custom_data": data,
        "user": row.user,
        "created_at": as_moment(row.created_at),
        "next_run_at": as_moment(row.next_run_at) if waits else None,
        "fail_delay": row.fail_delay,
        "attempts_left": row.attempts_left,
        "failures": row.failures,
        "failing_since": as_moment(row.failing_since),
        "last_message": row.last_message,
        "first_started_at": as_moment(row.first_started_at),
        "run_id": row.run_id,
        "started_at": as_moment(row.started_at),
        "hostname": row.hostname,
        "pid": row.pid,
        "state": adhoc_state(row, site.why_not_run(row.name), now=now, zone=zone),
        "_data": data if len(data) <= LONGEST_SHOWN else f"{data[:LONGEST_SHOWN]}…",
        "_next": _next_run(row, now, zone) if waits else "-",
        "_style": "red" if row.failures else "",
    }


def _next_run(row: AdhocRow, now: float, zone: tzinfo) -> str:
    if row.next_run_at <= now:
        return "now"
    return f"{short_moment(row.next_run_at, now=now, zone=zone)} {relative(row.next_run_at, now)}"


def _class_name(site: Site, name: str) -> str:
    """Return the class a person means: a declared one, or one that only the queue knows any more."""
    queued = {row.name for row in site.store.adhoc.summary(0.0)}
    return name if name in queued else site.registry.find(name).name


def _found(site: Site, task_id: int) -> AdhocRow:
    row = site.store.adhoc.find(task_id)
    if row is None:
        raise TaskrunnerError(
            f"no task {task_id} is queued: it is done, cancelled, or never was", hint="taskrun log"
        )
    return row


def _zone(site: Site) -> tzinfo:
    from taskrunner.schedule.zones import get_zone

    return get_zone(site.config.timezone)
