"""taskrun audit: what administrators did."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import click

from taskrunner.cli.options import COUNTED, config_option, opened_site, parse_moment, short_moment, zone_of
from taskrunner.cli.render import Column, Record, Table, as_moment, format_options
from taskrunner.cli.render import show as show_records

if TYPE_CHECKING:
    from taskrunner.records import AuditRow

TABLE = Table(
    keys=("done_at", "login", "uid", "hostname", "action", "target", "before", "after"),
    columns=(
        Column("_done", "When"),
        Column("login", "Who"),
        Column("action", "What"),
        Column("target", "Of"),
        Column("_change", "Change", wraps=True),
    ),
)


@click.command()
@click.option("--since", metavar="TIME", help="Done at or after: 2d (ago), 13:57, '2026-11-21 13:57'.")
@click.option("--limit", metavar="N", type=COUNTED, default=50, show_default=True, help="At most so many.")
@format_options
@config_option
def audit(since: str | None, limit: int, output_format: str | None) -> None:
    """Show who changed what, the latest first.

    Changes of schedules, of the state of tasks, of the queue and of the pause.
    """
    site, now = opened_site(), time.time()
    zone = zone_of(site)
    rows = site.store.audit.list(since=parse_moment(since, now=now, zone=zone) if since else 0.0, limit=limit)
    records = [_record(row) | {"_done": short_moment(row.done_at, now=now, zone=zone)} for row in rows]
    show_records(records, TABLE, output_format=output_format, empty="nobody has changed anything")


def _record(row: AuditRow) -> Record:
    before, after = _read(row.state_before), _read(row.state_after)
    return {
        "done_at": as_moment(row.done_at),
        "login": row.login,
        "uid": row.uid,
        "hostname": row.hostname,
        "action": row.action,
        "target": row.target,
        "before": before,
        "after": after,
        "_change": _change(before, after),
    }


def _read(text: str) -> Record:
    """Return a state; one that was too long to be kept whole as its text."""
    try:
        state: Record = json.loads(text)
    except ValueError:
        return {"text": text}
    return state


def _change(before: Record, after: Record) -> str:
    """Say in one line what was changed.

    >>> _change({"schedule": "@daily", "disabled": False}, {"schedule": "@hourly", "disabled": False})
    'schedule: @daily -> @hourly'
    """
    keys = [key for key in {**before, **after} if before.get(key) != after.get(key)]
    shown = [f"{key}: {_shown(before.get(key))} -> {_shown(after.get(key))}" for key in keys]
    return "; ".join(shown)


def _shown(value: object) -> str:
    return "-" if value is None else str(value)
