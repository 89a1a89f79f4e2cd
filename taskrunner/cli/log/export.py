"""taskrun log export: the log, with what was printed, for other programs."""

from __future__ import annotations

import csv
import sys
import time
from dataclasses import asdict, fields
from typing import TYPE_CHECKING

import click

from taskrunner.cli.completing import TASK
from taskrunner.cli.finding import logged_name
from taskrunner.cli.render import as_moment, csv_cell, say
from taskrunner.cli.site import config_option, opened_site, zone_of
from taskrunner.cli.times import parse_moment
from taskrunner.records import Run
from taskrunner.store.log import END_OF_TIME

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMES = [field.name for field in fields(Run)]


@click.command("export")
@click.argument("name", required=False, type=TASK)
@click.option("--sqlite", "file", metavar="FILE", help="Into a new SQLite database.")
@click.option("--csv", "as_csv", is_flag=True, help="As CSV with a header line, to stdout.")
@click.option("--since", metavar="TIME", help="Started at or after: 2d (ago), 13:57, '2026-11-21 13:57'.")
@click.option("--until", metavar="TIME", help="Started before.")
@config_option
def export(name: str | None, file: str | None, as_csv: bool, since: str | None, until: str | None) -> None:
    """Write the kept runs for other programs.

    Oldest first, with all they printed. The SQLite database has the table task_log, and the view v_task_log
    with readable times.
    """
    if (file is None) == (not as_csv):
        raise click.UsageError("give --sqlite FILE or --csv")
    site = opened_site()
    zone, now = zone_of(site), time.time()
    runs = site.store.log.oldest_first(
        name=logged_name(site, name) if name else "",
        since=parse_moment(since, now=now, zone=zone) if since else -END_OF_TIME,
        until=parse_moment(until, now=now, zone=zone) if until else END_OF_TIME,
    )
    if file is None:
        _write_csv(runs)
        return
    from pathlib import Path

    from taskrunner.db.sqlite.exporting import export_log

    count = export_log(Path(file), NAMES, (asdict(run) for run in runs))
    say(f"{count} runs written to {file}", err=True)


def _write_csv(runs: Iterator[Run]) -> None:
    writer = csv.writer(sys.stdout)
    writer.writerow(NAMES)
    for run in runs:
        values = asdict(run)
        moments = {name: as_moment(values[name]) for name in ("due_at", "started_at", "ended_at")}
        writer.writerow([csv_cell((values | moments)[name]) for name in NAMES])
