"""taskrun adhoc queue, run, retry, cancel: the queue, changed."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from taskrunner.cli.auditing import audit, state_of_adhoc
from taskrunner.cli.find import class_name, found_task
from taskrunner.cli.options import (
    ADHOC_CLASS,
    COUNTED,
    config_option,
    opened_site,
    parse_length,
    parse_moment,
    tell_visits,
    zone_of,
)
from taskrunner.cli.render import say
from taskrunner.custom_data import LARGEST, decode
from taskrunner.errors import CustomDataError, TaskrunnerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from taskrunner.installation import Site
    from taskrunner.plugins import Declaration
    from taskrunner.store.adhoc import NewTask


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
    from taskrunner.runner.build import Troubles, assemble
    from taskrunner.runner.claim import Selection
    from taskrunner.runner.manual import run_adhoc_tasks, run_queue
    from taskrunner.runner.process_state import leave

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


PROGRESS_FROM = 10_000
"""Tasks from which on a person is shown how far it has come."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be queued, but for the custom data; `once`: not what is there already."""

    task: Declaration
    user: str | None
    next_run_at: float
    once: bool


def texts_of(data: str) -> list[tuple[int, str]]:
    """Return the custom data given, numbered by line: a JSON text, or the lines of stdin for "-"."""
    if data != "-":
        return [(0, data)]
    lines = enumerate(iter(lambda: sys.stdin.buffer.readline(LARGEST + 2), b""), 1)
    return [(number, _as_text(line, number)) for number, line in lines if line.strip()]


def queue_all(site: Site, wish: Wish, texts: list[tuple[int, str]], now: float) -> Iterator[int]:
    """Queue a task for each text, all of them or none, and give their ids. Raises CustomDataError."""
    from taskrunner.queueing import batches, enqueue_once  # late: it loads what plugins need

    tasks = [_task(wish, text, number) for number, text in texts]
    adhoc, ids = site.store.adhoc, []
    parts = list(batches(tasks))
    hidden = len(tasks) < PROGRESS_FROM or not sys.stderr.isatty()
    with (
        site.store.transaction(),
        click.progressbar(parts, label="Queueing", file=sys.stderr, hidden=hidden) as shown,
    ):
        for batch in shown:
            ids += (
                [enqueue_once(site.store, task, now) for task in batch]
                if wish.once
                else adhoc.add(batch, now)
            )
    yield from ids


def _task(wish: Wish, text: str, number: int) -> NewTask:
    from taskrunner.queueing import new_task

    try:
        return new_task(
            wish.task.name,
            decode(text),
            user=wish.user,
            next_run_at=wish.next_run_at,
            retry=wish.task.retry,
            attempts=wish.task.attempts,
        )
    except CustomDataError as error:
        where = f"line {number}: " if number else ""
        raise CustomDataError(f"{where}{error}; nothing was queued", hint=error.hint) from error


def _as_text(line: bytes, number: int) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise CustomDataError(f"line {number}: custom data is no UTF-8; nothing was queued") from error
