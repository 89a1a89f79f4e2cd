"""taskrun adhoc queue, run, retry, cancel: the queue, changed."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from taskrunner.cli.adhoc.finding import class_name, found_task
from taskrunner.cli.auditing import audit, state_of_adhoc
from taskrunner.cli.completing import ADHOC_CLASS
from taskrunner.cli.counting import COUNTED
from taskrunner.cli.render import say
from taskrunner.cli.site import config_option, opened_site, tell_visits, zone_of
from taskrunner.cli.times import parse_length, parse_moment
from taskrunner.errors import TaskrunnerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from taskrunner.site import Site


@click.command()
@click.argument("name", type=ADHOC_CLASS)
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
    """Queue a task and print its id.

    With --data - one for each line of stdin, all of them or none.
    """
    from taskrunner.cli.adhoc.queueing import Wish, queue_all, texts_of

    if at and after:
        raise click.UsageError("give --at or --in, not both")
    site, now = opened_site(), time.time()
    moment = (
        parse_moment(at, now=now, zone=zone_of(site)) if at else now + (parse_length(after) if after else 0)
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
            say(task_id)
    tell_visits(site, moment)


@click.command()
@click.option(
    "--id", "task_id", type=COUNTED, metavar="N", help="This task, whatever its time and its limits."
)
@click.option("--class", "name", metavar="NAME", type=ADHOC_CLASS, help="Only tasks of a class.")
@click.option("--failed", is_flag=True, help="What has failed, also what was given up, whatever its delay.")
@click.option("--limit", type=COUNTED, metavar="N", help="At most so many.")
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
    from taskrunner.runner.leaving import leave
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
        outcome = run_adhoc_tasks(runner, [found_task(site, task_id).id])
    elif failed:
        rows = site.store.adhoc.list(name=wanted or "", failed=True, limit=limit or sys.maxsize)
        outcome = run_adhoc_tasks(runner, [row.id for row in rows if row.run_id is None])
    else:
        outcome = run_queue(runner)
    leave(runner.interruption.exit_code or int(outcome.failed > 0) or troubles.exit_code)


@click.command("retry")
@click.argument("ids", type=COUNTED, nargs=-1, metavar="[ID]...")
@click.option("--class", "name", metavar="NAME", help="All that have failed of a class.")
@click.option("--failed", is_flag=True, help="All that have failed.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@config_option
def retry_adhoc(ids: tuple[int, ...], name: str | None, failed: bool, yes: bool) -> None:
    """Make tasks due now, with one attempt at least."""
    site, now = opened_site(), time.time()
    chosen = _chosen(site, ids, name, failed=failed or name is not None, yes=yes)
    _change(site, "adhoc retry", chosen, lambda task_id: site.store.adhoc.retry(task_id, now), "due now")


@click.command("cancel")
@click.argument("ids", type=COUNTED, nargs=-1, metavar="[ID]...")
@click.option("--class", "name", metavar="NAME", help="All of a class.")
@click.option("--failed", is_flag=True, help="All that have failed.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@config_option
def cancel_adhoc(ids: tuple[int, ...], name: str | None, failed: bool, yes: bool) -> None:
    """Remove tasks from the queue that are not running."""
    site = opened_site()
    chosen = _chosen(site, ids, name, failed=failed, yes=yes)
    _change(site, "adhoc cancel", chosen, site.store.adhoc.cancel, "cancelled")


def _chosen(site: Site, ids: tuple[int, ...], name: str | None, *, failed: bool, yes: bool) -> list[int]:
    """Return the ids that are meant. Raises UsageError: none named, or a filter without --yes."""
    if ids:
        return list(ids)
    if name is None and not failed:
        raise click.UsageError("give ids, or --class or --failed")
    wanted = class_name(site, name) if name else ""
    found = [row.id for row in site.store.adhoc.list(name=wanted, failed=failed) if row.run_id is None]
    if not yes:
        raise click.UsageError(f"this is for {len(found)} tasks; --yes does it")
    return found


def _change(site: Site, action: str, ids: list[int], change: Callable[[int], bool], done: str) -> None:
    with site.store.transaction():
        refused = [task_id for task_id in ids if not _audited(site, action, task_id, change)]
    tell_visits(site, time.time())
    say(f"{len(ids) - len(refused)} {done}")
    if refused:
        say(f"running, or not queued any more: {', '.join(map(str, refused))}", err=True)
        sys.exit(1)


def _audited(site: Site, action: str, task_id: int, change: Callable[[int], bool]) -> bool:
    """Change a task, and leave a row of it if that could be done."""
    find = site.store.adhoc.find
    before = find(task_id)
    done = change(task_id)
    if done:
        audit(site, action, str(task_id), state_of_adhoc(before), state_of_adhoc(find(task_id)))
    return done
