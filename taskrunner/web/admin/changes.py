"""The page of what administrators changed, whoever they are and wherever they did it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskrunner.views.site import CHANGES, changed_values
from taskrunner.web.admin.download import downloads, listing_file
from taskrunner.web.admin.html import (
    NOTHING,
    Field,
    Markup,
    button,
    element,
    form,
    joined,
    link,
    parts,
    soft,
    table,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from taskrunner.records import AuditRow
    from taskrunner.views.columns import Column, Context, Listing
    from taskrunner.web.admin.frame import View
    from taskrunner.web.admin.request import Response

ON_A_PAGE = 100
MOST_IN_A_FILE = 100_000


def page(view: View) -> Response:
    """Show the changes, the latest first."""
    target, number = view.asked("of"), view.number("page", most=MOST_IN_A_FILE // ON_A_PAGE)
    passed = ON_A_PAGE * (number - 1)
    rows = view.site.store.audit.list(since=0.0, limit=ON_A_PAGE, target=target, passed=passed)
    find = form(
        view.address("/changes"),
        Field("of", "Changes of", target, hint="A task by its whole name, or empty for all", size=26).shown(),
        button("Show"),
        method="get",
        class_="row",
        label="Find changes",
    )
    other = {"Newer": number - 1, "Older": number + 1 if len(rows) == ON_A_PAGE else 0}
    links = [
        joined(link(view.address("/changes", of=target, page=str(page)), text), " ")
        for text, page in other.items()
        if page
    ]
    shown = changes_table(view, rows, caption="What was changed, the latest first") if rows else NOTHING
    return view.page(
        "Changes",
        find,
        shown if rows else soft("Nobody has changed anything."),
        element("p", *links) if links else NOTHING,
        downloads(view, "/changes", of=target),
        under="/changes",
    )


def download(view: View, kind: str) -> Response:
    """Return the same changes as a file."""
    rows = view.site.store.audit.list(since=0.0, limit=MOST_IN_A_FILE, target=view.asked("of"))
    return listing_file(rows, _seen(view), view.context, name="changes", kind=kind)


def _seen(view: View) -> Listing[AuditRow]:
    """Return the columns of a file; custom data only where it may be seen."""
    if view.site.config.web.show_custom_data:
        return CHANGES
    return CHANGES._replace(columns=tuple(_without_data(column) for column in CHANGES.columns))


def _without_data(column: Column[AuditRow]) -> Column[AuditRow]:
    if column.key not in ("before", "after"):
        return column

    def value(row: AuditRow, context: Context) -> object:
        found = column.value_of(row, context)
        state = found if isinstance(found, dict) else {}
        return {key: one for key, one in state.items() if key not in ("custom_data", "text")}

    return column._replace(value=value)


def changes_table(view: View, rows: Sequence[AuditRow], *, caption: str, of: bool = True) -> Markup:
    """Return changes as a table; without `of` they are all of one object."""
    columns = [("When", "nw"), ("Who", ""), ("What", "nw"), *([("Of", "")] if of else []), ("Change", "wide")]
    return table(caption, columns, (_cells(view, row, of=of) for row in rows))


def _cells(view: View, row: AuditRow, *, of: bool) -> tuple[str, ...]:
    target = (
        view.task(row.target) if view.is_known(row.target) and "*" not in row.target else parts(row.target)
    )
    when = element("time", view.moment(row.done_at), title=view.full(row.done_at))
    cells = (when, row.login, row.action, target, _change(view, row))
    return cells if of else (*cells[:3], cells[4])


HIDDEN = {"custom_data", "text", "customised", "run_id", "hostname", "pid"}
"""What is not shown of a change: what follows from the rest, and what may be secret; files have all of it."""


def _change(view: View, row: AuditRow) -> Markup:
    """Return what was changed, a line for each value; a moment as the site's clocks show it."""
    lines = [
        element("div", f"{key.removesuffix('_at').replace('_', ' ')}: {_shown(view, key, value)}")
        for key, *value in changed_values(row)
        if key not in HIDDEN
    ]
    return joined(*lines)


def _shown(view: View, key: str, values: list[object]) -> str:
    before, after = (_value(view, key, value) for value in values)
    return f"{before} → {after}" if before else after or "–"


def _value(view: View, key: str, value: object) -> str:
    if key.endswith("_at") and isinstance(value, int | float):
        return view.moment(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)
