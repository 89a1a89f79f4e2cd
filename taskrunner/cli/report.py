"""taskrun report: log files and the log table, read, counted, drawn."""

from __future__ import annotations

import click

from taskrunner.cli import (
    Suggesting,
    report_failures,
    report_html,
    report_import,
    report_load,
    report_stagger,
    report_times,
)


@click.group(cls=Suggesting)
def report() -> None:
    """Read log files, count what they tell, and draw it.

    `report import` reads log files, ours and Moodle's; the other commands tell of them (--from files), of
    taskrunner's own log (--from log, the default), or of a file made by `report import --sqlite FILE`
    (--from FILE).
    """


for command in (
    report_import.import_logs,
    report_failures.show_failures,
    report_failures.show_thresholds,
    report_failures.show_crashes,
    report_times.show_durations,
    report_times.show_gaps,
    report_times.show_overlaps,
    report_load.show_heatmap,
    report_stagger.show_stagger,
    report_html.write_html,
):
    report.add_command(command)
