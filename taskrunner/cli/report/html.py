"""taskrun report html: all reports on one page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from taskrunner.cli.render import say
from taskrunner.cli.report.source import Asked, Opened, open_source, source_options
from taskrunner.cli.report.stagger import planned
from taskrunner.cli.site import config_option
from taskrunner.errors import TaskrunnerError
from taskrunner.report.crashes import crashes
from taskrunner.report.durations import durations
from taskrunner.report.failures import failures
from taskrunner.report.gaps import gaps, signs_of
from taskrunner.report.heatmap import heatmap
from taskrunner.report.local_time import LocalTime
from taskrunner.report.overlaps import overlaps
from taskrunner.report.page import Findings, page
from taskrunner.report.threshold import thresholds

if TYPE_CHECKING:
    from collections.abc import Iterable

    from taskrunner.report_records import TaskRun


@click.command("html")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@source_options
@config_option
def write_html(file: Path, asked: Asked) -> None:
    """Write all reports into FILE, one HTML page.

    It needs nothing else: to look at, to print, to send.
    """
    opened = open_source(asked)
    text = page(_findings(opened), zone=opened.zone, now=opened.now)
    try:
        file.write_text(text, "utf-8")
    except OSError as error:
        raise TaskrunnerError(f"cannot write {file}: {error.strerror}") from error
    say(f"wrote {file}")


def _findings(opened: Opened) -> Findings:
    """Return what all reports find; each goes through the runs once, so that memory stays small."""
    source, local = opened.source, LocalTime(opened.zone)
    silent, usual = gaps(signs_of(source.runs(), source.tasks()))
    first_at, last_at = _ends(source.tasks())
    return Findings(
        told=opened.told + (f", task {opened.name}" if opened.name else ""),
        first_at=first_at,
        last_at=last_at,
        failures=failures(source.tasks(), local),
        durations=durations(source.tasks()),
        thresholds=thresholds(source.tasks()),
        crashes=list(crashes(source.tasks())),
        gaps=silent,
        usual_interval=usual,
        overlaps=overlaps(source.tasks()),
        heatmap=heatmap(source.tasks(), local),
        plan=planned(opened.site, source, zone=opened.zone) if opened.site and not opened.name else None,
    )


def _ends(runs: Iterable[TaskRun]) -> tuple[float | None, float | None]:
    first_at = last_at = None
    for run in runs:
        first_at = run.started_at if first_at is None else first_at
        last_at = run.started_at
    return first_at, last_at
