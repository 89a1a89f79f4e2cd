"""The state of a scheduled task in a few words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskrunner.cli.times import length, relative, short_moment

if TYPE_CHECKING:
    from datetime import tzinfo

    from taskrunner.records import AdhocRow, ScheduledRow


def state_of(row: ScheduledRow, *, now: float, zone: tzinfo) -> str:
    """Return ok, failing since …, running, disabled, plugin disabled, missing, or off: reason."""
    if row.run_id is not None:
        return f"running for {length(now - (row.started_at or now))}"
    if row.blocked is not None:
        return row.blocked.partition(":")[0]
    if row.disabled:
        return "disabled"
    if row.off_reason is not None:
        return f"off: {row.off_reason}"
    if row.failing_since is not None:
        since = short_moment(row.failing_since, now=now, zone=zone)
        return f"failing since {since} ({row.failures}×)"
    return "ok"


def adhoc_state(row: AdhocRow, why_not: str | None, *, now: float, zone: tzinfo) -> str:
    """Return running, given up, missing, plugin disabled, failing since …, waiting: reason, or ok."""
    if row.run_id is not None:
        return f"running for {length(now - (row.started_at or now))}"
    if row.attempts_left <= 0:
        return f"given up: {row.last_message}"
    if why_not is not None:
        return why_not
    if row.failing_since is not None:
        return f"failing since {short_moment(row.failing_since, now=now, zone=zone)}: {row.last_message}"
    return f"waiting: {row.last_message}" if row.last_message else "ok"


def is_due(row: ScheduledRow, now: float) -> bool:
    """Say whether a task would be claimed now."""
    return row.run_id is None and row.blocked is None and not row.disabled and row.next_run_at <= now


def why_not_due(row: ScheduledRow, *, now: float, zone: tzinfo) -> str:
    """Return why a task would not be claimed now."""
    if row.run_id is not None:
        return f"it is running, pid {row.pid} on {row.hostname}"
    if row.blocked is not None:
        return row.blocked
    if row.disabled:
        return "it is disabled"
    waits = f"due {short_moment(row.next_run_at, now=now, zone=zone)}, {relative(row.next_run_at, now)}"
    return f"{waits}, after {row.failures} failures" if row.fail_delay else waits
