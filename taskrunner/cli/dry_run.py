"""taskrun cron --dry-run: what would run now, in which order, and why the rest would not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskrunner.cli.render import say
from taskrunner.cli.site import zone_of
from taskrunner.cli.states import is_due, why_not_due
from taskrunner.cli.times import length

if TYPE_CHECKING:
    from taskrunner.records import ScheduledRow
    from taskrunner.site import Site


def show_plan(site: Site, *, now: float) -> None:
    """Print it; nothing is claimed, nothing is asked of a task."""
    rows = site.store.scheduled.list()
    due = sorted((row for row in rows if is_due(row, now)), key=lambda row: (row.next_run_at, row.id))
    _show("Would run now, in this order:", [f"{row.name} (due for {_overdue(row, now)})" for row in due])
    waiting = [row for row in site.store.adhoc.list() if row.next_run_at <= now and row.attempts_left > 0]
    _show(
        "Then these adhoc tasks:",
        [f"{row.name} {row.id}" for row in waiting if row.name in site.registry.tasks],
    )
    zone = zone_of(site)
    rest = [row for row in rows if not is_due(row, now)]
    _show("Would not run:", [f"{row.name}: {why_not_due(row, now=now, zone=zone)}" for row in rest])


def _overdue(row: ScheduledRow, now: float) -> str:
    return length(now - row.next_run_at)


def _show(title: str, lines: list[str]) -> None:
    say(title)
    for line in lines or ["nothing"]:
        say(f"  {line}")
