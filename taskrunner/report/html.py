"""Everything that is known on one page that needs nothing else: no script, no font, no request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from taskrunner.formatting import length
from taskrunner.report import charts
from taskrunner.report.markup import (
    NUMBER,
    STYLE,
    WIDE,
    Markup,
    Times,
    count,
    cut,
    element,
    folded,
    joined,
    percent,
    section,
    short_name,
    table,
    task,
)
from taskrunner.report.page_load import crashes, durations, gaps, load, overlaps, staggering
from taskrunner.report.statistics import in_words

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import tzinfo

    from taskrunner.report.durations import TaskDurations
    from taskrunner.report.failures import History, TaskFailures
    from taskrunner.report.load import Heatmap, Overlaps, Silences
    from taskrunner.report.stagger import Plan
    from taskrunner.report.statistics import TaskThreshold
    from taskrunner.store.imports import TaskRun

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
DAY = 86_400.0
PERIODS = (28, 7, 1)
"""Days that are compared with as many before, the longest of which both are known."""

LAST_RUNS = 20
COLUMNS = 180
"""Columns of a time line."""

DRAWN = 30
"""Tasks in the time line of failures; the table has all."""

BADGES = {
    "systematic": ("bad", "✕"),
    "recurring": ("warn", "↻"),
    "intermittent": ("warn", "≈"),
    "isolated": ("", "·"),
    "recovered": ("ok", "✓"),
    "never failed": ("ok", "✓"),
    "too few runs": ("", "?"),
}
"""Verdict -> how it is coloured, and a sign for those who see no colour."""


@dataclass(frozen=True, slots=True)
class Totals:
    """How many runs there were in a time, how many failed, and how many of these crashed."""

    runs: int
    failed: int
    crashed: int

    @property
    def rate(self) -> float:
        """The share that failed."""
        return self.failed / self.runs if self.runs else 0.0


@dataclass(frozen=True, slots=True)
class Findings:
    """What all reports found.

    `origin` says where the runs come from, `before` what there was in as long a time before, None if that is
    not known, and `plan` which tasks to move, None if there is nothing to plan for.
    """

    origin: str
    first_at: float | None
    last_at: float | None
    histories: Mapping[str, History]
    failures: list[TaskFailures]
    durations: list[TaskDurations]
    thresholds: list[TaskThreshold]
    crashes: list[TaskRun]
    silences: Silences
    overlaps: Overlaps
    heatmap: Heatmap
    plan: Plan | None
    before: Totals | None = None


def totals(histories: Mapping[str, History], since: float, until: float) -> Totals:
    """Return how the runs ended that started in a time."""
    runs = failed = crashed = 0
    for history in histories.values():
        chosen = [at for at, moment in enumerate(history.starts) if since <= moment < until]
        runs += len(chosen)
        failed += sum(history.outcomes[at] for at in chosen)
        crashed += sum(history.crashes[at] for at in chosen)
    return Totals(runs, failed, crashed)


def page(found: Findings, *, zone: tzinfo, now: float, made_by: str = "taskrunner") -> str:
    """Return the page as HTML; `made_by` is the program and its version."""
    times = Times(zone)
    sections = [
        _tiles(found, times),
        _time_lines(found, times),
        _tasks(found, times),
        _limits(found.thresholds),
        durations(found.durations),
        crashes(found.crashes, times),
        gaps(found.silences, times, since=found.first_at, until=found.last_at),
        overlaps(found.overlaps, times),
        load(found.heatmap, zone),
        *([staggering(found.plan)] if found.plan else []),
    ]
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("link", rel="icon", href="data:,"),
        element("title", _title(found, times)),
        element("style", Markup(STYLE)),
    )
    made = element("p", f"{made_by}. Made {times.long(now)} from {found.origin}.", class_="soft")
    body = element(
        "body",
        element("header", _heading(found, times), _contents(found)),
        element("main", *sections),
        element("footer", made, element("p", f"Times are those of {zone}.", class_="soft")),
    )
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n"


def _title(found: Findings, times: Times) -> str:
    if found.first_at is None or found.last_at is None:
        return "Cron report"
    first, last = times.short(found.first_at)[:10], times.short(found.last_at)[:10]
    return f"Cron report: {first}" + (f" to {last}" if last != first else "")


def _heading(found: Findings, times: Times) -> Markup:
    days = ((found.last_at or 0) - (found.first_at or 0)) / DAY
    runs = sum(row.runs for row in found.failures)
    period = f"{days:.0f} days" if days >= 1.5 else f"{days * 24:.0f} hours"
    summary = f"{period}, {count(len(found.failures), 'task')}, {count(runs, 'run')}."
    bad = [short_name(row.name) for row in found.failures if row.verdict == "systematic"]
    many = f"{', '.join(bad[:5])}{' and others' if len(bad) > 5 else ''}"
    verb = "fails" if len(bad) == 1 else "fail"
    verdict = f"{many} {verb} systematically." if bad else "No task fails systematically."
    return joined(
        element("h1", _title(found, times)),
        element("p", summary, class_="soft"),
        element("p", element("strong", verdict)),
    )


def _contents(found: Findings) -> Markup:
    names = ["When tasks failed", "Tasks", "Limits", "Durations", "Crashes", "Silence", "Overlaps", "Load"]
    names += ["Staggering"] if found.plan else []
    links = [element("li", element("a", name, href=f"#{name.lower().replace(' ', '-')}")) for name in names]
    return element("nav", element("ul", *links), aria_label="Contents")


def _tiles(found: Findings, times: Times) -> Markup:
    """Return the figures that one asks for first, each against the time before."""
    whole = totals(found.histories, -1e15, 1e15)
    now, before, when = _compared(found, whole)
    crashed = sum(1 for row in found.failures if row.crashed)
    is_worse = before is not None and now.rate > 1.25 * before.rate and now.failed > 2
    is_worse = is_worse or any(row.verdict == "systematic" for row in found.failures)
    tiles = [
        _tile("Runs", f"{whole.runs:,}", _change(f"{before.runs:,}", when) if before else ""),
        _tile(
            "Failed",
            percent(whole.rate),
            _against(now.rate, before.rate, when) if before else f"{whole.failed:,} runs",
            alert=is_worse,
        ),
        _tile(
            "Crashed",
            f"{whole.crashed:,}",
            count(crashed, "task") + (f"; {before.crashed:,} {when}" if before else ""),
        ),
        _silence_tile(found.silences, times),
        _busiest_tile(found, times),
    ]
    return element(
        "section", element("h2", "At a glance"), element("div", *tiles, class_="tiles"), id="at-a-glance"
    )


def _compared(found: Findings, whole: Totals) -> tuple[Totals, Totals | None, str]:
    """Return the totals to compare, of a time and of as long a one before it, and how to say that."""
    if found.before is not None:
        return whole, found.before, "in the period before"
    first, last = found.first_at or 0.0, found.last_at or 0.0
    for days in PERIODS:
        if last - first >= 1.9 * days * DAY:
            end, start, begin = last + 1, last - days * DAY, last - 2 * days * DAY
            name = f"{days} days" if days > 1 else "day"
            recent, former = totals(found.histories, start, end), totals(found.histories, begin, start)
            return recent, former, f"in the {name} before"
    return whole, None, ""


def _change(before: str, when: str) -> str:
    return f"{before} {when}"


def _against(now: float, before: float, when: str) -> str:
    if percent(now) == percent(before):
        return f"lately as {when}"
    return f"{percent(now)} lately, {'up' if now > before else 'down'} from {percent(before)} {when}"


def _tile(name: str, value: str, note: str, *, alert: bool = False) -> Markup:
    return element(
        "div",
        element("span", name, class_="soft"),
        element("b", value),
        element("span", note or " "),
        class_="tile alert" if alert else "tile",
    )


def _silence_tile(silences: Silences, times: Times) -> Markup:
    if silences.unknown:
        return _tile("Longest silence", "–", "these files do not tell")
    longest = max(silences.gaps, key=lambda gap: gap.duration, default=None)
    if longest is None:
        return _tile("Longest silence", "none", "cron never stopped")
    return _tile("Longest silence", length(longest.duration), f"from {times.short(longest.began_at)}")


def _busiest_tile(found: Findings, times: Times) -> Markup:
    most = found.overlaps
    if most.most > 1 and most.most_at is not None:
        return _tile(
            "Busiest minute",
            times.clock(most.most_at),
            f"{most.most} tasks at once, {times.day(most.most_at)}",
        )
    if not any(found.heatmap.starts):
        return _tile("Busiest minute", "–", "nothing ran")
    top = max(range(60), key=lambda minute: found.heatmap.starts[minute])
    return _tile(
        "Busiest minute", f":{top:02}", f"{count(found.heatmap.starts[top], 'start')}, one at a time"
    )


def _time_lines(found: Findings, times: Times) -> Markup:
    """Return when each task failed, as strips of time."""
    failing = [row for row in found.failures if row.runs > row.ok]
    if not failing or found.first_at is None or found.last_at is None:
        return section("When tasks failed", element("p", "No task failed."))
    first, span = found.first_at, max(60.0, found.last_at - found.first_at)
    lines = [
        part
        for row in failing[:DRAWN]
        for part in _time_line(row, found.histories[row.name], first, span, times)
    ]
    marks = [element("span", mark) for mark in _marks(first, span, times)]
    more = f" The {DRAWN} that fail most of {len(failing)}." if len(failing) > DRAWN else ""
    caption = element(
        "figcaption",
        "A bar: failed. A higher one, in the colour of words: crashed. From ",
        f"{times.short(first)} to {times.short(first + span)}.{more}",
    )
    axis = [
        element("span", ""),
        element("div", *marks, class_="axis", aria_hidden="true"),
        element("span", ""),
    ]
    return section(
        "When tasks failed", element("figure", element("div", *lines, *axis, class_="lines"), caption)
    )


def _time_line(row: TaskFailures, history: History, first: float, span: float, times: Times) -> list[Markup]:
    failed = [at for at, outcome in enumerate(history.outcomes) if outcome]
    column = {at: min(COLUMNS - 1, int(COLUMNS * (history.starts[at] - first) / span)) for at in failed}
    crashed = sorted({column[at] for at in failed if history.crashes[at]})
    others = sorted({column[at] for at in failed if not history.crashes[at]} - set(crashed))
    days = sorted({times.day(history.starts[at]): None for at in failed[:500]})
    summary = f"{short_name(row.name)} failed on {', '.join(days[:8])}{' …' if len(days) > 8 else ''}"
    picture = charts.time_line({"bad-ink": others, "dark-ink": crashed}, COLUMNS, summary)
    return [
        task(row.name),
        picture,
        element("span", f"{row.runs - row.ok:,} of {row.runs:,}", class_="n soft"),
    ]


def _marks(first: float, span: float, times: Times) -> list[str]:
    moments = [first + span * part / 4 for part in range(5)]
    if span > 3 * DAY:
        return [times.day(moment) for moment in moments]
    return [times.clock(moment) for moment in moments]


def _tasks(found: Findings, times: Times) -> Markup:
    """Return how each task does, with its last runs."""
    if not found.failures:
        return section("Tasks", element("p", "No run of that time is known."))
    columns = (
        ("Task", ""),
        (f"Last {LAST_RUNS} runs", ""),
        ("Runs", NUMBER),
        ("Failed", NUMBER),
        ("Rate", NUMBER),
        ("Lately", NUMBER),
        ("Verdict", ""),
        ("Because", WIDE),
    )
    rows = [
        (
            task(row.name),
            _strip(found.histories[row.name]),
            row.runs,
            _failed(row),
            _rate(row),
            joined(percent(row.recent_rate), element("small", f"before {percent(row.former_rate)}")),
            _badge(row.verdict),
            _because(row, times),
        )
        for row in found.failures
        if row.runs > row.ok
    ]
    caption = "Rate with its 95 % interval (Wilson); lately: the last 7 days, before: the 28 before those"
    return section("Tasks", table(caption, columns, rows) if rows else Markup(), _healthy_tasks(found))


def _healthy_tasks(found: Findings) -> Markup:
    """Return the tasks that never failed, folded away."""
    healthy = [row for row in found.failures if row.runs == row.ok]
    if not healthy:
        return Markup()
    columns = (
        ("Task", ""),
        (f"Last {LAST_RUNS} runs", ""),
        ("Runs", NUMBER),
        ("Rate at most (95 %)", NUMBER),
    )
    rows = [
        (task(row.name), _strip(found.histories[row.name]), row.runs, percent(row.rate_high))
        for row in sorted(healthy, key=lambda row: row.name)
    ]
    summary = f"{count(len(healthy), 'task')} never failed"
    return folded(summary, columns, rows)


def _strip(history: History) -> Markup:
    """Return the last runs as signs: a dot went well, a cross failed, a diamond crashed."""
    outcomes, crashed = history.outcomes[-LAST_RUNS:], history.crashes[-LAST_RUNS:]
    signs = ["◆" if dead else "✕" if bad else "●" for bad, dead in zip(outcomes, crashed, strict=True)]
    summary = f"last {len(signs)} runs, oldest first: {len(signs) - sum(outcomes)} ok, {sum(outcomes)} failed"
    parts: list[Markup] = []
    while signs:
        same = next((at for at, sign in enumerate(signs) if (sign == "●") != (signs[0] == "●")), len(signs))
        text = "".join(signs[:same])
        parts.append(Markup(text) if signs[0] == "●" else element("i", text))
        signs = signs[same:]
    return element("span", *parts, class_="marks", role="img", aria_label=summary)


def _failed(row: TaskFailures) -> Markup:
    bad = row.runs - row.ok
    return joined(f"{bad:,}", *([element("small", f"{row.crashed:,} crashed")] if row.crashed else []))


def _rate(row: TaskFailures) -> Markup:
    low, high = percent(row.rate_low), percent(row.rate_high)
    return joined(percent(row.rate), element("small", f"{low} – {high}"))


def _badge(verdict: str) -> Markup:
    class_, sign = BADGES.get(verdict, ("", "·"))
    return element("span", f"{sign} {verdict}", class_=f"badge {class_}".rstrip())


def _because(row: TaskFailures, times: Times) -> Markup:
    if row.runs == row.ok:
        return joined(row.reason)
    message = "" if "“" in row.reason or not row.last_message else f": {cut(row.last_message, 160)}"
    last = f"Last on {times.short(row.last_failure_at)}{message}"
    return joined(row.reason, element("small", last))


def _limits(rows: list[TaskThreshold]) -> Markup:
    found = [row for row in rows if row.threshold is not None or row.hard_limit is not None]
    lines = [element("li", in_words(row)) for row in found]
    return section(
        "Limits",
        element("ul", *lines)
        if lines
        else element("p", "No task fails above some length, as far as can be seen."),
    )
