"""taskrun report crashes: the runs that began and did not end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from taskrunner.cli.render import Record, Table, as_moment, format_options, say
from taskrunner.cli.render import show as show_records
from taskrunner.cli.report.source import Asked, Opened, open_source, source_options
from taskrunner.cli.site import config_option
from taskrunner.cli.times import length, long_moment
from taskrunner.report.crashes import crashes, kind_text
from taskrunner.sizes import size

if TYPE_CHECKING:
    from taskrunner.report_records import TaskRun

CRASHES = Table(
    keys=(
        "name",
        "type",
        "adhoc_id",
        "started_at",
        "lived",
        "kind",
        "memory_start",
        "in_database",
        "run_id",
        "hostname",
        "pid",
        "path",
        "line",
        "confidence",
        "message",
        "last_lines",
    ),
    columns=(),
)


@click.command("crashes")
@source_options
@format_options
@config_option
def show_crashes(asked: Asked, output_format: str | None) -> None:
    """Show the runs that began and did not end.

    With the last lines they printed, and the last that is known of them.
    """
    opened = open_source(asked)
    records = [_crash(run, opened) for run in crashes(opened.source.tasks())]
    if output_format or not records:
        show_records(records, CRASHES, output_format=output_format, empty="no run crashed")
        return
    for record in records:
        _show_crash(record, opened)


def _crash(run: TaskRun, opened: Opened) -> Record:
    return {
        "name": run.name,
        "type": run.type,
        "adhoc_id": run.adhoc_id,
        "started_at": as_moment(run.started_at),
        "lived": round(run.duration, 3),
        "kind": kind_text(run),
        "memory_start": run.memory_start,
        "in_database": _in_database(run, opened),
        "run_id": run.run_id or None,
        "hostname": run.hostname or None,
        "pid": run.pid,
        "path": run.path or None,
        "line": run.line or None,
        "confidence": run.confidence,
        "message": run.message,
        "last_lines": run.last_lines.splitlines(),
    }


def _in_database(run: TaskRun, opened: Opened) -> bool | None:
    """Say whether the log table has a row of this run; None: nothing tells."""
    if opened.site is None or not run.run_id:
        return None
    return bool(opened.site.store.log.find(run.run_id))


def _show_crash(record: Record, opened: Opened) -> None:
    adhoc = f" {record['adhoc_id']}" if record["adhoc_id"] is not None else ""
    row = {True: "it has a row in the log", False: "no row in the log"}.get(record["in_database"], "")
    memory = f"{size(record['memory_start'])} at its start" if record["memory_start"] else ""
    facts = ", ".join(fact for fact in (memory, row, record["message"].partition("\n")[0]) if fact)
    place = f"{record['path']}:{record['line']}" if record["line"] else record["path"] or ""
    say(f"{record['name']}{adhoc}: {record['kind']}")
    started = long_moment(record["started_at"].timestamp(), opened.zone)
    say(f"  started {started}, lived at least {length(record['lived'])}")
    for line in (facts, place):
        if line:
            say(f"  {line}")
    for line in record["last_lines"]:
        say(f"  | {line}")
    say("")
