"""The sections of the page about the time that cron takes, and the times in which it was silent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskrunner.formatting import length
from taskrunner.report import charts
from taskrunner.report.failures import kind_text
from taskrunner.report.load import WEEKDAYS
from taskrunner.report.markup import (
    NUMBER,
    PICTURE,
    WIDE,
    Markup,
    Times,
    count,
    cut,
    element,
    folded,
    in_text,
    joined,
    percent,
    section,
    table,
    task,
    trimmed,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import tzinfo

    from taskrunner.report.durations import TaskDurations
    from taskrunner.report.load import Gap, Heatmap, HotCell, Overlaps, Silences
    from taskrunner.report.stagger import Plan
    from taskrunner.store.imports import TaskRun

LISTED_DURATIONS = 20
LISTED_CRASHES = 25
LISTED_GAPS = 40
LISTED_PAIRS = 25
LISTED_MOVES = 60
COLUMNS = 180
LEVELS = (0.02, 0.1, 0.25, 0.5, 0.8)
"""Shares of the busiest cell from which on a cell gets darker."""


def durations(rows: list[TaskDurations]) -> Markup:
    """Return how long tasks take, as a bar and in numbers."""
    finished = [row for row in rows if row.p50 is not None]
    if not finished:
        return section("Durations", element("p", "No run finished."))
    longest = max(row.longest or 0.0 for row in finished)
    columns = (
        ("Task", ""),
        ("Spread", PICTURE),
        ("p50", NUMBER),
        ("p95", NUMBER),
        ("p99", NUMBER),
        ("Longest", NUMBER),
        ("Total", NUMBER),
        ("Share", NUMBER),
        ("Unknown end", NUMBER),
    )
    cells = [
        (
            task(row.name),
            charts.spread(row.p50 or 0.0, row.p95 or 0.0, row.longest or 0.0, longest)
            if row.p50 is not None
            else "",
            *(lasting(value) for value in (row.p50, row.p95, row.p99, row.longest, row.total)),
            percent(row.share),
            f"{row.crashed:,}, ≥ {lasting(row.crashed_after)}" if row.crashed_after is not None else "",
        )
        for row in rows
    ]
    caption = (
        f"Bars go from p50 to p95, thin lines to the longest, from 1 ms to {lasting(longest)}, logarithmic;"
        " shares are of all of cron's time. Runs whose end nobody saw are counted only."
    )
    return section(
        "Durations",
        table(caption, columns, cells[:LISTED_DURATIONS]),
        folded(f"{count(len(rows) - LISTED_DURATIONS, 'task')} more", columns, cells[LISTED_DURATIONS:]),
    )


def lasting(seconds: float | None) -> str:
    """Return a length of time as short as it can be said.

    >>> [lasting(seconds) for seconds in (None, 0.0, 0.0001, 0.018, 3.0, 90.0)]
    ['–', '0 s', '< 1 ms', '18 ms', '3 s', '90 s']
    """
    if seconds is None:
        return "–"
    if seconds and seconds < 0.001:
        return "< 1 ms"
    return f"{1000 * seconds:.0f} ms" if 0 < seconds < 0.9995 else length(seconds)


def crashes(rows: list[TaskRun], times: Times) -> Markup:
    """Return the tasks whose process died in them, with the last lines of the newest of each kind."""
    if not rows:
        return section("Crashes", element("p", "No run crashed."))
    groups: dict[tuple[str, str], list[TaskRun]] = {}
    for run in rows:
        groups.setdefault((run.name, kind_text(run)), []).append(run)
    ordered = sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))
    summary = (
        f"{count(len(rows), 'run')} of {count(len({name for name, _ in groups}), 'task')} died in the middle."
    )
    more = (
        element("p", f"The {LISTED_CRASHES} kinds that came most often.")
        if len(ordered) > LISTED_CRASHES
        else ""
    )
    columns = (("Task", ""), ("How", ""), ("Times", NUMBER), ("Last", ""), ("last lines", WIDE))
    cells = [
        (task(name), kind, len(runs), _last_crash(runs[-1], times), _last_lines(runs[-1]))
        for (name, kind), runs in ordered[:LISTED_CRASHES]
    ]
    return section("Crashes", element("p", summary), more, table("Crashes by task and kind", columns, cells))


def _last_crash(run: TaskRun, times: Times) -> Markup:
    exactly = "lived" if run.end_known else "lived at least"
    return joined(times.short(run.started_at), element("small", f"{exactly} {length(run.duration)}"))


def _last_lines(run: TaskRun) -> Markup:
    place = f"{run.path}:{run.line}" if run.line else run.path
    words = element("pre", cut(trimmed(run.last_lines), 600)) if run.last_lines else Markup()
    return joined(words, element("small", place, class_="path"))


def gaps(silences: Silences, times: Times, *, since: float | None, until: float | None) -> Markup:
    """Return when cron was silent."""
    if silences.unknown:
        return section("Silence", element("p", f"Not known: {silences.unknown}."))
    every = "" if silences.usual is None else f" It usually starts every {length(silences.usual)}."
    if not silences.gaps:
        return section("Silence", element("p", f"Cron was never silent for long.{every}"))
    longest = sorted(silences.gaps, key=lambda gap: -gap.duration)[:LISTED_GAPS]
    rows = [
        (
            times.short(gap.began_at),
            "now" if gap.ended_at is None else times.short(gap.ended_at),
            length(gap.duration),
            gap.hostname or "–",
            cut(gap.last_line, 160),
        )
        for gap in sorted(longest, key=lambda gap: gap.began_at)
    ]
    columns = (("From", ""), ("To", ""), ("Silent for", NUMBER), ("Host", ""), ("Last line before", WIDE))
    number = len(silences.gaps)
    summary = f"{count(number, 'time')}, {length(sum(gap.duration for gap in silences.gaps))} in all.{every}"
    more = f" The {LISTED_GAPS} longest are listed." if number > LISTED_GAPS else ""
    return section(
        "Silence",
        element("p", summary + more),
        _silent_times(silences.gaps, since, until, times),
        table("When cron was silent", columns, rows),
    )


def _silent_times(found: list[Gap], since: float | None, until: float | None, times: Times) -> Markup:
    if since is None or until is None or until <= since:
        return Markup()
    span = until - since
    columns = {
        column
        for gap in found
        for column in range(
            max(0, int(COLUMNS * (gap.began_at - since) / span)),
            min(COLUMNS, int(COLUMNS * ((gap.ended_at or until) - since) / span) + 1),
        )
    }
    line = charts.time_line({"warn-ink": sorted(columns)}, COLUMNS, f"cron was silent {len(found)} times")
    ends = element("div", *(element("span", times.short(at)) for at in (since, until)), class_="axis")
    return element("figure", line, ends)


def overlaps(found: Overlaps, times: Times) -> Markup:
    """Return what ran at the same time."""
    if found.most < 2:
        return section("Overlaps", element("p", "No two tasks ran at the same time."))
    names = _listed(list(map(in_text, found.most_names[:12])))
    others = len(found.most_names) - 12
    most = element(
        "p",
        f"At most {found.most} tasks at once, on {times.short(found.most_at)}: ",
        names,
        f" and {others} others." if others > 0 else ".",
    )
    pairs = [
        (
            task(pair.first),
            task(pair.second) if pair.second != pair.first else "itself",
            pair.times,
            length(pair.seconds),
        )
        for pair in found.pairs[:LISTED_PAIRS]
    ]
    columns = (("Task", ""), ("Together with", ""), ("Times", NUMBER), ("Together for", NUMBER))
    over = [
        element(
            "li",
            task(row.name),
            f": {row.times:,} of {row.runs:,} runs were longer than its interval, {length(row.interval)}",
        )
        for row in found.overruns
    ]
    return section(
        "Overlaps",
        most,
        table("Tasks that ran together", columns, pairs),
        element("ul", *over) if over else Markup(),
    )


def load(found: Heatmap, zone: tzinfo) -> Markup:
    """Return when cron is busy: the share of each cell in which a task ran."""
    if not found.days:
        return section("Load", element("p", "Nothing ran."))
    hours = [f"{hour:02}" for hour in range(24)]
    day = [[busy / (300 * found.days) for busy in row] for row in found.by_day]
    turned = list(zip(*found.by_week, strict=True))
    week = [[busy / (3600 * max(1, found.weekdays[at])) for at, busy in enumerate(row)] for row in turned]
    minutes = [f":{minute:02}" for minute in range(0, 60, 5)]
    top = max(range(60), key=lambda minute: found.starts[minute])
    marks = element(
        "div", *(element("span", f":{minute:02}") for minute in (0, 15, 30, 45, 59)), class_="axis"
    )
    starts = element(
        "figure",
        element(
            "figcaption",
            f"Starts by minute of the hour: {found.starts[top]:,} of {sum(found.starts):,} at :{top:02}",
        ),
        charts.bars(found.starts, f"starts by minute of the hour, most at minute {top}"),
        marks,
    )
    unknown = f" {count(found.unknown, 'run')} with an unknown end not counted." if found.unknown else ""
    summary = f"How much of each time a task was at work, in percent, by the clock of {zone}.{unknown}"
    return section(
        "Load",
        element("p", summary),
        element(
            "div",
            _map("Each hour, by five minutes", hours, minutes, day),
            _map("Each hour, by weekday", hours, WEEKDAYS, week),
            class_="maps",
        ),
        starts,
        _hottest(found.hottest),
    )


def _map(
    caption: str, rows: Sequence[str], columns: Sequence[str], shares: Sequence[Sequence[float]]
) -> Markup:
    """Return a table whose cells are the darker the busier they are, and its key."""
    bounds = [_rounded(share * max(map(max, shares))) for share in LEVELS]
    digits = 0 if bounds[-1] >= 0.05 else 1 if bounds[-1] >= 0.005 else 2
    head = element("tr", element("td", ""), *(element("th", column, scope="col") for column in columns))
    body = [
        element("tr", element("th", name, scope="row"), *(_map_cell(share, bounds, digits) for share in row))
        for name, row in zip(rows, shares, strict=True)
    ]
    key = [element("span", f"≥ {100 * bound:g} %", class_=f"l{at}") for at, bound in enumerate(bounds, 1)]
    parts = element("caption", caption), element("thead", head), element("tbody", *body)
    return element("div", element("table", *parts, class_="map"), element("p", *key, class_="map key"))


def _rounded(share: float) -> float:
    return float(f"{share:.1g}")


def _map_cell(share: float, bounds: Sequence[float], digits: int) -> Markup:
    level = sum(share >= bound for bound in bounds) if share > 0 else 0
    return element("td", f"{100 * share:.{digits}f}", class_=f"l{level}") if level else Markup("<td></td>")


def _listed(parts: Sequence[Markup]) -> Markup:
    return joined(*[piece for part in parts for piece in (part, ", ")][:-1])


def _hottest(cells: list[HotCell]) -> Markup:
    rows = [
        (
            f"{hot.hour:02}:{hot.minute:02}",
            length(hot.seconds),
            _listed([joined(in_text(name), f" {length(seconds)}") for name, seconds in hot.tasks]),
        )
        for hot in cells
    ]
    return table(
        "The busiest five minutes", (("Time", ""), ("Busy", NUMBER), ("Tasks behind it", WIDE)), rows
    )


def staggering(found: Plan) -> Markup:
    """Return which tasks would be better off at another minute."""
    if not found.moves:
        return section("Staggering", element("p", "Moving tasks would not lower the peak."))
    summary = f"peak before {found.peak_before:.2f} tasks at once, after {found.peak_after:.2f}"
    marks = element("div", *(element("span", f"{hour:02}:00") for hour in (0, 6, 12, 18, 24)), class_="axis")
    figure = element(
        "figure",
        element("figcaption", "Tasks at once over a day: light as it is, dark with the tasks moved"),
        charts.days(found.load_before, found.load_after, summary),
        marks,
    )
    rows = [
        (task(move.after.name), move.before.expression, move.after.expression, length(move.after.seconds))
        for move in found.moves[:LISTED_MOVES]
    ]
    columns = (("Task", ""), ("Schedule", ""), ("Better", ""), ("p95", NUMBER))
    return section(
        "Staggering",
        element("p", f"{summary[0].upper()}{summary[1:]}."),
        figure,
        table("Tasks to move", columns, rows),
    )
