"""taskrun list, show, schedule, enable, disable, retry: scheduled tasks."""

from __future__ import annotations

import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import click

from taskrunner.cli.options import (
    COUNTED,
    MISSING_TASK,
    SCHEDULED_TASK,
    TASK,
    administrator,
    config_option,
    context_of,
    opened_site,
    parse_moment,
    pause_sentence,
    tell_broken,
    zone_of,
)
from taskrunner.cli.render import format_options, json_option, say, show_json, show_listing, terminal_width
from taskrunner.errors import PluginError, TaskrunnerError
from taskrunner.formatting import length, long_moment, often, plural, relative

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import tzinfo

    from taskrunner.administration.audit import Change
    from taskrunner.installation import Site
    from taskrunner.records import Run, ScheduledRow
    from taskrunner.views.columns import Context, Listing
    from taskrunner.views.tasks import TaskDetails

F = TypeVar("F", bound="Callable[..., Any]")

WIDE = 120
"""Columns of a terminal on which a list shows more."""


@click.command("list")
@click.option("--due", is_flag=True, help="Only what is due.")
@click.option("--failing", is_flag=True, help="Only what fails.")
@click.option("--disabled", is_flag=True, help="Only what is disabled.")
@click.option("--plugin", metavar="P", help="Only the tasks of a plugin.")
@click.option(
    "--sort", type=click.Choice(("name", "next")), default="name", show_default=True, help="In which order."
)
@click.option("--next", "count", type=COUNTED, metavar="N", help="Only the N that are due first.")
@click.option("--wide", is_flag=True, help="Also how the last ten runs ended, and how long a run takes.")
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
    wide: bool,
    at: str | None,
    output_format: str | None,
) -> None:
    """Show every scheduled task.

    With its schedule, marked (*) if customised, its last and next run, and its state.

    A wide terminal also shows how the last ten runs ended, the oldest first: . ok, F failed, C crashed,
    T timeout, - anything else.
    """
    from taskrunner.views.tasks import FAILING, SCHEDULED, SORTS, is_due, is_waiting

    site = opened_site(for_reading=True)
    tell_broken(site)
    if plugin is not None and plugin not in {known.name for known in site.registry.plugins}:
        raise PluginError(f"there is no plugin {plugin}", hint="taskrun plugins")
    now = parse_moment(at, now=time.time(), zone=zone_of(site)) if at else time.time()
    rows = [
        row
        for row in sorted(site.store.scheduled.list(), key=SORTS[sort])
        if (not due or is_due(row, now))
        and (not failing or row.failing_since is not None)
        and (not disabled or row.disabled)
        and plugin in (None, row.plugin)
    ]
    if count is not None:
        rows = sorted(filter(is_waiting, rows), key=SORTS["next"])[:count]
    given = {"due": due, "failing": failing, "disabled": disabled}
    wanted = " ".join(word for word, is_given in given.items() if is_given)
    empty = f"no scheduled task is {wanted}" if wanted else "there is no scheduled task"
    listing, context = FAILING if failing else SCHEDULED, context_of(site, now)
    fits_more = sys.stdout.isatty() and terminal_width() >= WIDE and not failing
    if wide or (fits_more and output_format is None):
        show_wide(site, rows, listing, context, output_format=output_format, empty=empty)
    else:
        show_listing(rows, listing, context, output_format=output_format, empty=empty)
    if output_format not in ("json", "csv"):
        _say_below_list(site, [] if output_format == "full" else rows, context)


def show_wide(
    site: Site,
    rows: list[ScheduledRow],
    listing: Listing[ScheduledRow],
    context: Context,
    *,
    output_format: str | None,
    empty: str,
) -> None:
    """Print tasks with how their last runs ended."""
    from taskrunner.views.tasks import recent_tasks
    from taskrunner.views.tasks import wide as widened

    show_listing(
        recent_tasks(site, rows), widened(listing), context, output_format=output_format, empty=empty
    )


def _say_below_list(site: Site, rows: list[ScheduledRow], context: Context) -> None:
    """Tell a person how many tasks there are, and what keeps all of them from running."""
    if rows and sys.stdout.isatty():
        from taskrunner.diagnosis.check import cron_starts  # late: a pipe gets nothing of it

        last = cron_starts(site, context.now).last_at
        cron = (
            "No cron has started yet" if last is None else f"Cron last started {relative(last, context.now)}"
        )
        counts = {
            "failing": sum(row.failing_since is not None for row in rows),
            "disabled": sum(bool(row.disabled) for row in rows),
        }
        shown = "".join(f", {count} {word}" for word, count in counts.items() if count)
        text = f"{plural(len(rows), 'task')}{shown}. {cron}."
        say(f"\n{click.wrap_text(text, terminal_width())}", err=True)
    if paused := site.store.settings.pause(context.now):
        say(pause_sentence(paused, context), err=True)


@click.command()
@click.argument("name", type=TASK)
@json_option
@config_option
def show(name: str, output_format: str | None) -> None:
    """Show one task in full.

    Where it is defined, its schedule in words, and its next and last runs.
    """
    from taskrunner.views.find import declared_task
    from taskrunner.views.tasks import ADHOC_DETAILS, SCHEDULED_DETAILS, details_of

    site, now = opened_site(for_reading=True), time.time()
    tell_broken(site)
    task = details_of(site, declared_task(site, name), now)
    if output_format == "json":
        listing = ADHOC_DETAILS if task.row is None else SCHEDULED_DETAILS
        show_json(listing.records([task], context_of(site, now)))
    else:
        _show_task(task, context_of(site, now))


def _show_task(task: TaskDetails, context: Context) -> None:
    declared = task.declaration
    say(f"{declared.name}: {declared.title}")
    _line("defined in", f"{declared.path}, line {declared.line}")
    _line("kind", f"{declared.kind} task")
    if task.row is not None:
        _show_schedule(task, task.row, context)
        _show_list("next runs", [long_moment(at, context.zone) for at in task.next_runs])
    usual = task.usual_duration
    _line("usually takes", "not known yet" if usual is None else length(usual))
    if len(task.last_outcomes) > 1:
        _line(f"last {len(task.last_outcomes)}", " ".join(task.last_outcomes))
    _show_list("last runs", [_run_line(run, context.zone) for run in task.last_runs])


def _show_schedule(task: TaskDetails, row: ScheduledRow, context: Context) -> None:
    from taskrunner.views.columns import as_moment
    from taskrunner.views.tasks import state_of

    zone = "" if row.schedule.startswith("every") else f" ({row.timezone})"
    _line("schedule", f"{row.schedule}{zone}: {task.description}")
    _line("as declared", row.default_schedule)
    if row.own_schedule:
        _line("your own", row.own_schedule)
    if task.schedule_decided_by:
        _line("decided by", task.schedule_decided_by)
    decider = f", decided by {task.disabled_decided_by}" if task.disabled_decided_by else ""
    _line("state", f"{state_of(row, context)}{decider}")
    if row.blocked:
        _line("because", row.blocked)
    if row.last_message:
        _line("last failure", row.last_message)
    if row.skips:
        since = f"{as_moment(row.skipped_since or row.next_run_at):%Y-%m-%d %H:%M UTC}"
        _line("passed over", f"{often(row.skips)} since {since}, because {row.skip_reason}")


def _run_line(run: Run, zone: tzinfo) -> str:
    from taskrunner.views.runs import took

    message = f": {run.message}" if run.message else ""
    started = long_moment(run.started_at, zone)
    return f"{started}  {run.outcome} in {took(run)}{message}  {run.run_id}"


def _line(label: str, text: str) -> None:
    say(f"  {label:<14} {text}")


def _show_list(label: str, texts: list[str]) -> None:
    for number, text in enumerate(texts or ["none"]):
        _line(label if number == 0 else "", text)


@click.command()
@click.argument("name", type=SCHEDULED_TASK)
@click.argument("expression", required=False)
@click.option("--reset", is_flag=True, help="Back to what the plugin declares.")
@config_option
def schedule(name: str, expression: str | None, reset: bool) -> None:
    """Give a task a schedule of your own.

    EXPRESSION is five cron fields, as "17 3 * * *", or an interval, as "every 2h". It stays when the plugin
    changes.
    """
    from taskrunner.administration import tasks

    if (expression is None) != reset:
        raise click.UsageError('give a schedule, as "17 3 * * *", or --reset')
    site, now = opened_site(), time.time()
    if expression is None:
        change = tasks.reset(site, name, who=administrator(), now=now)
    else:
        change = tasks.schedule(site, name, expression, who=administrator(), now=now)
    show_change(site, change, now=now)


MOST_UNASKED = 10
"""Tasks that are changed at once without asking."""


def many_tasks(function: F) -> F:
    """Give a command the tasks to change, as `names`, and --yes."""
    function = click.option(
        "--yes", is_flag=True, help=f"Do not ask, even about more than {MOST_UNASKED} tasks."
    )(function)
    return click.argument("names", nargs=-1, type=SCHEDULED_TASK, metavar="NAME...")(function)


@click.command()
@many_tasks
@config_option
def enable(names: tuple[str, ...], yes: bool) -> None:
    """Let disabled tasks run again.

    NAME may be a pattern, as 'forum.*'.
    """
    from taskrunner.administration import tasks

    site = opened_site()
    change_each(site, meant(site, names), tasks.enable, yes=yes, done="enabled")


@click.command()
@many_tasks
@click.option("--reason", default="", help="The reason; status, list and why show it.")
@config_option
def disable(names: tuple[str, ...], yes: bool, reason: str) -> None:
    """Keep tasks from running.

    NAME may be a pattern, as 'forum.*'. `taskrun run-task NAME --force` still runs one.
    """
    from taskrunner.administration import tasks

    site = opened_site()
    change_each(site, meant(site, names), partial(tasks.disable, reason=reason), yes=yes, done="disabled")


@click.command()
@many_tasks
@click.option(
    "--failing", is_flag=True, help="All failing tasks; with names, those of them that are failing."
)
@config_option
def retry(names: tuple[str, ...], yes: bool, failing: bool) -> None:
    """Forget the fail delay of tasks and make them due now.

    NAME may be a pattern, as 'forum.*'.
    """
    from taskrunner.administration import tasks

    site = opened_site()
    chosen = meant(site, names, instead="--failing" if failing else "")
    if failing:
        failed = [row.name for row in site.store.scheduled.list() if row.failing_since is not None]
        chosen = [name for name in failed if name in chosen or not names]
        if not chosen:
            say("No task is failing.", err=True)
            return
    change_each(site, chosen, tasks.retry, yes=yes, done="due now")


def meant(site: Site, names: tuple[str, ...], *, instead: str = "") -> list[str]:
    """Return the tasks that were named. Raises UsageError: none was, and nothing was given instead."""
    from taskrunner.views.find import scheduled_tasks

    if not names and not instead:
        raise click.UsageError("name a task, or several, or a pattern as 'forum.*'")
    return scheduled_tasks(site, names)


def change_each(
    site: Site, names: list[str], change: Callable[..., Change[ScheduledRow]], *, yes: bool, done: str
) -> None:
    """Change tasks, one after the other; those that are refused are shown at the end, with exit code 1."""
    ask_about(plural(len(names), "task"), count=len(names), yes=yes)
    changes, refused = [], []
    for name in names:
        now = time.time()
        try:
            changes.append(change(site, name, who=administrator(), now=now))
        except TaskrunnerError as error:
            if len(names) == 1:
                raise
            refused.append(f"{name}: {error}")
    for one in changes:
        _show_one(site, one, done=done, alone=len(names) == 1)
    if len(names) > 1:
        say(f"{plural(len(changes), 'task')} {done}.")
    for line in refused:
        say(f"taskrun: {line}", err=True)
    if refused:
        sys.exit(1)


def ask_about(what: str, *, count: int, yes: bool) -> None:
    """Ask a person whether to change so many at once. Raises UsageError where nobody can be asked."""
    if yes or count <= MOST_UNASKED:
        return
    if not sys.stdin.isatty():
        raise click.UsageError(f"this is for {what}; confirm it with --yes")
    click.confirm(f"Change {what}?", abort=True)


def _show_one(site: Site, change: Change[ScheduledRow], *, done: str, alone: bool) -> None:
    from taskrunner.views.tasks import is_due, state_of

    now = time.time()
    if done == "due now":
        row = change.after
        say(f"{row.name} is due now.")
        if not is_due(row, now):
            say(f"It will not run, though: {state_of(row, context_of(site, now))}.", err=True)
    elif alone:
        show_change(site, change, now=now)
    else:
        say(f"{change.after.name} is {done}.")


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...", type=MISSING_TASK)
@config_option
def forget(names: tuple[str, ...]) -> None:
    """Remove tasks whose class is gone.

    What is queued of them goes too. Their kept runs stay.
    """
    from taskrunner.administration import tasks

    for gone in tasks.forget(opened_site(), names, who=administrator(), now=time.time()):
        queued = f", and {gone.queued} queued with it" if gone.queued else ""
        say(f"{gone.name} is forgotten{queued}; its kept runs stay.")


@click.command()
@click.argument("old", type=MISSING_TASK)
@click.argument("new", type=TASK)
@config_option
def rename(old: str, new: str) -> None:
    """Carry a task over to the new name of its class.

    Schedule and state, kept runs, and what is queued.
    """
    from taskrunner.administration import tasks

    done = tasks.rename(opened_site(), old, new, who=administrator(), now=time.time())
    runs = f"{done.runs} kept run{'s' * (done.runs != 1)}"
    say(f"{done.old} is {done.new} now, with {runs} and {done.queued} queued.")


def show_change(site: Site, change: Change[ScheduledRow], *, now: float) -> None:
    """Print what an administrator's change made of a task."""
    from taskrunner.views.tasks import upcoming

    before, after = change
    say(after.name)
    _line("was", _in_words(site, before))
    _line("is", _in_words(site, after))
    if not after.disabled:
        zone = zone_of(site)
        _show_list("next runs", [long_moment(at, zone) for at in upcoming(site, after, now=now, count=3)])


def _in_words(site: Site, row: ScheduledRow) -> str:
    from taskrunner.views.tasks import describe

    disabled = ", disabled" if row.disabled else ""
    customised = " (customised)" if row.customised else " (as declared)"
    return f"{row.schedule}: {describe(site, row)}{disabled}{customised}"
