"""Everything that is known on one page that needs nothing else: no script, no font, no request."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from taskrunner.report import svg
from taskrunner.report.crashes import kind_text
from taskrunner.report.local_time import WEEKDAYS
from taskrunner.report.markup import Markup, element, joined
from taskrunner.report.style import STYLE
from taskrunner.report.threshold import in_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import tzinfo

    from taskrunner.report.durations import TaskDurations
    from taskrunner.report.failures import TaskFailures
    from taskrunner.report.gaps import Gap
    from taskrunner.report.heatmap import Heatmap
    from taskrunner.report.overlaps import Overlaps
    from taskrunner.report.stagger import Plan
    from taskrunner.report.threshold import TaskThreshold
    from taskrunner.report_records import TaskRun

DRAWN = 20
"""Tasks in a figure; the table below it has all of them."""

SHORT_CELL = 24
LISTED_CRASHES = 50
LISTED_GAPS = 100
LISTED_PAIRS = 50
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
    times = _Times(zone)
    sections = (
        _summary(found, times),
        _failures(found.failures, times),
        _thresholds(found.thresholds),
        _durations(found.durations),
        _crashes(found.crashes, times),
        _gaps(found, times),
        _overlaps(found.overlaps, times),
        _load(found.heatmap, zone),
        *([_plan(found.plan)] if found.plan else []),
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


@dataclass(frozen=True, slots=True)
class _Times:
    zone: tzinfo

    def long(self, epoch: float | None) -> str:
        return "–" if epoch is None else f"{datetime.fromtimestamp(epoch, self.zone):%Y-%m-%d %H:%M:%S %z}"


def _contents(found: Findings) -> Markup:
    names = ["Failures", "Limits", "Durations", "Crashes", "Gaps", "Overlaps", "Load"]
    names += ["Staggering"] if found.plan else []
    links = [element("li", element("a", name, href=f"#{name.lower()}")) for name in names]
    return element("nav", element("ul", *links), aria_label="Contents")


def _summary(found: Findings, times: _Times) -> Markup:
    failed = sum(row.failed + row.crashed for row in found.failures)
    runs = sum(row.runs for row in found.failures)
    bad = [row.name for row in found.failures if row.verdict == "systematic"]
    lines = [
        f"{_count(runs, 'run')} of {_count(len(found.failures), 'task')}, "
        f"from {times.long(found.first_at)} to {times.long(found.last_at)}.",
        f"{failed} failed, {len(found.crashes)} of them crashed.",
        f"Failing systematically: {', '.join(bad)}." if bad else "No task fails systematically.",
    ]
    return element("section", element("h2", "Summary"), *(element("p", line) for line in lines), id="summary")


def _failures(rows: list[TaskFailures], times: _Times) -> Markup:
    failing = [row for row in rows if row.runs > row.ok]
    if not failing:
        return _section("Failures", element("p", "No task failed."))
    drawn = [
        (row.name, row.rate_low, row.rate, row.rate_high, f"{row.runs - row.ok} of {row.runs}")
        for row in failing[:DRAWN]
    ]
    picture, height = svg.intervals(drawn)
    told = "; ".join(f"{name}: {share:.0%}" for name, _, share, _, _ in drawn)
    caption = "Share of runs that failed: a dot, with its 95 % interval (Wilson) as a line"
    table = _table(
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
                _share(row.recent_rate),
                _share(row.former_rate),
                row.verdict,
                row.reason,
                joined(times.long(row.last_failure_at), element("br"), _cut(row.last_message)),
            )
            for row in failing
        ],
    )
    healthy = len(rows) - len(failing)
    rest = element("p", f"{_count(healthy, 'other task')} never failed.") if healthy else Markup()
    return _section("Failures", svg.figure("rates", caption, told, height, picture), table, rest)


def _thresholds(rows: list[TaskThreshold]) -> Markup:
    found = [row for row in rows if row.threshold is not None or row.hard_limit is not None]
    lines = [element("li", in_words(row)) for row in found]
    told = element("ul", *lines) if lines else element("p", "No task is seen to fail over some length.")
    return _section("Limits", told)


def _durations(rows: list[TaskDurations]) -> Markup:
    finished = [row for row in rows if row.p50 is not None][:DRAWN]
    if not finished:
        return _section("Durations", element("p", "No run finished."))
    drawn = [
        (row.name, row.p50 or 0.0, row.p95 or 0.0, row.longest or 0.0, f"{row.share:.1%} of all time")
        for row in finished
    ]
    picture, height = svg.spans(drawn)
    told = "; ".join(
        f"{name}: half under {p50:.3g} s, 95 % under {p95:.3g} s" for name, p50, p95, _, _ in drawn
    )
    caption = "How long runs take: a bar from p50 to p95, a line to the longest (logarithmic)"
    table = _table(
        "How long tasks take, in seconds",
        ("Task", "Runs", "p50", "p95", "p99", "Longest", "Total", "Share", "Crashed"),
        [
            (
                row.name,
                row.runs,
                *(_seconds(value) for value in (row.p50, row.p95, row.p99, row.longest, row.total)),
                f"{row.share:.1%}",
                f"{row.crashed}, after ≥ {_seconds(row.crashed_after)}" if row.crashed else "",
            )
            for row in rows
        ],
    )
    return _section("Durations", svg.figure("lengths", caption, told, height, picture), table)


def _crashes(rows: list[TaskRun], times: _Times) -> Markup:
    if not rows:
        return _section("Crashes", element("p", "No run crashed."))
    listed = [
        element(
            "li",
            element("strong", run.name if run.adhoc_id is None else f"{run.name} {run.adhoc_id}"),
            f", {times.long(run.started_at)}: {kind_text(run)}, lived at least {_seconds(run.duration)} s. ",
            element("span", f"{run.path}:{run.line}" if run.line else run.path, class_="path"),
            element("pre", _trimmed(run.last_lines)) if run.last_lines else Markup(),
        )
        for run in reversed(rows[-LISTED_CRASHES:])
    ]
    more = f"The last {len(listed)} of {len(rows)}." if len(rows) > len(listed) else f"{len(rows)} in all."
    return _section("Crashes", element("p", more), element("ol", *listed))


def _gaps(found: Findings, times: _Times) -> Markup:
    usual = found.usual_interval
    every = "" if usual is None else f" Cron is seen every {_seconds(usual)} s."
    if not found.gaps:
        return _section("Gaps", element("p", f"Cron was never silent for long.{every}"))
    rows = [
        (times.long(gap.began_at), times.long(gap.ended_at), f"{gap.duration / 60:.0f}", gap.last_line)
        for gap in found.gaps[-LISTED_GAPS:]
    ]
    table = _table("When cron was silent", ("From", "To", "Minutes", "Last line before"), rows)
    return _section("Gaps", element("p", f"{_count(len(found.gaps), 'silence')}.{every}"), table)


def _overlaps(found: Overlaps, times: _Times) -> Markup:
    if found.most < 2:
        return _section("Overlaps", element("p", "No two tasks ran at the same time."))
    most = (
        f"At most {found.most} tasks at once, at {times.long(found.most_at)}: {', '.join(found.most_names)}."
    )
    pairs = [
        (pair.first, pair.second, pair.times, _seconds(pair.seconds)) for pair in found.pairs[:LISTED_PAIRS]
    ]
    table = _table("Tasks that ran together", ("Task", "And", "Times", "Seconds"), pairs)
    over = [
        element(
            "li",
            f"{row.name}: {row.times} of {row.runs} runs were longer than its interval, {row.interval:.0f} s",
        )
        for row in found.overruns
    ]
    return _section("Overlaps", element("p", most), table, element("ul", *over) if over else Markup())


def _load(found: Heatmap, zone: tzinfo) -> Markup:
    hours = [f"{hour:02}" for hour in range(24)]
    hottest = "; ".join(
        f"{hot.hour:02}:{hot.minute:02} {_seconds(hot.seconds)} s: {', '.join(name for name, _ in hot.tasks)}"
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
    cells = _table(
        "The hottest cells",
        ("Time", "Busy seconds", "Tasks behind it"),
        [
            (
                f"{hot.hour:02}:{hot.minute:02}",
                _seconds(hot.seconds),
                ", ".join(f"{name} ({_seconds(seconds)} s)" for name, seconds in hot.tasks),
            )
            for hot in found.hottest
        ],
    )
    return _section("Load", figures, cells)


def _busiest_hour(found: Heatmap) -> str:
    weekday, hour = max(
        ((weekday, hour) for weekday in range(7) for hour in range(24)),
        key=lambda cell: found.by_week[cell[0]][cell[1]],
    )
    return f"busiest: {WEEKDAYS[weekday]} {hour:02}:00"


def _plan(plan: Plan) -> Markup:
    if not plan.moves:
        return _section("Staggering", element("p", "No task would be better off at another minute."))
    picture, height = svg.days(plan.load_before, plan.load_after)
    caption = "Tasks at once over a day: dashed as it is, solid with the tasks moved"
    told = f"peak before {plan.peak_before:.2f}, after {plan.peak_after:.2f}"
    rows = [
        (move.after.name, move.before.expression, move.after.expression, _seconds(move.after.seconds))
        for move in plan.moves
    ]
    table = _table("Tasks to move", ("Task", "Schedule", "Better", "Seconds (p95)"), rows)
    return _section(
        "Staggering",
        element("p", f"Peak before: {plan.peak_before:.2f} tasks at once; after: {plan.peak_after:.2f}."),
        svg.figure("loads", caption, told, height, picture),
        table,
    )


def _section(title: str, *content: str) -> Markup:
    return element("section", element("h2", title), *content, id=title.lower())


def _table(caption: str, headings: Sequence[str], rows: Iterable[Sequence[str | int]]) -> Markup:
    head = element("tr", *(element("th", heading, scope="col") for heading in headings))
    body = [
        element(
            "tr",
            element("th", _breakable(str(row[0])), scope="row"),
            *(_cell(cell if isinstance(cell, str) else str(cell)) for cell in row[1:]),
        )
        for row in rows
    ]
    table = element("table", element("caption", caption), element("thead", head), element("tbody", *body))
    return element("section", table, class_="scroll", aria_label=caption, tabindex=0)


def _cell(text: str) -> Markup:
    return element("td", text, class_="text") if len(text) > SHORT_CELL else element("td", text)


def _breakable(name: str) -> Markup:
    """Return a name that may be broken behind its dots and backslashes."""
    parts = name.replace("\\", "\\\n").replace(".", ".\n").split("\n")
    return joined(*(piece for part in parts for piece in (part, element("wbr"))))


def _seconds(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    return f"{seconds:.0f}" if seconds >= 100 else f"{seconds:.3g}"


def _share(rate: float | None) -> str:
    return "–" if rate is None else f"{rate:.1%}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _trimmed(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.splitlines())


def _cut(text: str) -> str:
    return _trimmed(text if len(text) <= 300 else f"{text[:300]}…")
