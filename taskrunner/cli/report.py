"""taskrun report: log files and the log table, read, counted, drawn."""

from __future__ import annotations

import click

from taskrunner.cli import (
    Suggesting,
)
from taskrunner.cli import (
    report_failures as crashes,
)
from taskrunner.cli import (
    report_failures as failures,
)
from taskrunner.cli import (
    report_failures as threshold,
)
from taskrunner.cli import (
    report_files as html,
)
from taskrunner.cli import (
    report_files as importing,
)
from taskrunner.cli import (
    report_load as load,
)
from taskrunner.cli import (
    report_load as stagger,
)
from taskrunner.cli import (
    report_load as times,
)


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
