"""taskrun status, plan: how a site stands, on one screen, and what runs in the coming days."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TYPE_CHECKING

import click

from taskrunner.cli.options import COUNTED, SCHEDULED_TASK, config_option, context_of, opened_site
from taskrunner.cli.render import (
    BAD,
    LATE,
    cut_end,
    cut_middle,
    first_line,
    format_options,
    json_option,
    one_line,
    say,
    say_with_heading,
    show_json,
    show_listing,
    width_of,
)
from taskrunner.formatting import brief_moment, length, often, plural, relative, short_moment, since_moment
from taskrunner.views.columns import harmless

if TYPE_CHECKING:
    from collections.abc import Iterator

    from taskrunner.diagnosis.status import Status
    from taskrunner.records import AdhocSummary, Suspension
    from taskrunner.views.columns import Context
    from taskrunner.views.plan import Plan
    from taskrunner.views.runs import ClassQueue

MOST_LINES = 8
"""Lines of one part of the screen; of more, how many there are is shown."""

WIDEST_NAME = 28


@click.command()
@json_option
@config_option
def status(output_format: str | None) -> None:
    """Show how the site stands, on one screen.

    Whether crons start, what fails and since when, what runs, what is due next, how the queue stands, what is
    wrong with plugins, and what the checks warn of. The last line is what to type next.
    """
    from taskrunner.diagnosis.status import STATUS, status_of

    site, now = opened_site(), time.time()
    found, context = status_of(site, now), context_of(site, now)
    if output_format == "json":
        show_json(STATUS.records([found], context))
        return
    fits = sys.stdout.isatty()
    room = shutil.get_terminal_size().columns
    for line, style in _lines(found, context):
        shown = harmless(one_line(line)).rstrip()
        say_with_heading(cut_end(shown, room) if fits else shown, style)


Line = tuple[str, str]
"""A line and the colour of its first word."""


def _lines(status: Status, context: Context) -> Iterator[Line]:
    yield _head(status, context), ""
    for title, suspended in (("PAUSED", status.pauses), ("MUTED", status.mutes)):
        for one in suspended:
            yield f"{title}  {_suspension(one, context)}", LATE
    yield "", ""
    yield from _part("FAILING", _failing(status, context), BAD)
    yield from _part("BROKEN", [str(finding) for finding in status.broken], BAD)
    yield from _part("RUNNING", _running(status, context), "")
    yield from _next(status, context)
    yield _queue(status, context), ""
    yield from _part("FINDINGS", [f"{one.word}  {one.area}: {one.message}" for one in status.findings], LATE)
    commands = _commands(status)
    if commands:
        yield "", ""
        yield _what_fits("Next: ", commands), ""


def _suspension(one: Suspension, context: Context) -> str:
    what = "everything" if one.pattern == "*" else one.pattern
    when = since_moment(one.since, now=context.now, zone=context.zone)
    if one.until is not None:
        when = f"until {short_moment(one.until, now=context.now, zone=context.zone)}"
    why = ", ".join(part for part in (one.reason, one.by) if part)
    return f"{what}  {when}{f' ({why})' if why else ''}"


def _head(status: Status, context: Context) -> str:
    last = status.cron.last_at
    at = "no cron has started yet"
    if last is not None:
        moment = brief_moment(last, now=context.now, zone=context.zone)
        elsewhere = status.cron.hostname != status.site.hostname
        where = f" on {status.cron.hostname}" if elsewhere else ""
        at = f"last cron {moment}, {relative(last, context.now)}{where}"
    scheduled, adhoc = status.slots("scheduled"), status.slots("adhoc")
    slots = f"slots {scheduled[0]}/{scheduled[1]} scheduled, {adhoc[0]}/{adhoc[1]} adhoc"
    return f"{status.name}  on {status.site.hostname}   {at}   {slots}"


def _part(title: str, lines: list[str], style: str) -> Iterator[Line]:
    """Yield a heading with how many there are, and a line for each of the first."""
    if not lines:
        return
    yield f"{title} {len(lines)}", style
    for line in lines[:MOST_LINES]:
        yield f"  {line}", ""
    if len(lines) > MOST_LINES:
        yield f"  and {len(lines) - MOST_LINES} more", ""


def _failing(status: Status, context: Context) -> list[str]:
    names = [row.name for row in status.failing] + [one.counts.name for one in _failing_classes(status)]
    width = min(WIDEST_NAME, max(map(width_of, names), default=0))
    stated = [
        f"{since_moment(row.failing_since or 0.0, now=context.now, zone=context.zone)}, {often(row.failures)}"
        for row in status.failing
    ]
    widest = max(map(len, stated), default=0)
    lines = [
        f"{_name(row.name, width)}  {text:<{widest}}  {first_line(row.last_message or '')}"
        for row, text in zip(status.failing, stated, strict=True)
    ]
    for one in _failing_classes(status):
        counts = one.counts
        failed = f"{counts.failing + counts.given_up} of {_total(counts)} queued"
        lines.append(f"{_name(counts.name, width)}  {failed}")
    return lines


def _failing_classes(status: Status) -> list[ClassQueue]:
    return [one for one in status.queue if one.counts.failing or one.counts.given_up]


def _total(counts: AdhocSummary) -> int:
    return counts.running + counts.due + counts.waiting + counts.given_up


def _running(status: Status, context: Context) -> list[str]:
    from taskrunner.views.runs import label, progress_text, short_id

    lines = []
    for task in status.running:
        usual = f", usually {length(task.usual_duration)}" if task.usual_duration is not None else ""
        taken = f"{length(context.now - task.row.started_at)}{usual}"
        parts = [taken, progress_text(task.row), task.row.hostname, f"run {short_id(task.row)}"]
        lines.append(f"{_name(label(task.row), WIDEST_NAME)}  {'   '.join(part for part in parts if part)}")
    return lines


def _next(status: Status, context: Context) -> Iterator[Line]:
    if not status.next:
        return
    yield "NEXT", ""
    for row in status.next:
        at = brief_moment(row.next_run_at, now=context.now, zone=context.zone)
        when = "now" if row.next_run_at <= context.now else relative(row.next_run_at, context.now)
        yield f"  {at:<6}  {_name(row.name, WIDEST_NAME)}  {when}", ""
    if status.later_today:
        yield f"  and {status.later_today} more within a day", ""


def _queue(status: Status, context: Context) -> str:
    counts = [one.counts for one in status.queue]
    due, later = sum(one.due for one in counts), sum(one.waiting for one in counts)
    if not counts:
        return "QUEUE empty"
    parts = [f"{due:,} due", f"{later:,} later"]
    if given_up := sum(one.given_up for one in counts):
        parts.append(f"{given_up:,} given up")
    waiting = [one for one in counts if one.due and one.next_run_at is not None]
    text = f"QUEUE {', '.join(parts)}"
    if not waiting:
        return text
    oldest = min(waiting, key=lambda one: one.next_run_at or 0.0)
    return f"{text}   oldest {length(context.now - (oldest.next_run_at or 0.0))} ({oldest.name})"


def _name(name: str, width: int) -> str:
    shown = cut_middle(name, width) if sys.stdout.isatty() else name
    return shown + " " * (width - width_of(shown))


def _what_fits(start: str, commands: list[str]) -> str:
    """Return the first commands in one line: as many as fit whole, on a terminal."""
    room = shutil.get_terminal_size().columns
    line = start + commands[0]
    for command in commands[1:]:
        if sys.stdout.isatty() and width_of(f"{line} · {command}") > room:
            continue
        line += f" · {command}"
    return line


def _commands(status: Status) -> list[str]:
    """Return what to type where something is wrong, the most useful first."""
    commands = [
        "taskrun resume" if one.pattern == "*" else f"taskrun resume '{one.pattern}'" for one in status.pauses
    ]
    if status.failing:
        name = status.failing[0].name
        commands += [f"taskrun why {name}", f"taskrun log show {name}"]
    elif _failing_classes(status):
        commands.append("taskrun adhoc list --failed")
    if len(status.failing) > 1:
        commands.append("taskrun list --failing")
    if status.broken:
        commands.append("taskrun plugins")
    return [*commands, *dict.fromkeys(one.hint for one in status.findings if one.hint)]


DAY = 86_400.0
SHOWN_CLASHES = 5
MOST_DAYS = 400
SHORTEST_WAIT = 10.0
"""Seconds; what waits for less does not clash, as far as a person is shown."""


@click.command()
@click.argument("names", nargs=-1, type=SCHEDULED_TASK, metavar="[NAME...]")
@click.option(
    "--days", type=COUNTED, default=7, show_default=True, metavar="N", help="For how many days, from now on."
)
@click.option("--all", "each", is_flag=True, help="Each start of tasks that start many times a day.")
@click.option("--clashes", is_flag=True, help="Only which tasks start together.")
@format_options
@config_option
def plan(names: tuple[str, ...], days: int, each: bool, clashes: bool, output_format: str | None) -> None:
    """Show what runs when in the coming days.

    When each task starts, how long it usually takes, how many tasks start in the same minute and how long it
    then has to wait; and what a change of the clocks does. NAME may be a pattern, as 'forum.*'.
    """
    from taskrunner.views.find import scheduled_tasks
    from taskrunner.views.plan import CLASHES, MOST_A_DAY, PLANNED, plan_of, planned_tasks

    if days > MOST_DAYS:
        raise click.BadParameter(f"{days} is too many; the most is {MOST_DAYS}", param_hint="--days")
    site, now = opened_site(for_reading=True), time.time()
    wanted = set(scheduled_tasks(site, names)) if names else None
    tasks, left_out = planned_tasks(site, now)
    found = plan_of(
        tasks,
        now=now,
        until=now + days * DAY,
        limit=site.config.cron.scheduled_concurrency_limit,
        left_out=left_out,
        most_a_day=float("inf") if each else MOST_A_DAY,
    )
    found = found if wanted is None else found.of(wanted)
    context, during = context_of(site, now), f"in the next {plural(days, 'day')}"
    if clashes:
        empty = f"No two tasks start in the same minute {during}."
        show_listing(found.clashes, CLASHES, context, output_format=output_format, empty=empty)
        return
    show_listing(found.rows, PLANNED, context, output_format=output_format, empty=f"No task starts {during}.")
    if output_format in (None, "full"):
        _say_below(found, context, fits=sys.stdout.isatty() and output_format is None)


def _say_below(plan: Plan, context: Context, *, fits: bool) -> None:
    """Tell a person what clashes, what the clock does, and which tasks have no start."""
    room = shutil.get_terminal_size().columns
    for line in _lines_below(plan, context):
        say(cut_end(line, room) if fits else line, err=True)


def _lines_below(plan: Plan, context: Context) -> Iterator[str]:
    from taskrunner.views.plan import clock_change_sentence, day_moment

    clashes = [clash for clash in plan.clashes if clash.wait >= SHORTEST_WAIT]
    if clashes:
        yield ""
        yield f"CLASHES {len(clashes)}"
    for clash in clashes[:SHOWN_CLASHES]:
        yield (
            f"  {day_moment(clash.at, context)}, {often(clash.times)}: {len(clash.names)} tasks start, "
            f"one waits {length(clash.wait)}"
        )
    if len(clashes) > SHOWN_CLASHES:
        yield f"  and {len(clashes) - SHOWN_CLASHES} more: taskrun plan --clashes"
    elif clashes:
        yield "  which tasks these are: taskrun plan --clashes; quieter minutes: taskrun report stagger"
    if plan.clock_changes:
        yield ""
        yield "CLOCK CHANGES"
    for change in plan.clock_changes:
        yield f"  {clock_change_sentence(change, context)}"
    if plan.left_out:
        yield ""
        yield f"{plural(plan.left_out, 'task has', 'tasks have')} no start in this time: taskrun list"
