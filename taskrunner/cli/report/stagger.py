"""taskrun report stagger: other minutes for tasks that all start at once."""

from __future__ import annotations

import shlex
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from taskrunner.cli.render import Record, Table, format_options, say
from taskrunner.cli.render import show as show_records
from taskrunner.cli.report.source import Asked, open_source, source_options
from taskrunner.cli.site import config_option, opened_site
from taskrunner.cli.times import length
from taskrunner.report.blocks import profile
from taskrunner.report.durations import durations
from taskrunner.report.slots import slots
from taskrunner.report.stagger import stagger

if TYPE_CHECKING:
    from datetime import tzinfo

    from taskrunner.report.sources import Source
    from taskrunner.report.stagger import Move, Plan
    from taskrunner.site import Site

MOVES = Table(
    keys=("name", "schedule", "new_schedule", "p95", "peak_before", "peak_after", "command"), columns=()
)
QUARTER = 15
"""Minutes of a column of the picture: 96 in a day."""


@click.command("stagger")
@click.option(
    "--window", metavar="HOURS", help="Hours into which a task of one hour may be moved: 1-5, 22-4, 2,3."
)
@click.option("--apply", "applies", is_flag=True, help="Give the tasks these schedules, after asking.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@source_options
@format_options
@config_option
def show_stagger(
    window: str | None, applies: bool, yes: bool, asked: Asked, output_format: str | None
) -> None:
    """Find quieter minutes for tasks that start at the same time.

    Lengths come from the runs (their p95), schedules from the site. A task keeps its period and its days; its
    hour, too, unless a window is given. What the configuration decides is left alone.
    """
    opened = open_source(asked)
    site = opened.site or opened_site()
    plan = planned(site, opened.source, zone=opened.zone, window=_hours(window))
    if output_format:
        records = [_record(move, plan) for move in plan.moves]
        show_records(records, MOVES, output_format=output_format, empty="")
    else:
        _show(plan)
    if applies and plan.moves and (yes or click.confirm(f"Move {len(plan.moves)} tasks?", err=True)):
        _apply(site, plan)


def planned(site: Site, source: Source, *, zone: tzinfo, window: tuple[int, ...] = ()) -> Plan:
    """Return the plan for a site's tasks with the lengths of a source's runs."""
    rows = site.store.scheduled.list()
    p95 = {row.name: row.p95 for row in durations(source.tasks()) if row.p95 is not None}
    fixed = frozenset(row.name for row in rows if site.config.decided_by(row.name, "schedule"))
    zones = {row.timezone for row in rows}
    shifts = {name: _minutes_behind(name, zone) for name in zones}
    return stagger(slots(rows, p95, fixed=fixed, shifts=shifts), window=window)


def command_of(move: Move) -> str:
    """Return the command that makes a move."""
    return f'taskrun schedule {shlex.quote(move.after.name)} "{move.after.expression}"'


def _minutes_behind(name: str, zone: tzinfo) -> int:
    """Return how many minutes a zone's clock is behind another's, now."""
    from taskrunner.schedule.zones import get_zone

    now = datetime.fromtimestamp(time.time(), UTC)
    here, there = now.astimezone(zone).utcoffset(), now.astimezone(get_zone(name)).utcoffset()
    return int((here - there).total_seconds() // 60) if here is not None and there is not None else 0


def _hours(text: str | None) -> tuple[int, ...]:
    """Return the hours of a window; 22-4 goes over midnight."""
    hours: list[int] = []
    for part in (text or "").split(",") if text else []:
        first, _, last = part.partition("-")
        try:
            begin, end = int(first), int(last or first)
        except ValueError:
            begin = end = -1
        if not (0 <= begin <= 23 and 0 <= end <= 23):
            raise click.BadParameter(f"{part!r} is no window; hours are 0 to 23, as 1-5 or 22-4 or 2,3")
        hours += [hour % 24 for hour in range(begin, end + 1 if end >= begin else end + 25)]
    return tuple(dict.fromkeys(hours))


def _record(move: Move, plan: Plan) -> Record:
    return {
        "name": move.after.name,
        "schedule": move.before.expression,
        "new_schedule": move.after.expression,
        "p95": round(move.after.seconds, 3),
        "peak_before": round(plan.peak_before, 3),
        "peak_after": round(plan.peak_after, 3),
        "command": command_of(move),
    }


def _show(plan: Plan) -> None:
    if not plan.moves:
        say(
            f"No task would be better off at another minute; the peak is {plan.peak_before:.2f} tasks.",
            err=True,
        )
        return
    for move in plan.moves:
        say(f"{command_of(move)}  # was {move.before.expression}, takes {length(move.before.seconds)}")
    say(f"# peak before: {plan.peak_before:.2f} tasks at once, after: {plan.peak_after:.2f}")
    say(f"# before |{_day(plan.load_before, plan)}|")
    say(f"# after  |{_day(plan.load_after, plan)}|")
    say("#         " + "".join(f"{hour:02}      " for hour in range(0, 24, 2)).rstrip())


def _day(load: list[float], plan: Plan) -> str:
    """Return the busiest minute of each quarter of an hour, both days in one scale."""
    peaks = [max(load[start : start + QUARTER]) for start in range(0, len(load), QUARTER)]
    return profile([*peaks, max(plan.peak_before, plan.peak_after)])[:-1]


def _apply(site: Site, plan: Plan) -> None:
    from taskrunner.cli.finding import find_task
    from taskrunner.cli.tasks_changing import customise

    for move in plan.moves:
        declaration = find_task(site, move.after.name, scheduled=True)
        customise(site, "schedule", declaration, own_schedule=move.after.expression)
