"""taskrun report failures: how often tasks fail, and whether by chance or by rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from taskrunner.cli.options import config_option, length, long_moment
from taskrunner.cli.render import format_options, is_for_programs, say, show_listing
from taskrunner.cli.report_source import NOTHING, Asked, Opened, open_source, percent, source_options
from taskrunner.formatting import size
from taskrunner.report.charts import bar
from taskrunner.report.failures import failures
from taskrunner.report.load import LocalTime
from taskrunner.report.threshold import thresholds
from taskrunner.views.reports import CRASHES, FAILURES, THRESHOLDS, crashed_run, dead_cron

if TYPE_CHECKING:
    from taskrunner.report.failures import TaskFailures
    from taskrunner.store.imports import CronRun, TaskRun
    from taskrunner.views.reports import Crash

INDENT = 14
"""Columns of the verdict and the bar, before a task's name and numbers."""


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
    if is_for_programs(output_format) or not rows:
        show_listing(rows, FAILURES, opened.context, output_format=output_format, empty=NOTHING)
        return
    shown = [row for row in rows if row.ok < row.runs or opened.name]
    for row in shown:
        say("\n".join(_failure_lines(row)))
    if others := len(rows) - len(shown):
        tasks = "task" if others == 1 else "tasks"
        say(f"{others} other {tasks} never failed" if shown else "no task failed", err=True)


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
    rows = [crashed_run(run, in_database=_in_database(run, opened)) for run in crashed]
    if not opened.name:
        in_task = {(run.path, run.run_number) for run in crashed}
        rows += [dead_cron(run) for run in opened.source.runs() if _died_between_tasks(run, in_task)]
        rows.sort(key=lambda crash: crash.started_at)
    if is_for_programs(output_format) or not rows:
        show_listing(rows, CRASHES, opened.context, output_format=output_format, empty="no run crashed")
        return
    for crash in rows:
        _show_crash(crash, opened)


def _died_between_tasks(run: CronRun, in_task: set[tuple[str, int]]) -> bool:
    return run.state == "truncated" and (run.path, run.number) not in in_task


def _in_database(run: TaskRun, opened: Opened) -> bool | None:
    """Return whether the log table has a row of this run, or None if nothing tells."""
    if opened.site is None or not run.run_id:
        return None
    return bool(opened.site.store.log.find(run.run_id))


def _show_crash(crash: Crash, opened: Opened) -> None:
    adhoc = "" if crash.adhoc_id is None else f" {crash.adhoc_id}"
    row = {True: "it has a row in the log", False: "no row in the log", None: ""}[crash.in_database]
    memory = f"{size(crash.memory_start)} at its start" if crash.memory_start else ""
    facts = ", ".join(fact for fact in (memory, row, crash.message.partition("\n")[0]) if fact)
    place = f"{crash.path}:{crash.line}" if crash.line else crash.path or ""
    say(f"{crash.name or 'the cron process'}{adhoc}: {crash.kind}")
    say(f"  started {long_moment(crash.started_at, opened.zone)}, lived {_lived(crash)}")
    for line in (facts, place):
        if line:
            say(f"  {line}")
    for line in crash.last_lines:
        say(f"  | {line}")
    say("")


def _lived(crash: Crash) -> str:
    if crash.lived_exactly:
        return length(crash.lived)
    at_most = "" if crash.lived_at_most is None else f", at most {length(crash.lived_at_most)}"
    return f"at least {length(crash.lived)}{at_most}"


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
    show_listing(rows, THRESHOLDS, opened.context, output_format=output_format, empty=empty)
