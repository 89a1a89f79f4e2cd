"""The page of all scheduled tasks: what needs a look comes first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskrunner.formatting import length, relative
from taskrunner.store.log import usual_duration
from taskrunner.views.tasks import KINDS, SCHEDULED, SORTS, describe, is_waiting, kinds_of, state_of
from taskrunner.web.admin.download import downloads, listing_file
from taskrunner.web.admin.html import (
    NOTHING,
    Field,
    Markup,
    button,
    choice,
    element,
    form,
    hidden,
    joined,
    link,
    marks,
    one_button,
    parts,
    small,
    soft,
    state,
    table,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from taskrunner.records import RecentRun, ScheduledRow
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
