"""taskrun log, stats: the runs that ended, what a task prints while it runs, and how tasks do."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from taskrunner.cli.options import (
    COUNTED,
    KEPT_OR_RUNNING,
    KEPT_RUN,
    TASK,
    config_option,
    context_of,
    opened_site,
    parse_length,
    parse_moment,
    zone_of,
)
from taskrunner.cli.render import (
    format_options,
    json_option,
    say,
    show_csv,
    show_json,
    show_listing,
    show_text,
)
from taskrunner.errors import TaskrunnerError
from taskrunner.formatting import long_moment, plural
from taskrunner.records import OUTCOMES
from taskrunner.views.columns import harmless

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import tzinfo

    from taskrunner.installation import Site
    from taskrunner.records import Run, RunningRow
    from taskrunner.report.durations import TaskSummary
    from taskrunner.runner.log_file import Tail

LINE_END = "\n"


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
@click.option("--failed", "failed_only", is_flag=True, help="Only failures: failed, crashed, timeout.")
@click.option("--since", metavar="TIME", help="Started at or after: 2d (ago), 13:57, '2026-11-21 13:57'.")
@click.option("--until", metavar="TIME", help="Started before.")
@click.option(
    "--outcome", type=click.Choice(OUTCOMES), metavar="OUTCOME", help=f"Only one of {', '.join(OUTCOMES)}."
)
@click.option("--min-duration", metavar="LENGTH", help="Took at least this long: 90, 5m.")
@click.option("--grep", metavar="TEXT", help="Has this text in its output or message.")
@click.option("--type", type=click.Choice(("scheduled", "adhoc")), help="Only runs of such tasks.")
@click.option("--plugin", metavar="P", help="Only the tasks of a plugin.")
@click.option("--user", metavar="U", help="Only what was run for this user.")
@click.option("--host", "hostname", metavar="HOST", help="Only what ran on this host.")
@click.option("--max-duration", metavar="LENGTH", help="Took at most this long: 90, 5m.")
@click.option(
    "--before", metavar="RUN", type=KEPT_RUN, help="Only runs that stand below this one in the list."
)
@click.option("--limit", metavar="N", type=COUNTED, default=50, show_default=True, help="At most this many.")
@format_options
@config_option
def list_runs(name: str | None, limit: int, output_format: str | None, **asked: Any) -> None:
    """List kept runs, newest first."""
    from taskrunner.store.runs import LogFilter
    from taskrunner.views.runs import RUNS

    site, now = opened_site(for_reading=True), time.time()
    wanted = LogFilter(limit=limit, **_filters(site, name, asked, now=now))
    rows, context, empty = site.store.log.list(wanted), context_of(site, now), "no such run is kept"
    show_listing(rows, RUNS, context, output_format=output_format, empty=empty)


def _filters(site: Site, name: str | None, asked: dict[str, Any], *, now: float) -> dict[str, Any]:
    """Return the fields of a filter that were asked for."""
    from taskrunner.views.find import kept_run, logged_name

    zone = zone_of(site)
    readers: dict[str, Callable[[str], object]] = {
        "since": lambda text: parse_moment(text, now=now, zone=zone),
        "until": lambda text: parse_moment(text, now=now, zone=zone),
        "min_duration": parse_length,
        "max_duration": parse_length,
        "before": lambda run: kept_run(site, run).run_id,
    }
    given = {key: value for key, value in asked.items() if value}
    filters = {key: readers[key](value) if key in readers else value for key, value in given.items()}
    return filters | ({"names": (logged_name(site, name),)} if name else {})


@log.command("show")
@click.argument("run", type=KEPT_RUN)
@json_option
@config_option
def show_run(run: str, output_format: str | None) -> None:
    """Show one run and what it printed.

    RUN is the start or the end of its id, or the name of a task, which means its last run.
    """
    from taskrunner.views.find import kept_run
    from taskrunner.views.runs import RUN_IN_FULL

    site = opened_site(for_reading=True)
    found = kept_run(site, run)
    if output_format == "json":
        show_json(RUN_IN_FULL.records([found], context_of(site, time.time())))
        return
    _show_run(found, zone_of(site))


def _show_run(run: Run, zone: tzinfo) -> None:
    from taskrunner.views.runs import label, took

    started = long_moment(run.started_at, zone)
    show_text(
        f"{label(run)}: {run.outcome}{f', {run.message}' if run.message else ''}\n"
        f"started {started}, took {took(run)}, "
        f"attempt {run.attempt}, pid {run.pid} on {run.hostname}\n"
        f"run {run.run_id}, log file {run.log_file or 'none'}\n\n"
        f"{run.output}{'' if run.output.endswith(LINE_END) else LINE_END}"
    )


@log.command("export")
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
    from taskrunner.store.runs import END_OF_TIME
    from taskrunner.views.find import logged_name
    from taskrunner.views.runs import EXPORTED

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
        context = context_of(site, now)
        show_csv(EXPORTED.keys, (EXPORTED.record(run, context) for run in runs))
        return
    from pathlib import Path

    from taskrunner.db.sqlite.health import export_log

    count = export_log(Path(file), EXPORTED.keys, (run._asdict() for run in runs))
    say(f"{plural(count, 'run')} written to {file}", err=True)


LOOK_INTERVAL = 0.1
"""Seconds between two looks at the log file."""

ASK_INTERVAL = 0.5
"""Seconds after which the database is asked whether the run still lasts, though nothing was printed."""


@log.command("follow")
@click.argument("run", required=False, type=KEPT_OR_RUNNING)
@config_option
def follow(run: str | None) -> None:
    """Show what a running task prints, from its beginning, until it ends.

    RUN is the start or the end of its id, or the name of a task. It may be left out while only one task runs
    here. Ctrl-C leaves the task alone.
    """
    from taskrunner.views.find import only_run, running_run

    site = opened_site()
    row = running_run(site.store.runners.running(), run) if run else only_run(site)
    if row is None:
        _show_ended(site, run or "")
        return
    if row.hostname != site.hostname:
        raise TaskrunnerError(
            f"{row.name} runs on {row.hostname}: its log file {row.log_file} is on that host",
            hint=f"ssh {row.hostname} taskrun log follow {row.run_id}",
        )
    try:
        _follow(site, row)
    except KeyboardInterrupt:
        say(f"{row.name} is still running.", err=True)


def _show_ended(site: Site, prefix: str) -> None:
    from taskrunner.views.find import kept_run
    from taskrunner.views.runs import took

    run = kept_run(site, prefix)
    say(run.output, nl=not run.output.endswith("\n"))
    say(f"{run.name} has ended: {run.outcome}, it took {took(run)}", err=True)


def _follow(site: Site, row: RunningRow) -> None:
    from taskrunner.liveness import DIED, dead_runner_ids

    tail = _opened(row)
    asked_at, shown = 0.0, ""
    while True:
        end = tail.size()
        if end > tail.offset or time.monotonic() - asked_at >= ASK_INTERVAL:
            # asked after the size was taken: what was written up to there is of this run
            now = next((one for one in site.store.runners.running() if one.run_id == row.run_id), None)
            asked_at = time.monotonic()
            if now is None:
                break
            if now.runner_id in dead_runner_ids(site, time.time()):
                _print(tail.rest())
                say(f"{row.name}: {DIED}", err=True)
                return
            shown = _show_progress(now, shown)
            _print(tail.read(end))
        time.sleep(LOOK_INTERVAL)
    _print(tail.rest())
    _show_end(site, row)


def _opened(row: RunningRow) -> Tail:
    """Open the log file where the output of a run begins. Raises TaskrunnerError."""
    from taskrunner.files import open_file
    from taskrunner.runner.log_file import Tail, start_of_run

    try:
        descriptor = open_file(row.log_file or "", os.O_RDONLY)
    except OSError as error:
        raise TaskrunnerError(f"cannot read the log file {row.log_file}: {error.strerror}") from error
    return Tail(descriptor, start_of_run(descriptor, row.run_id) or os.fstat(descriptor).st_size)


def _print(data: bytes) -> None:
    if data:
        say(harmless(data.decode("utf-8", "replace")), nl=False)
        sys.stdout.flush()


def _show_progress(row: RunningRow, shown: str) -> str:
    from taskrunner.views.runs import progress_text

    text = progress_text(row)
    if text and text != shown:
        say(f"progress: {harmless(text)}", err=True)
    return text


def _show_end(site: Site, row: RunningRow) -> None:
    from taskrunner.views.runs import took

    runs = site.store.log.find(row.run_id)
    end = f"{runs[0].outcome}, it took {took(runs[0])}" if runs else "its end is not recorded"
    say(f"{row.name}: {end}", err=True)


@click.command()
@click.argument("name", required=False, type=TASK)
@click.option("--since", metavar="TIME", default="28d", show_default=True, help="Runs from then on.")
@format_options
@config_option
def stats(name: str | None, since: str, output_format: str | None) -> None:
    """Show how often tasks run and fail, and how long they take.

    Whether they fail by chance, and the trend. The counts are of all runs since then; verdict and durations
    are of a task's newest 1,000 runs.
    """
    from taskrunner.report.durations import summary_of
    from taskrunner.views.find import logged_name
    from taskrunner.views.runs import STATISTICS

    site = opened_site(for_reading=True)
    zone, now = zone_of(site), time.time()
    names = [logged_name(site, name)] if name else site.store.log.names()
    moment = parse_moment(since, now=now, zone=zone)
    found = [
        summary
        for one in names
        if (summary := summary_of(site.store, one, since=moment, now=now, zone=zone)) is not None
    ]
    if name and found and output_format is None:
        _show_one(found[0], moment, zone)
    else:
        found.sort(key=lambda summary: (-summary.failed, summary.name))
        context, empty = context_of(site, now), "no run is kept since then"
        show_listing(found, STATISTICS, context, output_format=output_format, empty=empty)


def _show_one(summary: TaskSummary, since: float, zone: tzinfo) -> None:
    from taskrunner.views.runs import length_or_unknown, percent

    say(f"{summary.name}: {harmless(f'{summary.verdict}, {summary.reason}')}")
    _line("runs", f"{summary.runs:,} since {long_moment(since, zone)}")
    interval = f"95 % interval {percent(summary.rate_low)} to {percent(summary.rate_high)}"
    _line("failed", f"{summary.failed:,}, {percent(summary.rate)} ({interval})")
    if summary.last_failure_at is not None:
        _line("last failure", f"{long_moment(summary.last_failure_at, zone)}: {summary.last_message}")
    times = (summary.p50, summary.p95, summary.longest)
    _line(
        "takes",
        ", ".join(f"{word} {length_or_unknown(value)}" for word, value in zip(_WORDS, times, strict=True)),
    )
    _line("trend", _trend(summary) or "too few runs to tell")
    _line("based on", f"the newest {summary.looked_at:,} runs; the counts are of all runs")


_WORDS = ("p50", "p95", "max")


def _line(label: str, text: str) -> None:
    say(f"  {label:<14} {harmless(text)}")


def _trend(task: TaskSummary) -> str:
    from taskrunner.views.runs import length_or_unknown, percent, trend_of

    parts = []
    if word := trend_of(task, "rate"):
        parts.append(f"failures {word} ({percent(task.former_rate or 0)} -> {percent(task.week_rate or 0)})")
    if word := trend_of(task, "p50"):
        before, now = length_or_unknown(task.former_p50), length_or_unknown(task.week_p50)
        parts.append(f"duration {word} ({before} -> {now})")
    return ", ".join(parts)
