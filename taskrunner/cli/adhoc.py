"""taskrun adhoc: the queue of adhoc tasks."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from taskrunner.cli import Suggesting
from taskrunner.cli.options import (
    ADHOC_CLASS,
    COUNTED,
    administrator,
    config_option,
    context_of,
    opened_site,
    parse_length,
    parse_moment,
    zone_of,
)
from taskrunner.cli.render import format_options, json_option, say, show_json, show_listing
from taskrunner.errors import CustomDataError, TaskrunnerError
from taskrunner.formatting import long_moment, plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from taskrunner.administration.audit import Change
    from taskrunner.installation import Site
    from taskrunner.records import AdhocRow


@click.group(cls=Suggesting)
def adhoc() -> None:
    """Show and change the queue of adhoc tasks."""


@adhoc.command("list")
@click.argument("name", required=False, type=ADHOC_CLASS)
@click.option("--failed", is_flag=True, help="Only what has failed: waiting for another try, or given up.")
@click.option("--due", is_flag=True, help="Only what is due.")
@click.option("--user", default="", metavar="U", help="Only what is queued for this user.")
@click.option(
    "--limit", type=COUNTED, metavar="N", default=1000, show_default=True, help="At most this many."
)
@format_options
@config_option
def list_adhoc(
    name: str | None, failed: bool, due: bool, user: str, limit: int, output_format: str | None
) -> None:
    """Show queued tasks, the oldest due first."""
    from taskrunner.views.find import queued_name
    from taskrunner.views.runs import QUEUED, queued_tasks

    site, now = opened_site(for_reading=True), time.time()
    wanted = queued_name(site, name) if name else ""
    rows = site.store.adhoc.list(now=now, name=wanted, failed=failed, due=due, user=user, limit=limit)
    empty = "no such task is queued"
    tasks = queued_tasks(site, rows)
    show_listing(tasks, QUEUED, context_of(site, now), output_format=output_format, empty=empty)


@adhoc.command()
@format_options
@config_option
def summary(output_format: str | None) -> None:
    """Show how the queue of each class stands."""
    from taskrunner.views.runs import CLASSES, class_queues

    site, now = opened_site(for_reading=True), time.time()
    rows = class_queues(site, site.store.adhoc.summary(now))
    empty = "the queue is empty"
    show_listing(rows, CLASSES, context_of(site, now), output_format=output_format, empty=empty)


@adhoc.command("show")
@click.argument("task_id", type=COUNTED, metavar="ID")
@json_option
@config_option
def show_adhoc(task_id: int, output_format: str | None) -> None:
    """Show one queued task in full."""
    from taskrunner.views.find import queued_task
    from taskrunner.views.runs import QUEUED, queued_tasks

    site, now = opened_site(for_reading=True), time.time()
    records = QUEUED.records(queued_tasks(site, [queued_task(site, task_id)]), context_of(site, now))
    if output_format == "json":
        show_json(records)
        return
    zone = zone_of(site)
    for key, value in records[0].items():
        if value is not None:
            text = long_moment(value.timestamp(), zone) if hasattr(value, "timestamp") else str(value)
            say(f"{key:<16} {text}")


@adhoc.command()
@click.argument("name", type=ADHOC_CLASS)
@click.option(
    "--data",
    metavar="JSON",
    default="null",
    help="The custom data; - reads one JSON value a line from stdin.",
)
@click.option("--at", metavar="TIME", help="Not before: 13:57, '2026-11-21 13:57', an ISO time.")
@click.option("--in", "after", metavar="LENGTH", help="Not before this time has passed: 90s, 5m, 2h.")
@click.option("--user", metavar="U", help="The user it is run for.")
@click.option(
    "--check-for-existing", is_flag=True, help="Queue nothing if the same is queued already; print its id."
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
    """Queue a task and print its id.

    With --data - one for each line of stdin, all of them or none.
    """
    from taskrunner.administration.queue import Request
    from taskrunner.administration.queue import queue as add
    from taskrunner.views.find import adhoc_class

    if at and after:
        raise click.UsageError("give --at or --in, not both")
    site, now = opened_site(), time.time()
    moment = (
        parse_moment(at, now=now, zone=zone_of(site)) if at else now + (parse_length(after) if after else 0)
    )
    request = Request(adhoc_class(site, name), user, moment, once=check_for_existing)
    texts = _texts_of(data)
    hidden = len(texts) < PROGRESS_FROM or not sys.stderr.isatty()
    with click.progressbar(length=len(texts), label="Queueing", file=sys.stderr, hidden=hidden) as shown:
        ids = add(site, request, texts, now=now, progress=shown.update)
    if not quiet:
        for task_id in ids:
            say(task_id)


PROGRESS_FROM = 10_000
"""Tasks from which on a person is shown how far it has come."""


def _texts_of(data: str) -> list[tuple[int, str]]:
    """Return the custom data given, numbered by line: a JSON text, or the lines of stdin for "-"."""
    from taskrunner.queueing import LARGEST_DATA

    if data != "-":
        return [(0, data)]
    lines = enumerate(iter(lambda: sys.stdin.buffer.readline(LARGEST_DATA + 2), b""), 1)
    return [(number, _as_text(line, number)) for number, line in lines if line.strip()]


def _as_text(line: bytes, number: int) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise CustomDataError(f"line {number}: custom data is not UTF-8; nothing was queued") from error


@adhoc.command()
@click.option(
    "--id",
    "task_id",
    type=COUNTED,
    metavar="N",
    help="This task, even if it is not due or its class is at its limit.",
)
@click.option("--class", "name", metavar="NAME", type=ADHOC_CLASS, help="Only tasks of a class.")
@click.option("--failed", is_flag=True, help="What has failed or was given up, even before its next try.")
@click.option("--limit", type=COUNTED, metavar="N", help="At most this many.")
@click.option(
    "--keep-alive", type=click.IntRange(0, 900), default=0, metavar="N", help="Look for work for N s."
)
@click.option(
    "--ignore-limits", is_flag=True, help="Ignore slots, shares, limits of classes and the runtime."
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
    from taskrunner.config.load import enter_directory
    from taskrunner.runner.build import Troubles, assemble
    from taskrunner.runner.claim import Selection
    from taskrunner.runner.manual import run_adhoc_tasks, run_queue
    from taskrunner.runner.presence import leave
    from taskrunner.views.find import queued_task

    site = opened_site()
    enter_directory(site.config)
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
        outcome = run_adhoc_tasks(runner, [queued_task(site, task_id).id])
    elif failed:
        rows = site.store.adhoc.list(name=wanted or "", failed=True, limit=limit or sys.maxsize)
        outcome = run_adhoc_tasks(runner, [row.id for row in rows if row.run_id is None])
    else:
        outcome = run_queue(runner)
    leave(runner.interruption.exit_code or int(outcome.failed > 0) or troubles.exit_code)


@adhoc.command("retry")
@click.argument("ids", type=COUNTED, nargs=-1, metavar="[ID]...")
@click.option("--class", "name", metavar="NAME", help="All of a class that have failed.")
@click.option("--failed", is_flag=True, help="All that have failed.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@config_option
def retry_adhoc(ids: tuple[int, ...], name: str | None, failed: bool, yes: bool) -> None:
    """Make tasks due now, and give them at least one attempt."""
    from taskrunner.administration.queue import retry

    site = opened_site()
    chosen = _chosen(site, ids, name, failed=failed or name is not None, yes=yes)
    _show_done(chosen, retry(site, chosen, who=administrator(), now=time.time()), "due now")


@adhoc.command("cancel")
@click.argument("ids", type=COUNTED, nargs=-1, metavar="[ID]...")
@click.option("--class", "name", metavar="NAME", help="All of a class.")
@click.option("--failed", is_flag=True, help="All that have failed.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@config_option
def cancel_adhoc(ids: tuple[int, ...], name: str | None, failed: bool, yes: bool) -> None:
    """Remove queued tasks that are not running."""
    from taskrunner.administration.queue import cancel

    site = opened_site()
    chosen = _chosen(site, ids, name, failed=failed, yes=yes)
    _show_done(chosen, cancel(site, chosen, who=administrator(), now=time.time()), "cancelled")


@adhoc.command("reschedule")
@click.argument("ids", type=COUNTED, nargs=-1, metavar="[ID]...")
@click.option("--class", "name", metavar="NAME", help="All of a class.")
@click.option("--failed", is_flag=True, help="All that have failed.")
@click.option("--at", metavar="TIME", help="Not before: 22:00, tomorrow, '2026-11-21 13:57', an ISO time.")
@click.option("--in", "after", metavar="LENGTH", help="Not before this time has passed: 90s, 5m, 2h.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@config_option
def reschedule_adhoc(
    ids: tuple[int, ...], name: str | None, failed: bool, at: str | None, after: str | None, yes: bool
) -> None:
    """Move queued tasks that are not running to another time."""
    from taskrunner.administration.queue import reschedule

    if (at is None) == (after is None):
        raise click.UsageError("give --at or --in")
    site, now = opened_site(), time.time()
    moment = now + parse_length(after) if after else 0.0
    if at:
        moment = parse_moment(at, now=now, zone=zone_of(site), ahead=True)
    chosen = _chosen(site, ids, name, failed=failed, yes=yes)
    changes = reschedule(site, chosen, moment, who=administrator(), now=now)
    _show_done(chosen, changes, f"not before {long_moment(moment, zone_of(site))}")


@adhoc.command("edit")
@click.argument("task_id", type=COUNTED, metavar="ID")
@click.option("--data", metavar="JSON", required=True, help="The custom data.")
@config_option
def edit_adhoc(task_id: int, data: str) -> None:
    """Give a queued task that is not running other custom data."""
    from taskrunner.administration.queue import edit
    from taskrunner.views.find import queued_task

    site = opened_site()
    row = queued_task(site, task_id)
    change = edit(site, row.id, data, who=administrator(), now=time.time())
    if change is None or change.after is None:
        raise TaskrunnerError(
            f"{row.name} {task_id} is running: its data cannot be changed now", hint="taskrun running"
        )
    say(f"{row.name} {task_id}")
    say(f"  was {row.custom_data}")
    say(f"  is  {change.after.custom_data}")


def _chosen(site: Site, ids: tuple[int, ...], name: str | None, *, failed: bool, yes: bool) -> list[int]:
    """Return the ids that are meant. Raises UsageError: none named, or a filter without --yes."""
    from taskrunner.views.find import queued_name

    if ids:
        return list(ids)
    if name is None and not failed:
        raise click.UsageError("give ids, or --class or --failed")
    wanted = queued_name(site, name) if name else ""
    found = [row.id for row in site.store.adhoc.list(name=wanted, failed=failed) if row.run_id is None]
    if not yes:
        raise click.UsageError(f"this is for {plural(len(found), 'task')}; confirm it with --yes")
    return found


def _show_done(ids: list[int], changes: Sequence[Change[AdhocRow | None]], done: str) -> None:
    """Print how many were changed; end with 1 if some could not be."""
    changed = {change.before.id for change in changes if change.before is not None}
    say(f"{plural(len(changes), 'task')} {done}")
    if refused := [task_id for task_id in ids if task_id not in changed]:
        say(
            f"Not changed, because they are running or gone: {', '.join(map(str, refused))}",
            err=True,
        )
        sys.exit(1)
