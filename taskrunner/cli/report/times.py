"""taskrun report durations, gaps, overlaps: how long, how silent, how many at once."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, replace

import click

from taskrunner.cli.render import Column, Record, Table, as_moment, format_options, say
from taskrunner.cli.render import show as show_records
from taskrunner.cli.report.source import Asked, Opened, open_source, source_options
from taskrunner.cli.report.words import NOTHING, moment_text, percent
from taskrunner.cli.site import config_option
from taskrunner.cli.times import length
from taskrunner.report.blocks import bar, profile
from taskrunner.report.durations import TaskDurations, durations
from taskrunner.report.gaps import Gap, gaps, signs_of
from taskrunner.report.overlaps import Overlaps, overlaps

DURATIONS = Table(
    keys=("name", "runs", "p50", "p95", "p99", "longest", "total", "share", "crashed", "crashed_after"),
    columns=(),
)
GAPS = Table(
    keys=("began_at", "ended_at", "duration", "last_line"),
    columns=(
        Column("_from", "From"),
        Column("_to", "To"),
        Column("_silent", "Silent for"),
        Column("last_line", "Last line before", wraps=True),
    ),
)
OVERLAPS = Table(
    keys=("kind", "first", "second", "times", "seconds", "runs", "interval", "at"),
    columns=(
        Column("_what", "What"),
        Column("first", "Task", wraps=True),
        Column("second", "And", wraps=True),
        Column("_times", "Times"),
        Column("_together", "Together for"),
    ),
)

SHOWN_PAIRS = 30
SHOWN_NAMES = 4


@click.command("durations")
@source_options
@format_options
@config_option
def show_durations(asked: Asked, output_format: str | None) -> None:
    """Show how long tasks take, and whose time cron's time is.

    Of crashed runs it is known only how long they lived at least.
    """
    rows = durations(open_source(asked).source.tasks())
    if output_format or not rows:
        show_records([_durations(row) for row in rows], DURATIONS, output_format=output_format, empty=NOTHING)
        return
    for row in rows:
        say("\n".join(_duration_lines(row)))
    say("Bars: share of all cron time. |…|: runs under 0.1 s, 1 s, 10 s, 1 min, 5 min, 30 min, 2 h, over")


def _durations(row: TaskDurations) -> Record:
    return asdict(row) | {"total": round(row.total, 6), "share": round(row.share, 6)}


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

    Longer than 5 minutes, and than 3 times its usual interval.
    """
    opened = open_source(asked)
    found, usual = gaps(signs_of(opened.source.runs(), opened.source.tasks()))
    every = "" if usual is None else f"; it is seen every {length(usual)}"
    empty = f"cron was never silent for long{every}"
    records = [_gap(gap, opened) for gap in found]
    show_records(records, GAPS, output_format=output_format, empty=empty)


def _gap(gap: Gap, opened: Opened) -> Record:
    return {
        "began_at": as_moment(gap.began_at),
        "ended_at": as_moment(gap.ended_at),
        "duration": round(gap.duration, 3),
        "last_line": gap.last_line,
        "_from": moment_text(gap.began_at, opened),
        "_to": moment_text(gap.ended_at, opened),
        "_silent": length(gap.duration),
    }


@click.command("overlaps")
@source_options
@format_options
@config_option
def show_overlaps(asked: Asked, output_format: str | None) -> None:
    """Show which tasks ran at the same time.

    And which ran into themselves, or into their next slot.
    """
    opened = open_source(asked)
    found = overlaps(opened.source.tasks())
    records = overlap_records(found, opened)
    if output_format is None and len(found.pairs) > SHOWN_PAIRS:
        records = overlap_records(replace(found, pairs=found.pairs[:SHOWN_PAIRS]), opened)
        say(f"the first {SHOWN_PAIRS} of {len(found.pairs)} pairs; --csv has all", err=True)
    show_records(records, OVERLAPS, output_format=output_format, empty="no two tasks ran at the same time")


def _named(names: tuple[str, ...]) -> str:
    counts = Counter(names)
    texts = [name if count == 1 else f"{count} × {name}" for name, count in counts.items()]
    more = f" and {len(texts) - SHOWN_NAMES} more" if len(texts) > SHOWN_NAMES else ""
    return ", ".join(texts[:SHOWN_NAMES]) + more


def overlap_records(found: Overlaps, opened: Opened) -> list[Record]:
    """Return the most at once, the pairs, and the tasks that overrun their interval."""
    records = [
        _overlap("itself" if pair.first == pair.second else "pair", pair.first, pair.second)
        | {"times": pair.times, "seconds": round(pair.seconds, 3), "_times": str(pair.times)}
        | {"_together": length(pair.seconds)}
        for pair in found.pairs
    ]
    for over in found.overruns:
        what = f"{over.times} of {over.runs} runs"
        records.append(
            _overlap("schedule", over.name, "")
            | {"times": over.times, "runs": over.runs, "interval": over.interval, "_times": what}
            | {"_what": f"longer than its interval, {length(over.interval)}"}
        )
    if found.most > 1 and found.most_at is not None:
        most = _overlap("most", _named(found.most_names), "") | {"times": found.most}
        at = moment_text(found.most_at, opened)
        most |= {"at": as_moment(found.most_at), "_what": f"most at once, {at}", "_times": str(found.most)}
        records.insert(0, most)
    return records


def _overlap(kind: str, first: str, second: str) -> Record:
    what = {"pair": "two tasks", "itself": "a task and itself"}.get(kind, kind)
    empty: Record = {"times": 0, "seconds": None, "runs": None, "interval": None, "at": None}
    shown: Record = {"_what": what, "_times": "", "_together": ""}
    return {"kind": kind, "first": first, "second": second} | empty | shown
