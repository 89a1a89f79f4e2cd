"""taskrun report failures: how often tasks fail, and whether by chance or by rule."""

from __future__ import annotations

from dataclasses import asdict

import click

from taskrunner.cli.render import Record, Table, as_moment, format_options, say
from taskrunner.cli.render import show as show_records
from taskrunner.cli.report.source import Asked, open_source, source_options
from taskrunner.cli.report.words import NOTHING, percent
from taskrunner.cli.site import config_option
from taskrunner.report.blocks import bar
from taskrunner.report.failures import TaskFailures, failures
from taskrunner.report.local_time import LocalTime

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
    """Show how often tasks fail, and whether by chance or by rule.

    Isolated, intermittent, recurring or systematic. The rate comes with its 95 % interval, that of the
    last 7 days beside that of the 28 before.
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
