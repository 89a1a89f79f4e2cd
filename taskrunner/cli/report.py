"""taskrun report: log files and the log table, read, counted, drawn."""

from __future__ import annotations

import click

from taskrunner.cli import Suggesting, report_failures, report_files, report_load


@click.group(cls=Suggesting)
def report() -> None:
    """Read log files, count what they tell, and draw it.

    `report import` reads log files, ours and Moodle's. The other commands report on them (--from files), on
    taskrunner's own log (--from log, the default), or on a file made by `report import --sqlite FILE`
    (--from FILE).
    """


for command in (
    report_files.import_logs,
    report_failures.show_failures,
    report_failures.show_thresholds,
    report_failures.show_crashes,
    report_load.show_durations,
    report_load.show_gaps,
    report_load.show_overlaps,
    report_load.show_heatmap,
    report_load.show_stagger,
    report_files.write_html,
):
    report.add_command(command)
