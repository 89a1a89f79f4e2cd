"""taskrun stats: how tasks do."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from taskrunner.cli.options import TASK, config_option, context_of, opened_site, parse_moment, zone_of
from taskrunner.cli.render import format_options, say, show_listing
from taskrunner.formatting import long_moment
from taskrunner.views.formats import harmless

if TYPE_CHECKING:
    from datetime import tzinfo

    from taskrunner.report.durations import TaskSummary


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
