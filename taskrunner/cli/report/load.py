"""taskrun report heatmap: when cron is busy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from taskrunner.cli.render import Record, Table, format_options, say
from taskrunner.cli.render import show as show_records
from taskrunner.cli.report.source import Asked, open_source, source_options
from taskrunner.cli.report.words import NOTHING
from taskrunner.cli.site import config_option
from taskrunner.cli.times import length
from taskrunner.report.blocks import columns, grid
from taskrunner.report.heatmap import heatmap
from taskrunner.report.local_time import WEEKDAYS, LocalTime

if TYPE_CHECKING:
    from taskrunner.report.heatmap import Heatmap

CELLS = Table(keys=("kind", "weekday", "hour", "minute", "busy_seconds", "starts", "tasks"), columns=())
HOURS = tuple(f"{hour:02}" for hour in range(24))


@click.command("heatmap")
@source_options
@format_options
@config_option
def show_heatmap(asked: Asked, output_format: str | None) -> None:
    """Draw when cron is busy.

    Each five minutes of the day, each hour of the week, the starts of each minute.
    """
    opened = open_source(asked)
    found = heatmap(opened.source.tasks(), LocalTime(opened.zone))
    if output_format or not found.days:
        records = _cells(found) if found.days else []
        show_records(records, CELLS, output_format=output_format, empty=NOTHING)
    else:
        say("\n".join(_picture(found)))


def _cells(found: Heatmap) -> list[Record]:
    """Return every cell that is not empty; the hottest name the tasks behind them."""
    names = {(hot.hour, hot.minute): [name for name, _ in hot.tasks] for hot in found.hottest}
    day = [
        _cell("day", hour=hour, minute=column * 5, busy=seconds, tasks=names.get((hour, column * 5), []))
        for hour, row in enumerate(found.by_day)
        for column, seconds in enumerate(row)
        if seconds
    ]
    week = [
        _cell("week", weekday=WEEKDAYS[weekday], hour=hour, busy=seconds)
        for weekday, row in enumerate(found.by_week)
        for hour, seconds in enumerate(row)
        if seconds
    ]
    starts = [
        _cell("starts", minute=minute, starts=count) for minute, count in enumerate(found.starts) if count
    ]
    return [*day, *week, *starts]


def _cell(kind: str, *, busy: float | None = None, **known: object) -> Record:
    nothing: Record = {"weekday": None, "hour": None, "minute": None, "starts": None, "tasks": []}
    seconds = None if busy is None else round(busy, 3)
    return {"kind": kind, "busy_seconds": seconds} | nothing | known


def _picture(found: Heatmap) -> list[str]:
    most_of_day = max(map(max, found.by_day))
    most_of_week = max(map(max, found.by_week))
    return [
        f"Busy seconds by hour and five minutes, over {found.days} days (█ = {length(most_of_day)}):",
        *grid(found.by_day, HOURS, cell=3, heading="".join(f":{minute:02}" for minute in range(0, 60, 5))),
        "",
        "The hottest cells:",
        *(
            f"  {hot.hour:02}:{hot.minute:02}  {length(hot.seconds):>7}  "
            + ", ".join(f"{name} {length(seconds)}" for name, seconds in hot.tasks)
            for hot in found.hottest
        ),
        "",
        f"Busy seconds by weekday and hour (█ = {length(most_of_week)}):",
        *grid(found.by_week, WEEKDAYS, cell=2, heading="".join(HOURS)),
        "",
        f"Starts by minute of the hour (the highest: {max(found.starts)}):",
        *(f"  {line}" for line in columns(found.starts, height=6)),
        "  " + "".join(f"{f':{minute:02}':<10}" for minute in range(0, 60, 10)).rstrip(),
    ]
