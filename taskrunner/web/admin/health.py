"""The page of the checks, with what to do about each; and the same for programs, in a word."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

from taskrunner.diagnosis import worst
from taskrunner.diagnosis.check import check_site
from taskrunner.errors import TaskrunnerError
from taskrunner.formatting import relative
from taskrunner.web.admin.html import Markup, element, link, section, soft, state, table
from taskrunner.web.admin.request import Response
from taskrunner.web.process import program_of

if TYPE_CHECKING:
    from taskrunner.finding import Finding
    from taskrunner.web.admin.frame import View

CHECKS = (("Check", ""), ("State", "nw"), ("Because", "wide"), ("Command", ""))
PATIENCE = 60.0
"""Seconds that doctor may take."""


def page(view: View) -> Response:
    """Show what every check says, the worst first."""
    checks = check_site(view.site, now=view.now, writes=False)
    bad = [one for one in checks if one.exit_code]
    summary = f"{len(bad)} of {len(checks)} checks warn." if bad else f"All {len(checks)} checks are ok."
    doctor = link(view.address("/health/doctor"), "Let doctor look")
    return view.page(
        "Health",
        element("p", state(worst(checks).word, "bad" if bad else ""), f" – {summary}"),
        table("Checks, the worst first", CHECKS, map(_cells, checks)),
        element(
            "p",
            doctor,
            " at the configuration, the files, the database and the plugins; that takes a second.",
        ),
        _plugins(view),
        _hosts(view),
        under="/health",
    )


def _cells(check: Finding) -> tuple[str, ...]:
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
