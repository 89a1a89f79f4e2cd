"""taskrun report: how often tasks fail, how long they take, when cron is silent or busy, as tables."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from taskrunner.cli import Suggesting, report_files
from taskrunner.cli.options import administrator, config_option, length, long_moment
from taskrunner.cli.render import format_options, is_for_programs, say, show_listing
from taskrunner.cli.report_files import (
    NOTHING,
    Asked,
    Opened,
    find_silences,
    open_source,
    percent,
    planned,
    source_options,
)
from taskrunner.formatting import plural, size
from taskrunner.report.charts import bar, columns, grid, profile
from taskrunner.report.durations import durations
from taskrunner.report.failures import failures
from taskrunner.report.load import WEEKDAYS, LocalTime, heatmap, overlaps
from taskrunner.report.statistics import thresholds
from taskrunner.views.reports import (
    CRASHES,
    DURATIONS,
    FAILURES,
    GAPS,
    HEATMAP,
    MOVES,
    OVERLAPS,
    THRESHOLDS,
    PlannedMove,
    busy_cells,
    command_of,
    crashed_run,
    dead_cron,
    tasks_together,
)

if TYPE_CHECKING:
    from taskrunner.installation import Site
    from taskrunner.report.durations import TaskDurations
    from taskrunner.report.failures import TaskFailures
    from taskrunner.report.load import Heatmap
    from taskrunner.report.stagger import Plan
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


SHOWN_PAIRS = 30


@click.command("durations")
@source_options
@format_options
@config_option
def show_durations(asked: Asked, output_format: str | None) -> None:
    """Show how long tasks take, and which take most of cron's time.

    Of a crashed run only a lower bound is known.
    """
    opened = open_source(asked)
    rows = durations(opened.source.lengths())
    if is_for_programs(output_format) or not rows:
        show_listing(rows, DURATIONS, opened.context, output_format=output_format, empty=NOTHING)
        return
    for row in rows:
        say("\n".join(_duration_lines(row)))
    say("Bars: share of all cron time. |…|: runs under 0.1 s, 1 s, 10 s, 1 min, 5 min, 30 min, 2 h, over")


def _duration_lines(row: TaskDurations) -> list[str]:
    """Return the task, and its numbers under it."""
    shown = "  ".join(
        f"{name} {_length(seconds):<7}"
        for name, seconds in (("p50", row.p50), ("p95", row.p95), ("p99", row.p99), ("longest", row.longest))
    )
    runs = f"{row.runs} {'run' if row.runs == 1 else 'runs'}, {length(row.total)} in all"
    crashed = (
        [f"{'':<20}{row.crashed} crashed, after ≥ {length(row.crashed_after)}"]
        if row.crashed_after is not None
        else []
    )
    return [
        f"{percent(row.share):>7} {bar(row.share, 1.0, 10):<10}  {row.name}: {runs}",
        f"{'':<20}{shown} |{profile(row.counts)}|",
        *crashed,
    ]


def _length(seconds: float | None) -> str:
    return "–" if seconds is None else length(seconds)


@click.command("gaps")
@source_options
@format_options
@config_option
def show_gaps(asked: Asked, output_format: str | None) -> None:
    """Show when cron was silent.

    For more than 5 minutes and more than 3 times its usual interval: between the starts of crons on each
    host, or between the processes that log files tell of.
    """
    opened = open_source(asked)
    found = find_silences(opened)
    if found.unknown:
        say(found.unknown, err=True)
    every = "" if found.usual is None else f"; it usually starts every {length(found.usual)}"
    empty = "" if found.unknown else f"cron was never silent for long{every}"
    show_listing(found.gaps, GAPS, opened.context, output_format=output_format, empty=empty)


@click.command("overlaps")
@source_options
@format_options
@config_option
def show_overlaps(asked: Asked, output_format: str | None) -> None:
    """Show which tasks ran at the same time.

    And which were still running when their own next start was due.
    """
    opened = open_source(asked)
    found = overlaps(opened.source.tasks())
    if output_format is None and len(found.pairs) > SHOWN_PAIRS:
        say(f"the first {SHOWN_PAIRS} of {len(found.pairs)} pairs; --csv has all", err=True)
        found = replace(found, pairs=found.pairs[:SHOWN_PAIRS])
    empty = "no two tasks ran at the same time"
    rows = tasks_together(found)
    show_listing(rows, OVERLAPS, opened.context, output_format=output_format, empty=empty)


HOURS = tuple(f"{hour:02}" for hour in range(24))


@click.command("heatmap")
@source_options
@format_options
@config_option
def show_heatmap(asked: Asked, output_format: str | None) -> None:
    """Draw when cron is busy.

    For each five minutes of the day, each hour of the week, and the starts of each minute.
    """
    opened = open_source(asked)
    found = heatmap(opened.source.tasks(), LocalTime(opened.zone))
    if is_for_programs(output_format) or not found.days:
        cells = list(busy_cells(found)) if found.days else []
        show_listing(cells, HEATMAP, opened.context, output_format=output_format, empty=NOTHING)
    else:
        say("\n".join(_picture(found)))


def _picture(found: Heatmap) -> list[str]:
    most_of_day = max(map(max, found.by_day))
    most_of_week = max(map(max, found.by_week))
    unknown = f"\n{found.unknown} runs with an unknown end are left out" if found.unknown else ""
    return [
        f"Busy seconds by hour and five minutes, over {plural(found.days, 'day')}"
        f" (█ = {length(most_of_day)}):{unknown}",
        *grid(found.by_day, HOURS, cell=3, heading="".join(f":{minute:02}" for minute in range(0, 60, 5))),
        "",
        "The hottest cells:",
        *(
            f"  {hot.hour:02}:{hot.minute:02}  {length(hot.seconds):>7}  "
            + ", ".join(f"{name} {length(seconds)}" for name, seconds in hot.tasks)
            for hot in found.hottest
        ),
        "",
        f"Busy seconds by weekday and hour (█ = {length(most_of_week)}):",
        *grid(found.by_week, WEEKDAYS, cell=2, heading="".join(HOURS)),
        "",
        f"Starts by minute of the hour (the highest: {max(found.starts)}):",
        *(f"  {line}" for line in columns(found.starts, height=6)),
        "  " + "".join(f"{f':{minute:02}':<10}" for minute in range(0, 60, 10)).rstrip(),
    ]


QUARTER = 15
"""Minutes of a column of the picture: 96 in a day."""


@click.command("stagger")
@click.option(
    "--window", metavar="HOURS", help="Hours into which a task of one hour may be moved: 1-5, 22-4, 2,3."
)
@click.option("--apply", "applies", is_flag=True, help="Give the tasks these schedules, after asking.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@source_options
@format_options
@config_option
def show_stagger(
    window: str | None, applies: bool, yes: bool, asked: Asked, output_format: str | None
) -> None:
    """Find quieter minutes for tasks that start at the same time.

    Lengths come from the runs (their p95), schedules from the site, or, of a file of its own, from when its
    tasks were seen to start. A task keeps its period and its days; its hour, too, unless a window is given.
    What the configuration decides is left alone.
    """
    opened = open_source(asked)
    if opened.site is None and applies:
        raise click.UsageError("--apply needs the site whose tasks are moved: --from log or --from files")
    plan = planned(opened, window=_hours(window))
    if is_for_programs(output_format):
        moves = [PlannedMove(move, plan) for move in plan.moves]
        show_listing(moves, MOVES, opened.context, output_format=output_format, empty="")
    else:
        _show(plan)
    asks = opened.site is not None and applies and bool(plan.moves)
    if opened.site and asks and (yes or click.confirm(f"Move {len(plan.moves)} tasks?", err=True)):
        _apply(opened.site, plan)


def _hours(text: str | None) -> tuple[int, ...]:
    """Return the hours of a window; 22-4 goes over midnight."""
    hours: list[int] = []
    for part in (text or "").split(",") if text else []:
        first, _, last = part.partition("-")
        try:
            begin, end = int(first), int(last or first)
        except ValueError:
            begin = end = -1
        if not (0 <= begin <= 23 and 0 <= end <= 23):
            raise click.BadParameter(f"{part!r} is not a window of hours; write 1-5, 22-4 or 2,3")
        hours += [hour % 24 for hour in range(begin, end + 1 if end >= begin else end + 25)]
    return tuple(dict.fromkeys(hours))


def _show(plan: Plan) -> None:
    if not plan.moves:
        say(
            "No other minute would be better for any task; "
            f"at most {plan.peak_before:.2f} tasks run at once.",
            err=True,
        )
        return
    for move in plan.moves:
        say(f"{command_of(move)}  # was {move.before.expression}, takes {length(move.before.seconds)}")
    say(f"# peak before: {plan.peak_before:.2f} tasks at once, after: {plan.peak_after:.2f}")
    say(f"# before |{_day(plan.load_before, plan)}|")
    say(f"# after  |{_day(plan.load_after, plan)}|")
    say("#         " + "".join(f"{hour:02}      " for hour in range(0, 24, 2)).rstrip())


def _day(load: list[float], plan: Plan) -> str:
    """Return the busiest minute of each quarter of an hour, both days in one scale."""
    peaks = [max(load[start : start + QUARTER]) for start in range(0, len(load), QUARTER)]
    return profile([*peaks, max(plan.peak_before, plan.peak_after)])[:-1]


def _apply(site: Site, plan: Plan) -> None:
    from taskrunner.administration.tasks import schedule
    from taskrunner.cli.tasks import show_change

    for move in plan.moves:
        now = time.time()
        change = schedule(site, move.after.name, move.after.expression, who=administrator(), now=now)
        show_change(site, change, now=now)


@click.group(cls=Suggesting)
def report() -> None:
    """Read log files, count what they tell, and draw it.

    `report import` reads log files, ours and Moodle's. The other commands report on them (--from files), on
    taskrunner's own log (--from log, the default), or on a file made by `report import --sqlite FILE`
    (--from FILE).
    """


for command in (
    report_files.import_logs,
    show_failures,
    show_thresholds,
    show_crashes,
    show_durations,
    show_gaps,
    show_overlaps,
    show_heatmap,
    show_stagger,
    report_files.write_html,
):
    report.add_command(command)
