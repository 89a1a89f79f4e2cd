"""taskrun report: log files and the log table, read, counted, drawn."""

from __future__ import annotations

import click

from taskrunner.cli import Suggesting
from taskrunner.cli.report import crashes, failures, html, importing, load, stagger, threshold, times


@click.group(cls=Suggesting)
def report() -> None:
    """Read log files, count what they tell, and draw it.

    `report import` reads log files, ours and Moodle's; the other commands tell of them (--from files), of
    taskrunner's own log (--from log, the default), or of a file made by `report import --sqlite FILE`
    (--from FILE).
    """


for command in (
    importing.import_logs,
    failures.show_failures,
    threshold.show_thresholds,
    crashes.show_crashes,
    times.show_durations,
    times.show_gaps,
    times.show_overlaps,
    load.show_heatmap,
    stagger.show_stagger,
    html.write_html,
):
    report.add_command(command)
