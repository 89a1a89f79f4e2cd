"""taskrun log: the runs that ended."""

from __future__ import annotations

import csv
import sys
import time
from dataclasses import asdict, fields
from typing import TYPE_CHECKING

import click

from taskrunner.cli.find import kept_run, logged_name
from taskrunner.cli.follow import follow
from taskrunner.cli.options import (
    COUNTED,
    KEPT_RUN,
    TASK,
    config_option,
    length,
    long_moment,
    opened_site,
    parse_length,
    parse_moment,
    short_moment,
    zone_of,
)
from taskrunner.cli.render import (
    BAD,
    ENOUGH_OF_RUN_ID,
    Column,
    Record,
    Table,
    as_moment,
    csv_cell,
    format_options,
    json_option,
    say,
    show_json,
    show_text,
)
from taskrunner.cli.render import (
    show as show_records,
)
from taskrunner.records import Run
from taskrunner.store.log import END_OF_TIME, LogFilter

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

    from taskrunner.db.sqlite.health import export_log

    count = export_log(Path(file), NAMES, (asdict(run) for run in runs))
    say(f"{count} runs written to {file}", err=True)


def _write_csv(runs: Iterator[Run]) -> None:
    writer = csv.writer(sys.stdout)
    writer.writerow(NAMES)
    for run in runs:
        values = asdict(run)
        moments = {name: as_moment(values[name]) for name in ("due_at", "started_at", "ended_at")}
        writer.writerow([csv_cell((values | moments)[name]) for name in NAMES])


TABLE = Table(
    keys=(
        "run_id",
        "type",
        "name",
        "plugin",
        "adhoc_id",
        "user",
        "due_at",
        "started_at",
        "ended_at",
        "duration",
        "outcome",
        "message",
        "attempt",
        "db_reads",
        "db_writes",
        "cpu_seconds",
        "max_rss",
        "hostname",
        "pid",
        "log_file",
    ),
    columns=(
        Column("_started", "Started"),
        Column("_task", "Task"),
        Column("outcome", "Outcome"),
        Column("_took", "Took"),
        Column("message", "Message", wraps=True, least=20),
        Column("run_id", "Run", cut=ENOUGH_OF_RUN_ID),
    ),
)
LINE_END = "\n"
OUTCOMES = (
    "ok",
    "failed",
    "crashed",
    "timeout",
    "interrupted",
    "skipped",
    "cancelled",
    "delayed",
    "superseded",
)


class Log(click.Group):
    """`taskrun log` lists, whatever follows it, unless that is one of its commands."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `list` where no command is named."""
        if not args or (args[0] not in self.commands and args[0] not in ("-h", "--help")):
            args = ["list", *args]
        return super().parse_args(ctx, args)


@click.group(cls=Log)
def log() -> None:
    """Show the runs that ended.

    taskrun log [NAME] [--failed] … lists them, newest first; `taskrun log list --help` has the options.
    """


@log.command("list")
@click.argument("name", required=False, type=TASK)
@click.option("--failed", is_flag=True, help="Only failures: failed, crashed, timeout.")
@click.option("--since", metavar="TIME", help="Started at or after: 2d (ago), 13:57, '2026-11-21 13:57'.")
@click.option("--until", metavar="TIME", help="Started before.")
@click.option(
    "--outcome", type=click.Choice(OUTCOMES), metavar="OUTCOME", help=f"Only one of {', '.join(OUTCOMES)}."
)
@click.option("--min-duration", metavar="LENGTH", help="Took at least so long: 90, 5m.")
@click.option("--grep", metavar="TEXT", help="Has this text in its output or message.")
@click.option("--limit", metavar="N", type=COUNTED, default=50, show_default=True, help="At most so many.")
@format_options
@config_option
def list_runs(
    name: str | None,
    failed: bool,
    since: str | None,
    until: str | None,
    outcome: str | None,
    min_duration: str | None,
    grep: str | None,
    limit: int,
    output_format: str | None,
) -> None:
    """List kept runs, newest first."""
    site = opened_site()
    zone, now = zone_of(site), time.time()
    given: dict[str, object] = {
        "name": logged_name(site, name) if name else None,
        "since": parse_moment(since, now=now, zone=zone) if since else None,
        "until": parse_moment(until, now=now, zone=zone) if until else None,
        "outcome": outcome,
        "min_duration": parse_length(min_duration) if min_duration else None,
        "grep": grep,
    }
    wanted = {key: value for key, value in given.items() if value is not None}
    rows = site.store.log.list(LogFilter(failed_only=failed, limit=limit, **wanted))  # type: ignore[arg-type]
    records = [_record(row) | {"_started": short_moment(row.started_at, now=now, zone=zone)} for row in rows]
    show_records(records, TABLE, output_format=output_format, empty="no such run is kept")


@log.command("show")
@click.argument("run", type=KEPT_RUN)
@json_option
@config_option
def show_run(run: str, output_format: str | None) -> None:
    """Show one run and what it printed.

    RUN is the start of its id, as long as only one run has it.
    """
    site = opened_site()
    found = kept_run(site, run)
    if output_format == "json":
        show_json([_record(found) | {"output": found.output}])
        return
    _show_run(found, zone_of(site))


def _show_run(run: Run, zone: object) -> None:
    adhoc = f" {run.adhoc_id}" if run.adhoc_id is not None else ""
    started = long_moment(run.started_at, zone)  # type: ignore[arg-type]
    show_text(
        f"{run.name}{adhoc}: {run.outcome}{f', {run.message}' if run.message else ''}\n"
        f"started {started}, took {length(run.duration)}, "
        f"attempt {run.attempt}, pid {run.pid} on {run.hostname}\n"
        f"run {run.run_id}, log file {run.log_file or 'none'}\n\n"
        f"{run.output}{'' if run.output.endswith(LINE_END) else LINE_END}"
    )


def _record(row: Run) -> Record:
    return {
        "run_id": row.run_id,
        "type": row.type,
        "name": row.name,
        "plugin": row.plugin,
        "adhoc_id": row.adhoc_id,
        "user": row.user,
        "due_at": as_moment(row.due_at),
        "started_at": as_moment(row.started_at),
        "ended_at": as_moment(row.ended_at),
        "duration": round(row.duration, 6),
        "outcome": row.outcome,
        "message": row.message,
        "attempt": row.attempt,
        "db_reads": row.db_reads,
        "db_writes": row.db_writes,
        "cpu_seconds": round(row.cpu_seconds, 6),
        "max_rss": row.max_rss,
        "hostname": row.hostname,
        "pid": row.pid,
        "log_file": row.log_file,
        "_task": row.name if row.adhoc_id is None else f"{row.name} {row.adhoc_id}",
        "_took": length(row.duration),
        "_style": BAD if row.outcome in ("failed", "crashed", "timeout") else "",
    }


log.add_command(follow)
log.add_command(export)
