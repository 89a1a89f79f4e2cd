"""The page of the coming week: what starts each day, what starts together, what a clock change does."""

from __future__ import annotations

from bisect import bisect_right
from datetime import date, datetime, time, timedelta
from threading import Lock
from typing import TYPE_CHECKING

from taskrunner.formatting import length, plural
from taskrunner.views.plan import (
    PLANNED,
    clock_change_sentence,
    day_moment,
    plan_of,
    planned_tasks,
)
from taskrunner.views.runs import length_or_unknown
from taskrunner.web.admin.download import downloads, listing_file
from taskrunner.web.admin.html import NOTHING, Markup, element, joined, link, section, soft, state, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from taskrunner.views.plan import Clash, Plan, PlannedRow
    from taskrunner.web.admin.frame import View
    from taskrunner.web.admin.request import Response

DAYS = 7
DAY = 86_400.0
SHOWN_STARTS = 100
SHOWN_CLASHES = 10
SHOWN_NAMES = 12
SHORTEST_WAIT = 10.0
"""Seconds; what waits for less does not clash, as far as a person is shown."""

GOOD_FOR = 600.0
"""Seconds for which a plan is shown again while no schedule changes: making one takes a while."""

MOST_KEPT = 4
KEPT: dict[tuple[object, ...], tuple[float, Plan]] = {}
"""What a plan was made from -> when, and the plan."""

MAKING = Lock()


def page(view: View) -> Response:
    """Show the starts of a day of the coming week, and the clashes of all of it."""
    made_at, plan = _plan(view)
    once = [row for row in plan.rows if row.starts == 1 and row.at >= view.now - 60]
    often = [row for row in plan.rows if row.starts > 1]
    days = [
        (datetime.fromtimestamp(view.now, view.context.zone) + timedelta(days=n)).date() for n in range(DAYS)
    ]
    names = [day.isoformat() for day in days]
    chosen = view.asked("day") if view.asked("day") in names else names[0]
    by_day: dict[str, list[PlannedRow]] = {name: [] for name in names}
    ends = [_midnight(day + timedelta(days=1), view) for day in days]
    for row in once:
        if row.at < ends[-1]:
            by_day[names[bisect_right(ends, row.at)]].append(row)
    clashes = [clash for clash in plan.clashes if clash.wait >= SHORTEST_WAIT]
    left = (
        f" {plural(plan.left_out, 'task has', 'tasks have')} no start in this time." if plan.left_out else ""
    )
    return view.page(
        "Plan",
        soft(f"The coming {DAYS} days, as planned at {view.moment(made_at)}.{left}"),
        _clashes(view, clashes),
        _clock_changes(view, plan),
        section(
            "Day by day",
            _days(view, {day.isoformat(): f"{day:%a} {day.day}" for day in days}, by_day, chosen),
            _starts(view, by_day[chosen], datetime.fromisoformat(chosen)),
            id="days",
        ),
        _often(view, often),
        downloads(view, "/plan"),
        under="/plan",
    )


def _midnight(day: date, view: View) -> float:
    return datetime.combine(day, time(), view.context.zone).timestamp()


def download(view: View, kind: str) -> Response:
    """Return the starts of the coming week as a file."""
    return listing_file(_plan(view)[1].rows, PLANNED, view.context, name="plan", kind=kind)


def _plan(view: View) -> tuple[float, Plan]:
    """Return when the plan was made, and the plan; one thread makes it."""
    site, now = view.site, view.now
    rows = site.store.scheduled.list()
    facts = [
        (row.name, row.schedule, row.timezone, row.disabled, row.blocked, row.off_reason) for row in rows
    ]
    limit = site.config.cron.scheduled_concurrency_limit
    key = (site.config.file, limit, site.pauses, tuple(facts))
    with MAKING:
        kept = KEPT.get(key)
        if kept is not None and kept[0] <= now < kept[0] + GOOD_FOR:
            return kept
        tasks, left_out = planned_tasks(site, now)
        plan = plan_of(tasks, now=now, until=now + DAYS * DAY, limit=limit, left_out=left_out)
        while len(KEPT) >= MOST_KEPT:
            del KEPT[next(iter(KEPT))]
        KEPT[key] = now, plan
        return KEPT[key]


CLASH_COLUMNS = (("First", "nw"), ("Times", "n"), ("Tasks", "n"), ("Waits", "n"), ("Which", "wide"))


def _clashes(view: View, clashes: Sequence[Clash]) -> Markup:
    if not clashes:
        return section("Clashes", soft("No task has to wait for others that start with it."))
    rows = [
        (
            day_moment(clash.at, view.context),
            clash.times,
            len(clash.names),
            state(length(clash.wait), "late"),
            _named(view, clash.names),
        )
        for clash in clashes[:SHOWN_CLASHES]
    ]
    more = f", the {SHOWN_CLASHES} worst" if len(clashes) > SHOWN_CLASHES else ", the worst first"
    caption = (
        f"{plural(len(clashes), 'clash', 'clashes')}{more}: tasks of one minute that wait for each other"
    )
    return section("Clashes", table(caption, CLASH_COLUMNS, rows))


def _named(view: View, names: Sequence[str]) -> Markup:
    shown = [joined(", " if at else "", view.task(name)) for at, name in enumerate(names[:SHOWN_NAMES])]
    more = len(names) - len(shown)
    return joined(*shown, f" and {more} more" if more > 0 else "")


def _clock_changes(view: View, plan: Plan) -> Markup:
    if not plan.clock_changes:
        return NOTHING
    sentences = (clock_change_sentence(change, view.context) for change in plan.clock_changes)
    return section("Clock changes", element("ul", *(element("li", text) for text in sentences)))


def _days(view: View, titles: dict[str, str], by_day: dict[str, list[PlannedRow]], chosen: str) -> Markup:
    links = [
        element(
            "li",
            link(
                f"{view.address('/plan', day=day)}#days",
                f"{title}: {len(by_day[day]):,}",
                **({"aria_current": "date"} if day == chosen else {}),
            ),
        )
        for day, title in titles.items()
    ]
    return element("ul", *links, class_="filters", aria_label="Days, with how many starts")


START_COLUMNS = (("At", "nw"), ("Task", ""), ("Usually", "n"), ("In its minute", "n"), ("Waits", "n"))


def _starts(view: View, rows: Sequence[PlannedRow], day: datetime) -> Markup:
    if not rows:
        return soft("Nothing starts that day but what starts many times a day.")
    cells = (
        (
            f"{datetime.fromtimestamp(row.at, view.context.zone):%H:%M}",
            view.task(row.task.name),
            length_or_unknown(row.task.usual_duration),
            row.together,
            _wait(row),
        )
        for row in rows[:SHOWN_STARTS]
    )
    more = f", the first {SHOWN_STARTS}" if len(rows) > SHOWN_STARTS else ""
    return table(f"{day:%A}: {plural(len(rows), 'start')}{more}", START_COLUMNS, cells)


def _wait(row: PlannedRow) -> Markup:
    return state(length(row.wait), "late" if row.wait >= SHORTEST_WAIT else "") if row.wait >= 1 else NOTHING


OFTEN_COLUMNS = (("Task", ""), ("Schedule", "nw"), ("A day", "n"), ("Usually", "n"), ("Waits at most", "n"))


def _often(view: View, rows: Sequence[PlannedRow]) -> Markup:
    if not rows:
        return NOTHING
    cells = (
        (
            view.task(row.task.name),
            row.task.schedule.text,
            f"{row.starts_a_day:,.0f}",
            length_or_unknown(row.task.usual_duration),
            _wait(row),
        )
        for row in rows[:SHOWN_STARTS]
    )
    more = f", the first {SHOWN_STARTS}" if len(rows) > SHOWN_STARTS else ""
    return section("Many times a day", table(f"{plural(len(rows), 'task')}{more}", OFTEN_COLUMNS, cells))
