"""taskrun report failures: how often tasks fail, and whether by chance or by rule."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from taskrunner.cli.options import config_option, length, long_moment
from taskrunner.cli.render import Column, Record, Table, as_moment, format_options, say
from taskrunner.cli.render import show as show_records
from taskrunner.cli.report_source import NOTHING, Asked, Opened, open_source, percent, source_options
from taskrunner.formatting import size
from taskrunner.report.bars import bar
from taskrunner.report.failures import TaskFailures, failures, kind_text
from taskrunner.report.load import LocalTime
from taskrunner.report.threshold import TaskThreshold, in_words, thresholds

if TYPE_CHECKING:
    from taskrunner.report_records import CronRun, TaskRun

INDENT = 14
"""Columns of the verdict and the bar, before a task's name and numbers."""

FAILURES = Table(
    keys=(
        "name",
        "runs",
        "ok",
        "failed",
        "crashed",
        "rate",
        "rate_low",
        "rate_high",
        "recent_runs",
        "recent_rate",
        "former_runs",
        "former_rate",
        "verdict",
        "reason",
        "last_failure_at",
        "last_message",
    ),
    columns=(),
)


@click.command("failures")
@click.argument("name", required=False)
@source_options
@format_options
@config_option
def show_failures(name: str | None, asked: Asked, output_format: str | None) -> None:
    """Show how often tasks fail, and whether that is chance.

    A verdict is isolated, intermittent, recurring or systematic. The failure rate has its 95 % interval; that
    of the last 7 days stands beside that of the 28 days before.
    """
    opened = open_source(asked, task=name)
    rows = failures(opened.source.tasks(), LocalTime(opened.zone))
    if output_format or not rows:
        show_records([_failure(row) for row in rows], FAILURES, output_format=output_format, empty=NOTHING)
        return
    shown = [row for row in rows if row.ok < row.runs or opened.name]
    for row in shown:
        say("\n".join(_failure_lines(row)))
    if others := len(rows) - len(shown):
        tasks = "task" if others == 1 else "tasks"
        say(f"{others} other {tasks} never failed" if shown else "no task failed", err=True)


def _failure(row: TaskFailures) -> Record:
    return asdict(row) | {
        "rate": round(row.rate, 4),
        "rate_low": round(row.rate_low, 4),
        "rate_high": round(row.rate_high, 4),
        "recent_rate": None if row.recent_rate is None else round(row.recent_rate, 4),
        "former_rate": None if row.former_rate is None else round(row.former_rate, 4),
        "last_failure_at": as_moment(row.last_failure_at),
    }


def _failure_lines(row: TaskFailures) -> list[str]:
    """Return the verdict and the task, the numbers under it, and why the verdict is so."""
    crashed = f", {row.crashed} of them crashed" if row.crashed else ""
    lately = f"last 7 d {percent(row.recent_rate)}, 28 d before {percent(row.former_rate)}"
    interval = f"{percent(row.rate_low)} – {percent(row.rate_high)}"
    return [
        f"{row.verdict:<{INDENT}}{row.name}",
        f"{bar(row.rate, 1.0, INDENT - 2):<{INDENT}}{percent(row.rate)} (95 %: {interval}): "
        f"{row.runs - row.ok} of {row.runs} failed{crashed}; {lately}",
        f"{'':<{INDENT}}{row.reason}",
        "",
    ]


CRASHES = Table(
    keys=(
        "name",
        "type",
        "adhoc_id",
        "started_at",
        "lived",
        "lived_at_most",
        "lived_exactly",
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
    """Show the runs and crons that started and did not end.

    With the last lines that they printed, and for how long they are known to have lived.
    """
    opened = open_source(asked)
    crashed = list(opened.source.crashed())
    records = [_crash(run, opened) for run in crashed]
    if not opened.name:
        in_task = {(run.path, run.run_number) for run in crashed}
        records += [_dead_process(run) for run in opened.source.runs() if _died_between_tasks(run, in_task)]
        records.sort(key=lambda record: record["started_at"])
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
        "lived_at_most": None if run.ended_before is None else round(run.ended_before - run.started_at, 3),
        "lived_exactly": bool(run.end_known),
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


def _died_between_tasks(run: CronRun, in_task: set[tuple[str, int]]) -> bool:
    return run.state == "truncated" and (run.path, run.number) not in in_task


def _dead_process(run: CronRun) -> Record:
    lived = round(max(0.0, run.ended_at - run.started_at), 3)
    nothing: Record = dict.fromkeys(CRASHES.keys)
    return nothing | {
        "name": "",
        "type": "cron",
        "started_at": as_moment(run.started_at),
        "lived": lived,
        "lived_exactly": False,
        "kind": "died between tasks",
        "hostname": run.hostname or None,
        "pid": run.pid,
        "path": run.path or None,
        "line": run.line or None,
        "confidence": "high",
        "message": "",
        "last_lines": [run.last_line] if run.last_line else [],
    }


def _in_database(run: TaskRun, opened: Opened) -> bool | None:
    """Return whether the log table has a row of this run, or None if nothing tells."""
    if opened.site is None or not run.run_id:
        return None
    return bool(opened.site.store.log.find(run.run_id))


def _show_crash(record: Record, opened: Opened) -> None:
    adhoc = f" {record['adhoc_id']}" if record["adhoc_id"] is not None else ""
    row = {True: "it has a row in the log", False: "no row in the log"}.get(record["in_database"], "")
    memory = f"{size(record['memory_start'])} at its start" if record["memory_start"] else ""
    facts = ", ".join(fact for fact in (memory, row, record["message"].partition("\n")[0]) if fact)
    place = f"{record['path']}:{record['line']}" if record["line"] else record["path"] or ""
    say(f"{record['name'] or 'the cron process'}{adhoc}: {record['kind']}")
    started = long_moment(record["started_at"].timestamp(), opened.zone)
    say(f"  started {started}, lived {_lived(record)}")
    for line in (facts, place):
        if line:
            say(f"  {line}")
    for line in record["last_lines"]:
        say(f"  | {line}")
    say("")


def _lived(record: Record) -> str:
    if record["lived_exactly"]:
        return length(record["lived"])
    at_most = record["lived_at_most"]
    return f"at least {length(record['lived'])}" + ("" if at_most is None else f", at most {length(at_most)}")


THRESHOLDS = Table(
    keys=(
        "name",
        "threshold",
        "failed_over",
        "runs_over",
        "failed_under",
        "runs_under",
        "hard_limit",
        "area",
        "youden",
        "failures",
        "successes",
        "unknown",
        "reason",
    ),
    columns=(Column("_words", "Length and failure", cut="end"),),
)


@click.command("threshold")
@click.argument("name", required=False)
@source_options
@format_options
@config_option
def show_thresholds(name: str | None, asked: Asked, output_format: str | None) -> None:
    """Show whether a task fails when it runs long.

    Above which length, and how certain that is. Without NAME: every task for which this may be so.
    """
    opened = open_source(asked, task=name)
    rows = thresholds(opened.source.lengths())
    if not opened.name:
        rows = [row for row in rows if row.threshold is not None or row.hard_limit is not None]
    empty = "no task fails above some length, as far as can be seen"
    show_records([_threshold(row) for row in rows], THRESHOLDS, output_format=output_format, empty=empty)


def _threshold(row: TaskThreshold) -> Record:
    return {
        "name": row.name,
        "threshold": row.threshold,
        "failed_over": row.over[0],
        "runs_over": row.over[1],
        "failed_under": row.under[0],
        "runs_under": row.under[1],
        "hard_limit": row.hard_limit,
        "area": row.area,
        "youden": row.youden,
        "failures": row.failures,
        "successes": row.successes,
        "unknown": row.unknown,
        "reason": row.reason,
        "_words": in_words(row),
    }
