"""The gates of a scheduled task."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from taskrunner.config.overrides import said_by
from taskrunner.schedule import Every
from taskrunner.schedule.zones import get_zone
from taskrunner.times import length, often, relative
from taskrunner.why.gates import (
    Gate,
    cron_gate,
    declared_gate,
    moment,
    pause_gate,
    plugin_gate,
    running_gate,
    slot_gate,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from taskrunner.plugins import Declaration
    from taskrunner.records import ScheduledRow
    from taskrunner.site import Site


def scheduled_gates(
    site: Site, row: ScheduledRow, *, now: float, ask: Callable[[Declaration], bool | str]
) -> list[Gate]:
    """Return every gate of a scheduled task, in order."""
    return [
        pause_gate(site),
        plugin_gate(site, row.name, row.plugin),
        declared_gate(site, row.name, row.plugin),
        _disabled(site, row),
        _override(site, row),
        _schedule(site, row, now),
        _due(site, row, now),
        _fail_delay(site, row, now),
        running_gate(site, row, now),
        slot_gate(site, "scheduled"),
        _runnable(site, row, ask),
        *_skips(site, row),
        cron_gate(site, now),
    ]


def _disabled(site: Site, row: ScheduledRow) -> Gate:
    if not row.disabled:
        return Gate("disabled", True, "it is not disabled")
    if decider := site.config.decided_by(row.name, "disabled"):
        return Gate("disabled", False, f"disabled by {decider}", "change it there")
    by = "with `taskrun disable`" if row.own_disabled else "by its plugin"
    return Gate("disabled", False, f"it is disabled, {by}", f"taskrun enable {row.name}")


def _override(site: Site, row: ScheduledRow) -> Gate:
    said = said_by(site.config.override_for(row.name))
    decided = {site.config.decided_by(row.name, setting): setting for setting in said}
    if not decided:
        return Gate("override", True, "the config says nothing about it")
    return Gate("override", True, f"{', '.join(said)}: decided by {', '.join(map(str, decided))}")


def _schedule(site: Site, row: ScheduledRow, now: float) -> Gate:
    schedule = site.planner.schedule(row.schedule, name=row.name, timezone=row.timezone)
    if isinstance(schedule, Every):
        return Gate("schedule", True, f"{row.schedule}: {schedule.describe()}")
    here = f"{datetime.fromtimestamp(now, get_zone(row.timezone)):%a %Y-%m-%d %H:%M}"
    return Gate(
        "schedule", True, f"{row.schedule} in {row.timezone}, {schedule.describe()}; there it is {here}"
    )


def _due(site: Site, row: ScheduledRow, now: float) -> Gate:
    if row.next_run_at <= now:
        return Gate("due", True, f"due since {length(now - row.next_run_at)}")
    if row.fail_delay:
        return Gate("due", None, "the fail delay decides")
    told = f"not before {moment(site, row.next_run_at)}, {relative(row.next_run_at, now)}"
    told += _what_does_not_match(site, row, now)
    return Gate("due", False, told, f"taskrun retry {row.name}")


def _what_does_not_match(site: Site, row: ScheduledRow, now: float) -> str:
    """Name the month or the day if the schedule leaves today out, so that a wrong field is seen."""
    schedule = site.planner.schedule(row.schedule, name=row.name, timezone=row.timezone)
    if isinstance(schedule, Every):
        return ""
    today = datetime.fromtimestamp(now, get_zone(row.timezone))
    if not schedule.matches_month(today):
        return f"; its month field {row.schedule.split()[3]} leaves out this month, {today.month}"
    if not schedule.matches_day(today):
        day, weekday = row.schedule.split()[2], row.schedule.split()[4]
        return f"; its day and weekday fields {day} and {weekday} leave out today, {today:%a %d}"
    return ""


def _fail_delay(site: Site, row: ScheduledRow, now: float) -> Gate:
    if not row.fail_delay:
        return Gate("fail delay", True, "its last run did not fail")
    told = f"failed {often(row.failures)} since {moment(site, row.failing_since or now)}: {row.last_message}"
    if row.next_run_at <= now:
        return Gate("fail delay", True, f"the delay of {length(row.fail_delay)} is over; {told}")
    waits = f"waits {length(row.fail_delay)}, until {moment(site, row.next_run_at)}"
    return Gate(
        "fail delay",
        False,
        f"{waits}, {relative(row.next_run_at, now)}; {told}",
        f"taskrun retry {row.name}",
    )


def _runnable(site: Site, row: ScheduledRow, ask: Callable[[Declaration], bool | str]) -> Gate:
    declaration = site.registry.tasks.get(row.name)
    if declaration is None:
        return Gate("is_runnable", None, "it cannot be asked")
    answer = ask(declaration)
    if answer is True:
        return Gate("is_runnable", True, "the task says that it may run")
    return Gate("is_runnable", False, f"the task says no: {answer or 'the configuration does not allow it'}")


def _skips(site: Site, row: ScheduledRow) -> list[Gate]:
    """Tell of slots that were passed over since the last success: should_run(), misfire = "skip"."""
    if not row.skips:
        return []
    since = moment(site, row.skipped_since or row.next_run_at)
    return [Gate("skipped", None, f"skipped {often(row.skips)} since {since} because {row.skip_reason}")]
