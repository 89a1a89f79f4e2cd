"""The pages of the whole site: its checks, with what to do about each, and what administrators changed.

The checks are there for programs as well, in a word. Changes are shown whoever made them, wherever they did
it.
"""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

from taskrunner.diagnosis.check import check_site, worst
from taskrunner.errors import TaskrunnerError
from taskrunner.formatting import relative
from taskrunner.views.site import CHANGES, changed_values
from taskrunner.web.admin.html import (
    NOTHING,
    Field,
    Markup,
    button,
    downloads,
    element,
    form,
    joined,
    link,
    listing_file,
    parts,
    section,
    soft,
    state,
    table,
)
from taskrunner.web.admin.request import Response
from taskrunner.web.ticker import program_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from taskrunner.records import AuditRow, Finding
    from taskrunner.views.columns import Column, Context, Listing
    from taskrunner.web.admin.frame import View

CHECKS = (("Check", ""), ("State", "nw"), ("Because", "wide"), ("Command", ""))
PATIENCE = 60.0
"""Seconds that doctor may take."""


def checks_page(view: View) -> Response:
    """Show what every check says, the worst first."""
    checks = check_site(view.site, now=view.now, writes=False)
    bad = [one for one in checks if one.exit_code]
    summary = f"{len(bad)} of {len(checks)} checks warn." if bad else f"All {len(checks)} checks are ok."
    doctor = link(view.address("/health/doctor"), "Let doctor look")
    return view.page(
        "Health",
        element("p", state(worst(checks).word, "bad" if bad else ""), f" – {summary}"),
        table("Checks, the worst first", CHECKS, map(_check_cells, checks)),
        element(
            "p",
            doctor,
            " at the configuration, the files, the database and the plugins; that takes a second.",
        ),
        _plugins(view),
        _hosts(view),
        under="/health",
    )


def _check_cells(check: Finding) -> tuple[str, ...]:
    style = {0: "", 1: "late"}.get(check.exit_code, "bad")
    hint = element("code", check.hint) if check.hint else ""
    return check.area, state(check.word.lower(), style), check.message, hint


def _plugins(view: View) -> Markup:
    findings = view.site.registry.findings
    count = len(view.site.registry.plugins)
    if not findings:
        return section("Plugins", soft(f"{count} plugins, none with problems."))
    return section("Plugins", element("ul", *(element("li", str(finding)) for finding in findings)))


def _hosts(view: View) -> Markup:
    if not view.site.store.is_shared:
        return Markup()
    rows = [
        (host.hostname, relative(host.seen_at, view.now), f"{host.clock_ahead:+.1f} s", f"{host.crons:,}")
        for host in view.site.store.hosts.list()
    ]
    columns = (("Host", ""), ("Last cron", "nw"), ("Clock", "n"), ("Crons", "n"))
    return section("Hosts", table("Hosts that start crons", columns, rows) if rows else soft("None yet."))


def doctor(view: View) -> Response:
    """Show what `taskrun doctor` finds, which looks in a process of its own: it imports what tasks need."""
    command = [*program_of(view.site.config), "doctor", "--json"]
    try:
        ran = subprocess.run(  # noqa: S603  (no shell, and no word of a visitor's)
            command, capture_output=True, stdin=subprocess.DEVNULL, timeout=PATIENCE, check=False
        )
        found = json.loads(ran.stdout)
    except (OSError, subprocess.TimeoutExpired, ValueError) as error:
        failure = TaskrunnerError(f"taskrun doctor did not answer: {error}", hint="taskrun doctor")
        return view.refused(failure, back="/health", text="Health", status=502)
    rows = [(one["area"], one["message"], element("code", one["hint"])) for one in found]
    columns = (("Area", ""), ("Finding", "wide"), ("What to do", ""))
    content = table("What doctor found", columns, rows) if rows else element("p", "Nothing is wrong.")
    return view.page(
        "Doctor", content, element("p", link(view.address("/health"), "Health")), under="/health"
    )


def healthz(view: View) -> Response:
    """Return the worst state in one line: status 200 for ok and warning, 503 for worse."""
    found = worst(check_site(view.site, now=view.now, writes=False))
    status = 200 if found.exit_code < 2 else 503
    text = f"{found.word}: {found.area}: {found.message}\n" if found.exit_code else "OK\n"
    return Response(status, text.encode("utf-8", "replace"), "text/plain; charset=utf-8")


ON_A_PAGE = 100
MOST_IN_A_FILE = 100_000


def changes_page(view: View) -> Response:
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
        joined(link(view.address("/changes", of=target, page=str(changes_page)), text), " ")
        for text, changes_page in other.items()
        if changes_page
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
    return table(caption, columns, (_change_cells(view, row, of=of) for row in rows))


def _change_cells(view: View, row: AuditRow, *, of: bool) -> tuple[str, ...]:
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
