"""taskrun stats: how tasks do."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from taskrunner.cli.find import logged_name
from taskrunner.cli.options import (
    TASK,
    config_option,
    length,
    long_moment,
    opened_site,
    parse_moment,
    zone_of,
)
from taskrunner.cli.render import (
    BAD,
    Column,
    Record,
    Table,
    as_moment,
    format_options,
    harmless,
    say,
)
from taskrunner.cli.render import (
    show as show_records,
)

if TYPE_CHECKING:
    from datetime import tzinfo

    from taskrunner.report.durations import TaskSummary

TABLE = Table(
    keys=(
        "name",
        "runs",
        "failed",
        "rate",
        "rate_low",
        "rate_high",
        "verdict",
        "reason",
        "p50",
        "p95",
        "longest",
        "week_rate",
        "former_rate",
        "rate_trend",
        "week_p50",
        "former_p50",
        "duration_trend",
        "last_failure_at",
        "last_message",
        "looked_at",
    ),
    columns=(
        Column("name", "Task"),
        Column("runs", "Runs"),
        Column("failed", "Failed"),
        Column("_rate", "Rate"),
        Column("verdict", "Verdict", wraps=True, least=10),
        Column("_p50", "p50"),
        Column("_p95", "p95"),
        Column("_max", "Max"),
        Column("_trend", "Trend", wraps=True, least=5),
    ),
)


@click.command()
@click.argument("name", required=False, type=TASK)
@click.option("--since", metavar="TIME", default="28d", show_default=True, help="Runs from then on.")
@format_options
@config_option
def stats(name: str | None, since: str, output_format: str | None) -> None:
    """Show how often tasks run and fail, and how long they take.

    Whether they fail by chance or by rule; the trend. Runs and failures are counted; verdict and
    durations are those of a task's newest 1,000 runs.
    """
    from taskrunner.report.durations import summary_of

    site = opened_site()
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
        show_records(
            [_record(summary) for summary in found],
            TABLE,
            output_format=output_format,
            empty="no run is kept since then",
        )


def _show_one(summary: TaskSummary, since: float, zone: tzinfo) -> None:
    say(f"{summary.name}: {harmless(f'{summary.verdict}, {summary.reason}')}")
    _line("runs", f"{summary.runs:,} since {long_moment(since, zone)}")
    interval = f"95 % interval {_percent(summary.rate_low)} to {_percent(summary.rate_high)}"
    _line("failed", f"{summary.failed:,}, {_percent(summary.rate)} ({interval})")
    if summary.last_failure_at is not None:
        _line("last failure", f"{long_moment(summary.last_failure_at, zone)}: {summary.last_message}")
    times = (summary.p50, summary.p95, summary.longest)
    _line("takes", ", ".join(f"{word} {_length(value)}" for word, value in zip(_WORDS, times, strict=True)))
    _line("trend", _trend(summary) or "too few runs to tell")
    _line("made from", f"the newest {summary.looked_at:,} runs, but for the counts")


_WORDS = ("p50", "p95", "max")


def _line(label: str, text: str) -> None:
    say(f"  {label:<14} {harmless(text)}")


def _trend(summary: TaskSummary) -> str:
    from taskrunner.report.durations import trend

    parts = []
    if word := trend(summary.former_rate, summary.week_rate):
        parts.append(
            f"failures {word} ({_percent(summary.former_rate or 0)} -> {_percent(summary.week_rate or 0)})"
        )
    if word := trend(summary.former_p50, summary.week_p50):
        parts.append(f"duration {word} ({_length(summary.former_p50)} -> {_length(summary.week_p50)})")
    return ", ".join(parts)


def _record(summary: TaskSummary) -> Record:
    from taskrunner.report.durations import trend

    return {
        "name": summary.name,
        "runs": summary.runs,
        "failed": summary.failed,
        "rate": summary.rate,
        "rate_low": summary.rate_low,
        "rate_high": summary.rate_high,
        "verdict": summary.verdict,
        "reason": summary.reason,
        "p50": summary.p50,
        "p95": summary.p95,
        "longest": summary.longest,
        "week_rate": summary.week_rate,
        "former_rate": summary.former_rate,
        "rate_trend": trend(summary.former_rate, summary.week_rate) or None,
        "week_p50": summary.week_p50,
        "former_p50": summary.former_p50,
        "duration_trend": trend(summary.former_p50, summary.week_p50) or None,
        "last_failure_at": as_moment(summary.last_failure_at),
        "last_message": summary.last_message,
        "looked_at": summary.looked_at,
        "_rate": _percent(summary.rate),
        "_p50": _length(summary.p50),
        "_p95": _length(summary.p95),
        "_max": _length(summary.longest),
        "_trend": trend(summary.former_rate, summary.week_rate) or "?",
        "_style": BAD if summary.verdict == "systematic" else "",
    }


def _length(seconds: float | None) -> str:
    return "?" if seconds is None else length(seconds)


def _percent(rate: float) -> str:
    """Return a rate for people.

    >>> [_percent(rate) for rate in (0, 0.0003, 0.123, 1)]
    ['0 %', '0.03 %', '12 %', '100 %']
    """
    return f"{rate * 100:.2g} %" if rate < 0.995 else "100 %"
