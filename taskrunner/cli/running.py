"""taskrun running, stop, pause, resume: the processes at work."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from taskrunner.cli.auditing import audit
from taskrunner.cli.options import config_option, length, opened_site, parse_length, tell_visits
from taskrunner.cli.render import (
    ENOUGH_OF_RUN_ID,
    Column,
    Record,
    Table,
    as_moment,
    format_options,
    say,
)
from taskrunner.cli.render import (
    show as show_records,
)
from taskrunner.store.settings import PAUSED, STOP_REQUESTED_AT

if TYPE_CHECKING:
    from taskrunner.installation import Site
    from taskrunner.records import RunningRow

TABLE = Table(
    keys=(
        "hostname",
        "pid",
        "type",
        "name",
        "adhoc_id",
        "run_id",
        "started_at",
        "running_for",
        "usual_duration",
        "progress_done",
        "progress_total",
        "progress_text",
    ),
    columns=(
        Column("hostname", "Host"),
        Column("pid", "Pid"),
        Column("_task", "Task"),
        Column("run_id", "Run", cut=ENOUGH_OF_RUN_ID),
        Column("_since", "For"),
        Column("_usual", "Usually"),
        Column("_progress", "Progress", wraps=True),
    ),
)

WATCH_INTERVAL = 2.0
"""Seconds between two looks."""


@click.command()
@click.option("--watch", is_flag=True, help="Show it again every two seconds.")
@format_options
@config_option
def running(watch: bool, output_format: str | None) -> None:
    """Show the runs under way."""
    site = opened_site()
    try:
        _show(site, output_format)
        while watch:
            site.store.close()
            time.sleep(WATCH_INTERVAL)
            click.clear()
            _show(site, output_format)
    except KeyboardInterrupt:
        return


def _show(site: Site, output_format: str | None) -> None:
    records = [_record(site, row, time.time()) for row in site.store.runners.running()]
    show_records(records, TABLE, output_format=output_format, empty="nothing is running")


def progress_text(row: RunningRow) -> str:
    """Return how far a run has come, as it says itself; "" where it says nothing."""
    done, total = row.progress_done, row.progress_total
    return "" if done is None else f"{done:g}/{total:g} {row.progress_text or ''}".strip()


def _record(site: Site, row: RunningRow, now: float) -> Record:
    from taskrunner.cli.tasks import usual_duration
    from taskrunner.store.log import LogFilter

    usual = usual_duration(site.store.log.list(LogFilter(name=row.name)))
    done, total = row.progress_done, row.progress_total
    return {
        "hostname": row.hostname,
        "pid": row.pid,
        "type": row.type,
        "name": row.name,
        "adhoc_id": row.adhoc_id,
        "run_id": row.run_id,
        "started_at": as_moment(row.started_at),
        "running_for": round(now - row.started_at, 3),
        "usual_duration": usual,
        "progress_done": done,
        "progress_total": total,
        "progress_text": row.progress_text,
        "_task": row.name if row.adhoc_id is None else f"{row.name} {row.adhoc_id}",
        "_since": length(now - row.started_at),
        "_usual": "?" if usual is None else length(usual),
        "_progress": progress_text(row),
    }


@click.command()
@config_option
def stop() -> None:
    """Let processes leave after their current task."""
    site = opened_site()
    with site.store.transaction():
        _request_stop(site)
        audit(site, "stop", "all runners", {}, {})
    say("Every runner leaves after its current task; the next cron starts as usual.")


@click.command()
@click.option("--wait", is_flag=False, flag_value="600", metavar="[SECONDS]", help="Wait until nothing runs.")
@click.option("--reason", default="", help="Why; shown to whoever wonders.")
@config_option
def pause(wait: str | None, reason: str) -> None:
    """Start nothing more until `taskrun resume`."""
    seconds = None if wait is None else parse_length(wait)
    site = opened_site()
    with site.store.transaction():
        before = site.store.settings.pause()
        site.store.settings.set_pause(time.time(), reason)
        _request_stop(site)
        audit(site, "pause", "cron", _state(before), {"paused": True, "reason": reason})
    say("Cron is paused: nothing more is started.")
    if seconds is not None:
        _wait_until_idle(site, until=time.time() + seconds)


@click.command()
@config_option
def resume() -> None:
    """Go on after a pause."""
    site = opened_site()
    with site.store.transaction():
        before = site.store.settings.pause()
        site.store.settings.delete(PAUSED)
        audit(site, "resume", "cron", _state(before), _state(None))
    tell_visits(site, time.time())
    say("Cron goes on with its next start.")


def _state(pause: tuple[float, str] | None) -> dict[str, object]:
    return {"paused": True, "reason": pause[1]} if pause else {"paused": False, "reason": None}


def _request_stop(site: Site) -> None:
    site.store.settings.set(STOP_REQUESTED_AT, repr(time.time()))


def _wait_until_idle(site: Site, *, until: float) -> None:
    while runs := site.store.runners.running():
        if time.time() >= until:
            say(f"{len(runs)} still running: {', '.join(row.name for row in runs)}.", err=True)
            sys.exit(1)
        time.sleep(0.5)
    say("Nothing is running any more.")
