"""Everything that is known on one page that needs nothing else: no script, no font, no request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from taskrunner.report import markup as pieces
from taskrunner.report import svg
from taskrunner.report.failures import kind_text
from taskrunner.report.load import WEEKDAYS
from taskrunner.report.markup import STYLE, Markup, element, joined
from taskrunner.report.threshold import in_words

if TYPE_CHECKING:
    from datetime import tzinfo

    from taskrunner.records import TaskRun
    from taskrunner.report.durations import TaskDurations
    from taskrunner.report.failures import TaskFailures
    from taskrunner.report.gaps import Gap
    from taskrunner.report.load import Heatmap, Overlaps
    from taskrunner.report.stagger import Plan
    from taskrunner.report.threshold import TaskThreshold

DRAWN = 20
"""Tasks in a figure; the table below it has all of them."""

LISTED_CRASHES = 50
LISTED_GAPS = 100
LISTED_PAIRS = 50


def failures(rows: list[TaskFailures], times: pieces.Times) -> Markup:
    """Return which tasks fail, and how."""
    failing = [row for row in rows if row.runs > row.ok]
    if not failing:
        return pieces.section("Failures", element("p", "No task failed."))
    drawn = [
        (row.name, row.rate_low, row.rate, row.rate_high, f"{row.runs - row.ok} of {row.runs}")
        for row in failing[:DRAWN]
    ]
    picture, height = svg.intervals(drawn)
    told = "; ".join(f"{name}: {share:.0%}" for name, _, share, _, _ in drawn)
    caption = "Share of runs that failed: a dot, with its 95 % interval (Wilson) as a line"
    table = pieces.table(
        "How tasks fail",
        (
            "Task",
            "Runs",
            "Failed",
            "Crashed",
            "Rate",
            "Last 7 d",
            "28 d before",
            "Verdict",
            "Because",
            "Last failure",
        ),
        [
            (
                row.name,
                row.runs,
                row.failed,
                row.crashed,
                f"{row.rate:.1%}",
                pieces.share(row.recent_rate),
                pieces.share(row.former_rate),
                row.verdict,
                row.reason,
                joined(times.long(row.last_failure_at), element("br"), pieces.cut(row.last_message)),
            )
            for row in failing
        ],
    )
    healthy = len(rows) - len(failing)
    rest = element("p", f"{pieces.count(healthy, 'other task')} never failed.") if healthy else Markup()
    return pieces.section("Failures", svg.figure("rates", caption, told, height, picture), table, rest)


def thresholds(rows: list[TaskThreshold]) -> Markup:
    """Return which tasks fail over some length."""
    found = [row for row in rows if row.threshold is not None or row.hard_limit is not None]
    lines = [element("li", in_words(row)) for row in found]
    told = element("ul", *lines) if lines else element("p", "No task is seen to fail over some length.")
    return pieces.section("Limits", told)


def durations(rows: list[TaskDurations]) -> Markup:
    """Return how long tasks take."""
    finished = [row for row in rows if row.p50 is not None][:DRAWN]
    if not finished:
        return pieces.section("Durations", element("p", "No run finished."))
    drawn = [
        (row.name, row.p50 or 0.0, row.p95 or 0.0, row.longest or 0.0, f"{row.share:.1%} of all time")
        for row in finished
    ]
    picture, height = svg.spans(drawn)
    told = "; ".join(
        f"{name}: half under {p50:.3g} s, 95 % under {p95:.3g} s" for name, p50, p95, _, _ in drawn
    )
    caption = "How long runs take: a bar from p50 to p95, a line to the longest (logarithmic)"
    table = pieces.table(
        "How long tasks take, in seconds",
        ("Task", "Runs", "p50", "p95", "p99", "Longest", "Total", "Share", "Crashed"),
        [
            (
                row.name,
                row.runs,
                *(pieces.seconds(value) for value in (row.p50, row.p95, row.p99, row.longest, row.total)),
                f"{row.share:.1%}",
                f"{row.crashed}, after ≥ {pieces.seconds(row.crashed_after)}" if row.crashed else "",
            )
            for row in rows
        ],
    )
    return pieces.section("Durations", svg.figure("lengths", caption, told, height, picture), table)


def crashes(rows: list[TaskRun], times: pieces.Times) -> Markup:
    """Return the last runs that crashed, with the end of their output."""
    if not rows:
        return pieces.section("Crashes", element("p", "No run crashed."))
    listed = [
        element(
            "li",
            element("strong", run.name if run.adhoc_id is None else f"{run.name} {run.adhoc_id}"),
            f", {times.long(run.started_at)}: {kind_text(run)},"
            f" lived at least {pieces.seconds(run.duration)} s. ",
            element("span", f"{run.path}:{run.line}" if run.line else run.path, class_="path"),
            element("pre", pieces.trimmed(run.last_lines)) if run.last_lines else Markup(),
        )
        for run in reversed(rows[-LISTED_CRASHES:])
    ]
    more = f"The last {len(listed)} of {len(rows)}." if len(rows) > len(listed) else f"{len(rows)} in all."
    return pieces.section("Crashes", element("p", more), element("ol", *listed))


def gaps(silences: list[Gap], usual: float | None, times: pieces.Times) -> Markup:
    """Return when cron was silent."""
    every = "" if usual is None else f" Cron is seen every {pieces.seconds(usual)} s."
    if not silences:
        return pieces.section("Gaps", element("p", f"Cron was never silent for long.{every}"))
    rows = [
        (times.long(gap.began_at), times.long(gap.ended_at), f"{gap.duration / 60:.0f}", gap.last_line)
        for gap in silences[-LISTED_GAPS:]
    ]
    table = pieces.table("When cron was silent", ("From", "To", "Minutes", "Last line before"), rows)
    return pieces.section("Gaps", element("p", f"{pieces.count(len(silences), 'silence')}.{every}"), table)


def overlaps(found: Overlaps, times: pieces.Times) -> Markup:
    """Return what ran at the same time."""
    if found.most < 2:
        return pieces.section("Overlaps", element("p", "No two tasks ran at the same time."))
    most = (
        f"At most {found.most} tasks at once, at {times.long(found.most_at)}: {', '.join(found.most_names)}."
    )
    pairs = [
        (pair.first, pair.second, pair.times, pieces.seconds(pair.seconds))
        for pair in found.pairs[:LISTED_PAIRS]
    ]
    table = pieces.table("Tasks that ran together", ("Task", "And", "Times", "Seconds"), pairs)
    over = [
        element(
            "li",
            f"{row.name}: {row.times} of {row.runs} runs were longer than its interval, {row.interval:.0f} s",
        )
        for row in found.overruns
    ]
    return pieces.section("Overlaps", element("p", most), table, element("ul", *over) if over else Markup())


def load(found: Heatmap, zone: tzinfo) -> Markup:
    """Return when cron is busy."""
    hours = [f"{hour:02}" for hour in range(24)]
    hottest = "; ".join(
        f"{hot.hour:02}:{hot.minute:02} {pieces.seconds(hot.seconds)} s:"
        f" {', '.join(name for name, _ in hot.tasks)}"
        for hot in found.hottest
    )
    day, day_height = svg.cells(found.by_day, hours, [f":{minute:02}" for minute in range(0, 60, 5)])
    turned = [list(column) for column in zip(*found.by_week, strict=True)]
    week, week_height = svg.cells(turned, hours, WEEKDAYS)
    marks = [(minute, f":{minute:02}") for minute in range(0, 60, 10)]
    starts, starts_height = svg.bars(found.starts, marks=marks)
    top = max(range(60), key=lambda minute: found.starts[minute])
    figures = element(
        "div",
        svg.figure("day", f"Busy seconds by hour and five minutes ({zone})", hottest, day_height, day),
        svg.figure("week", "Busy seconds by hour and weekday", _busiest_hour(found), week_height, week),
        svg.figure("starts", "Starts by minute of the hour", f"most at :{top:02}", starts_height, starts),
        class_="figures",
    )
    cells = pieces.table(
        "The hottest cells",
        ("Time", "Busy seconds", "Tasks behind it"),
        [
            (
                f"{hot.hour:02}:{hot.minute:02}",
                pieces.seconds(hot.seconds),
                ", ".join(f"{name} ({pieces.seconds(seconds)} s)" for name, seconds in hot.tasks),
            )
            for hot in found.hottest
        ],
    )
    return pieces.section("Load", figures, cells)


def _busiest_hour(found: Heatmap) -> str:
    weekday, hour = max(
        ((weekday, hour) for weekday in range(7) for hour in range(24)),
        key=lambda cell: found.by_week[cell[0]][cell[1]],
    )
    return f"busiest: {WEEKDAYS[weekday]} {hour:02}:00"


def staggering(found: Plan) -> Markup:
    """Return which tasks would be better off at another minute."""
    if not found.moves:
        return pieces.section("Staggering", element("p", "No task would be better off at another minute."))
    picture, height = svg.days(found.load_before, found.load_after)
    caption = "Tasks at once over a day: dashed as it is, solid with the tasks moved"
    told = f"peak before {found.peak_before:.2f}, after {found.peak_after:.2f}"
    rows = [
        (
            move.after.name,
            move.before.expression,
            move.after.expression,
            pieces.seconds(move.after.seconds),
        )
        for move in found.moves
    ]
    table = pieces.table("Tasks to move", ("Task", "Schedule", "Better", "Seconds (p95)"), rows)
    return pieces.section(
        "Staggering",
        element("p", f"Peak before: {found.peak_before:.2f} tasks at once; after: {found.peak_after:.2f}."),
        svg.figure("loads", caption, told, height, picture),
        table,
    )


POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


@dataclass(frozen=True, slots=True)
class Findings:
    """What all reports found. `told`: where the runs come from; `plan` None: there is no site to plan for."""

    told: str
    first_at: float | None
    last_at: float | None
    failures: list[TaskFailures]
    durations: list[TaskDurations]
    thresholds: list[TaskThreshold]
    crashes: list[TaskRun]
    gaps: list[Gap]
    usual_interval: float | None
    overlaps: Overlaps
    heatmap: Heatmap
    plan: Plan | None


def page(found: Findings, *, zone: tzinfo, now: float) -> str:
    """Return the page as HTML."""
    times = pieces.Times(zone)
    sections = (
        _summary(found, times),
        failures(found.failures, times),
        thresholds(found.thresholds),
        durations(found.durations),
        crashes(found.crashes, times),
        gaps(found.gaps, found.usual_interval, times),
        overlaps(found.overlaps, times),
        load(found.heatmap, zone),
        *([staggering(found.plan)] if found.plan else []),
    )
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("link", rel="icon", href="data:,"),
        element("title", "Cron report"),
        element("style", Markup(STYLE)),
    )
    title = element("h1", "Cron report")
    made = element("p", f"Made {times.long(now)} from {found.told}.")
    body = element("body", element("header", title, made, _contents(found)), element("main", *sections))
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n"


def _contents(found: Findings) -> Markup:
    names = ["Failures", "Limits", "Durations", "Crashes", "Gaps", "Overlaps", "Load"]
    names += ["Staggering"] if found.plan else []
    links = [element("li", element("a", name, href=f"#{name.lower()}")) for name in names]
    return element("nav", element("ul", *links), aria_label="Contents")


def _summary(found: Findings, times: pieces.Times) -> Markup:
    failed = sum(row.failed + row.crashed for row in found.failures)
    runs = sum(row.runs for row in found.failures)
    bad = [row.name for row in found.failures if row.verdict == "systematic"]
    lines = [
        f"{pieces.count(runs, 'run')} of {pieces.count(len(found.failures), 'task')}, "
        f"from {times.long(found.first_at)} to {times.long(found.last_at)}.",
        f"{failed} failed, {len(found.crashes)} of them crashed.",
        f"Failing systematically: {', '.join(bad)}." if bad else "No task fails systematically.",
    ]
    return element("section", element("h2", "Summary"), *(element("p", line) for line in lines), id="summary")
