"""taskrun plan: what runs when, in the coming days."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TYPE_CHECKING

import click

from taskrunner.cli.options import COUNTED, SCHEDULED_TASK, config_option, context_of, opened_site
from taskrunner.cli.render import format_options, say, show_listing
from taskrunner.cli.table import cut_end
from taskrunner.formatting import length, often, plural

if TYPE_CHECKING:
    from collections.abc import Iterator

    from taskrunner.views.columns import Context
    from taskrunner.views.plan import Plan

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
