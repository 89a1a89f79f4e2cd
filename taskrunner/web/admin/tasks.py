"""The pages of all scheduled tasks: what needs a look comes first; and the coming week.

The week shows what starts each day, what starts together, what a clock change does.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import date, datetime, time, timedelta
from threading import Lock
from typing import TYPE_CHECKING

from taskrunner.formatting import length, plural, relative
from taskrunner.store.runs import usual_duration
from taskrunner.views.plan import PLANNED, clock_change_sentence, day_moment, plan_of, planned_tasks
from taskrunner.views.runs import length_or_unknown
from taskrunner.views.tasks import KINDS, SCHEDULED, SORTS, describe, is_waiting, kinds_of, state_of
from taskrunner.web.admin.html import (
    NOTHING,
    Field,
    Markup,
    button,
    choice,
    downloads,
    element,
    form,
    hidden,
    joined,
    link,
    listing_file,
    marks,
    one_button,
    parts,
    section,
    small,
    soft,
    state,
    table,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from taskrunner.records import RecentRun, ScheduledRow
    from taskrunner.views.plan import Clash, Plan, PlannedRow
    from taskrunner.web.admin.frame import View
    from taskrunner.web.admin.request import Response

ON_A_PAGE = 50
LAST = 10
"""Runs whose outcomes are shown of each task."""

SORTED_BY = (("", "what needs a look"), ("name", "name"), ("next", "next run"))
TITLES = {
    "": "All",
    "failing": "Failing",
    "off": "Off or missing",
    "running": "Running",
    "paused": "Paused",
    "ok": "Ok",
    "disabled": "Disabled",
}
COLUMNS = (
    ("Task", ""), ("Schedule", "sched"), ("Last ten", ""), ("Next", "nw"), ("Takes", "n"), ("State", "wide"),
    ("Do", ""),
)  # fmt: skip


def page(view: View) -> Response:
    """Show the scheduled tasks, a page of them, those that were asked for."""
    everything = view.site.store.scheduled.list()
    kinds = {row.name: kinds_of(row, view.context) for row in everything}
    found = _asked_for(view, everything)
    chosen = _sorted(view, _of_state(view, found, kinds), kinds)
    first = ON_A_PAGE * (_page_number(view, len(chosen)) - 1)
    shown = chosen[first : first + ON_A_PAGE]
    recent = view.site.store.log.recent([row.name for row in shown], count=LAST)
    caption = f"{first + 1} to {first + len(shown)} of {len(chosen):,}" if shown else "no such task"
    asked = {name: view.asked(name) for name in ("q", "plugin", "state", "sort")}
    return view.page(
        "Tasks",
        _filters(view, found, kinds),
        _search(view, everything),
        table(f"Scheduled tasks, {caption}", COLUMNS, (_cells(view, row, recent[row.name]) for row in shown)),
        _pages(view, len(chosen), asked),
        downloads(view, "/tasks", **asked),
        under="/",
    )


def download(view: View, kind: str) -> Response:
    """Return the same tasks, all of them, as a file."""
    everything = view.site.store.scheduled.list()
    kinds = {row.name: kinds_of(row, view.context) for row in everything}
    rows = _of_state(view, _asked_for(view, everything), kinds)
    return listing_file(_sorted(view, rows, kinds), SCHEDULED, view.context, name="tasks", kind=kind)


def _asked_for(view: View, rows: list[ScheduledRow]) -> list[ScheduledRow]:
    """Return the tasks of the plugin, and with the text, that were asked for."""
    text, plugin = view.asked("q").lower(), view.asked("plugin")
    if plugin:
        rows = [row for row in rows if row.plugin == plugin]
    return [row for row in rows if text in row.name.lower() or text in row.title.lower()] if text else rows


def _of_state(view: View, rows: list[ScheduledRow], kinds: dict[str, tuple[str, ...]]) -> list[ScheduledRow]:
    state = view.asked("state")
    return [row for row in rows if state in kinds[row.name]] if state else rows


def _sorted(view: View, rows: list[ScheduledRow], kinds: dict[str, tuple[str, ...]]) -> list[ScheduledRow]:
    sort = view.asked("sort")
    if sort in SORTS:
        return sorted(rows, key=SORTS[sort])
    return sorted(rows, key=lambda row: (KINDS.index(kinds[row.name][0]), row.name))


def _page_number(view: View, count: int) -> int:
    return view.number("page", most=-(-count // ON_A_PAGE))


def _filters(view: View, rows: Sequence[ScheduledRow], kinds: dict[str, tuple[str, ...]]) -> Markup:
    """Return how many tasks are in which state, each a link to these."""
    counts = {kind: sum(kind in kinds[row.name] for row in rows) for kind in KINDS} | {"": len(rows)}
    asked = {name: view.asked(name) for name in ("q", "plugin", "sort")}
    links = [
        element(
            "li",
            link(
                view.address("/", **asked, state=kind),
                f"{title} {counts[kind]:,}",
                **({"aria_current": "true"} if view.asked("state") == kind else {}),
            ),
        )
        for kind, title in TITLES.items()
        if counts[kind] or kind in ("", view.asked("state"))
    ]
    return element("ul", *links, class_="filters", aria_label="Tasks by state")


def _search(view: View, rows: Sequence[ScheduledRow]) -> Markup:
    plugins = sorted({row.plugin for row in rows})
    return form(
        view.address("/"),
        hidden({"state": view.asked("state")} if view.asked("state") else {}),
        Field("q", "Find", view.asked("q"), size=18, type="search").shown(),
        choice("plugin", "Plugin", [("", "any"), *((name, name) for name in plugins)], view.asked("plugin")),
        choice("sort", "In order of", SORTED_BY, view.asked("sort")),
        button("Show"),
        method="get",
        class_="row",
        label="Find tasks",
    )


def _cells(view: View, row: ScheduledRow, recent: Sequence[RecentRun]) -> tuple[str, ...]:
    usual = usual_duration(recent)
    return (
        joined(link(view.address(f"/task/{row.name}"), parts(row.name)), small(row.title)),
        _schedule(view, row),
        marks(recent),
        _next_run(view, row),
        "" if usual is None else length(usual),
        _state(view, row),
        _action(view, row),
    )


def _schedule(view: View, row: ScheduledRow) -> Markup:
    words = describe(view.site, row)
    own = f"own; default {row.default_schedule}" if row.own_schedule is not None else ""
    return joined(row.schedule, small("" if words == row.schedule else words), small(own))


def _next_run(view: View, row: ScheduledRow) -> str:
    if not is_waiting(row) or view.site.pause_of(row.name, view.now):
        return "–"
    if row.next_run_at <= view.now:
        return "now"
    return joined(view.moment(row.next_run_at), small(relative(row.next_run_at, view.now)))


def _state(view: View, row: ScheduledRow) -> Markup:
    style = SCHEDULED.style(row, view.context)
    why = (
        (row.last_message or "") if row.failing_since is not None else (row.blocked or "").partition(": ")[2]
    )
    lines = why.strip().splitlines()
    return joined(state(state_of(row, view.context), style), small(lines[0][:200] if lines else ""))


def _action(view: View, row: ScheduledRow) -> Markup:
    """Return what one would do about a task most likely; all else is done on its own page."""
    if row.run_id is not None:
        return link(view.address(f"/running/{row.run_id}"), "Watch", aria_label=f"Watch {row.name}")
    if not view.may_change:
        return NOTHING
    pause = view.site.pause_of(row.name, view.now)
    if pause is not None:
        return one_button(view.address("/resume"), "Resume", row.name, name=pause.pattern, back="/")
    if not is_waiting(row) or row.next_run_at <= view.now:
        is_wrong = row.failing_since is not None or row.blocked is not None
        why = link(view.address(f"/task/{row.name}") + "#why", "Why", aria_label=f"Why: {row.name}")
        return why if is_wrong else NOTHING
    text, class_ = ("Clear delay", "main") if row.fail_delay else ("Run soon", "")
    return one_button(view.address(f"/task/{row.name}/retry"), text, row.name, class_=class_, back="/")


def _pages(view: View, count: int, asked: dict[str, str]) -> Markup:
    """Return links to the other pages of the list."""
    number, last = _page_number(view, count), -(-count // ON_A_PAGE)
    if last < 2:
        return NOTHING
    links = []
    for text, other in (("Previous", number - 1), ("Next", number + 1)):
        if 1 <= other <= last:
            links += [link(view.address("/", **asked, page=str(other)), text), " "]
    return soft(f"Page {number} of {last}. ", *links)


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


def plan_page(view: View) -> Response:
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


def plan_download(view: View, kind: str) -> Response:
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
