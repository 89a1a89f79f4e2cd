"""Which task or which run a person means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskrunner.cli.options import length, relative, short_moment
from taskrunner.errors import PluginError, TaskrunnerError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import tzinfo

    from taskrunner.installation import Site
    from taskrunner.plugins import Declaration
    from taskrunner.records import AdhocRow, Run, RunningRow, ScheduledRow


def find_task(site: Site, name: str, *, scheduled: bool = False) -> Declaration:
    """Return the task a person means by a name or the end of one. Raises UnknownTaskError, PluginError."""
    declaration = site.registry.find(name)
    if scheduled and declaration.kind != "scheduled":
        raise PluginError(f"{declaration.name} is an adhoc task: it has no schedule")
    return declaration


def logged_name(site: Site, name: str) -> str:
    """Return the task a person means: one that is declared, or one that only its runs tell of any more."""
    return name if name in site.store.log.names() else site.registry.find(name).name


def kept_run(site: Site, prefix: str) -> Run:
    """Return the one kept run whose id begins so. Raises TaskrunnerError: none does, or several do."""
    found = site.store.log.find(prefix.upper())
    if len(found) != 1:
        problem = "several kept runs have an id that begins" if found else "no kept run has an id that begins"
        raise TaskrunnerError(f"{problem} with {prefix}", hint="taskrun log")
    return found[0]


def run_under_way(rows: Sequence[RunningRow], prefix: str) -> RunningRow | None:
    """Return the run under way whose id begins so; None: none does. Raises TaskrunnerError: several do."""
    found = [row for row in rows if row.run_id.startswith(prefix.upper())]
    if len(found) > 1:
        raise TaskrunnerError(f"several runs have an id that begins with {prefix}", hint="taskrun running")
    return found[0] if found else None


def class_name(site: Site, name: str) -> str:
    """Return the class a person means: a declared one, or one that only the queue knows any more."""
    queued = {row.name for row in site.store.adhoc.summary(0.0)}
    return name if name in queued else site.registry.find(name).name


def found_task(site: Site, task_id: int) -> AdhocRow:
    """Return a queued task. Raises TaskrunnerError: it is not queued any more."""
    row = site.store.adhoc.find(task_id)
    if row is None:
        raise TaskrunnerError(
            f"no task {task_id} is queued: it is done, cancelled, or never was", hint="taskrun log"
        )
    return row


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
