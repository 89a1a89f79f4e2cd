"""taskrun adhoc: the queue of adhoc tasks."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from taskrunner.cli import Suggesting
from taskrunner.cli import queue as changing
from taskrunner.cli.find import adhoc_state, class_name, found_task
from taskrunner.cli.options import (
    ADHOC_CLASS,
    COUNTED,
    config_option,
    long_moment,
    opened_site,
    relative,
    short_moment,
    zone_of,
)
from taskrunner.cli.render import (
    BAD,
    Column,
    Record,
    Table,
    as_moment,
    format_options,
    json_option,
    say,
    show_json,
)
from taskrunner.cli.render import (
    show as show_records,
)

if TYPE_CHECKING:
    from datetime import tzinfo

    from taskrunner.installation import Site
    from taskrunner.records import AdhocRow

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


@click.command("list")
@click.argument("name", required=False, type=ADHOC_CLASS)
@click.option("--failed", is_flag=True, help="Only what has failed: waiting for another try, or given up.")
@click.option("--due", is_flag=True, help="Only what is due.")
@click.option("--limit", type=COUNTED, metavar="N", default=1000, show_default=True, help="At most so many.")
@format_options
@config_option
def list_adhoc(name: str | None, failed: bool, due: bool, limit: int, output_format: str | None) -> None:
    """Show queued tasks, the oldest due first."""
    site, now = opened_site(), time.time()
    wanted = class_name(site, name) if name else ""
    rows = site.store.adhoc.list(now=now, name=wanted, failed=failed, due=due, limit=limit)
    records = [_record(site, row, now) for row in rows]
    show_records(records, TABLE, output_format=output_format, empty="no such task is queued")


@click.command()
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


@click.command("show")
@click.argument("task_id", type=COUNTED, metavar="ID")
@json_option
@config_option
def show_adhoc(task_id: int, output_format: str | None) -> None:
    """Show one queued task in full."""
    site, now = opened_site(), time.time()
    record = _record(site, found_task(site, task_id), now)
    if output_format == "json":
        show_json([record])
        return
    zone = zone_of(site)
    for key, value in record.items():
        if not key.startswith("_") and value is not None:
            text = long_moment(value.timestamp(), zone) if hasattr(value, "timestamp") else str(value)
            say(f"{key:<16} {text}")


def _record(site: Site, row: AdhocRow, now: float) -> Record:
    zone = zone_of(site)
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
        "_style": BAD if row.failures else "",
    }


def _next_run(row: AdhocRow, now: float, zone: tzinfo) -> str:
    if row.next_run_at <= now:
        return "now"
    return f"{short_moment(row.next_run_at, now=now, zone=zone)} {relative(row.next_run_at, now)}"


@click.group(cls=Suggesting)
def adhoc() -> None:
    """Show and change the queue of adhoc tasks."""


for command in (
    list_adhoc,
    summary,
    show_adhoc,
    changing.queue,
    changing.run,
    changing.retry_adhoc,
    changing.cancel_adhoc,
):
    adhoc.add_command(command)
