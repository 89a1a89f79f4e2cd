"""Everything that is known on one page that needs nothing else: no script, no font, no request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from taskrunner.report import page_sections, pieces
from taskrunner.report.markup import Markup, element
from taskrunner.report.style import STYLE

if TYPE_CHECKING:
    from datetime import tzinfo

    from taskrunner.report.durations import TaskDurations
    from taskrunner.report.failures import TaskFailures
    from taskrunner.report.gaps import Gap
    from taskrunner.report.heatmap import Heatmap
    from taskrunner.report.overlaps import Overlaps
    from taskrunner.report.stagger import Plan
    from taskrunner.report.threshold import TaskThreshold
    from taskrunner.report_records import TaskRun

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
        page_sections.failures(found.failures, times),
        page_sections.thresholds(found.thresholds),
        page_sections.durations(found.durations),
        page_sections.crashes(found.crashes, times),
        page_sections.gaps(found.gaps, found.usual_interval, times),
        page_sections.overlaps(found.overlaps, times),
        page_sections.load(found.heatmap, zone),
        *([page_sections.staggering(found.plan)] if found.plan else []),
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
