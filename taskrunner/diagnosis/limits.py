"""What the configuration expects of a task: how long it runs, how often it succeeds, how late it starts.

These are the settings `warn_after`, `expect_every` and `max_start_delay` of `[tasks."NAME"]`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from taskrunner.finding import Finding
from taskrunner.formatting import length, plural
from taskrunner.store.log import LogFilter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from taskrunner.config.schema import TaskOverride
    from taskrunner.installation import Site
    from taskrunner.records import Run, ScheduledRow

AREA = "limits"
SETTINGS = ("warn_after", "expect_every", "max_start_delay")


class Kept(NamedTuple):
    """A task with limits: what the file says, its row if it is scheduled, since when it runs and is due."""

    name: str
    limits: TaskOverride
    row: ScheduledRow | None
    running_since: float | None
    due_since: float | None


def limits(site: Site, now: float) -> Finding:
    """Judge whether tasks keep the limits that the configuration sets them."""
    found = list(limit_findings(site, now))
    values = {"taskrun_tasks_over_limit": float(len(found))}
    if not found:
        return Finding(AREA, "ok", "no task exceeds its limits", values=values)
    worst = max(found, key=lambda finding: finding.exit_code)
    others = len(found) - 1
    more = f" (and {plural(others, 'more task', 'more tasks')})" if others else ""
    return Finding(AREA, worst.level, f"{worst.area} {worst.message}{more}", hint=worst.hint, values=values)


def limit_findings(site: Site, now: float, *, name: str = "") -> Iterator[Finding]:
    """Yield what exceeds its limits, of one task or of all, the worst of each; `area` is the task's name.

    Tasks that are disabled, paused or muted are not judged.
    """
    for task in _with_limits(site, now, name):
        broken = list(_broken(site, task, now))
        if broken:
            yield max(broken, key=lambda finding: finding.exit_code)


def _with_limits(site: Site, now: float, name: str) -> Iterator[Kept]:
    sections = [one for one in site.config.tasks if any(getattr(one, key) is not None for key in SETTINGS)]
    if not sections:
        return
    running = {run.name: run.started_at for run in reversed(site.store.runners.running())}
    rows = {row.name: row for row in site.store.scheduled.list()}
    due = {
        row.name: row.next_run_at for row in rows.values() if row.run_id is None and row.next_run_at <= now
    }
    due |= {task.name: task.next_run_at for task in site.store.adhoc.queue_state(now).get().due}
    for task in [name] if name else sorted({*rows, *site.registry.tasks}):
        row, found = rows.get(task), site.planner.override_for(task)
        is_off = row is not None and (row.disabled or row.blocked is not None)
        if is_off or site.pause_of(task, now) or site.mute_of(task, now):
            continue
        if any(getattr(found, key) is not None for key in SETTINGS):
            yield Kept(task, found, row, running.get(task), due.get(task))


def _broken(site: Site, task: Kept, now: float) -> Iterator[Finding]:
    """Yield which limits a task exceeds: too long and too late are warnings, no success is critical."""
    longest, latest, every = (
        task.limits.warn_after,
        task.limits.max_start_delay,
        task.limits.expect_every,
    )
    last = _last(site, task.name) if longest is not None or latest is not None else None
    if longest is not None:
        if task.running_since is not None and now - task.running_since > longest:
            yield _found(
                task, "has been running for", now - task.running_since, f"warn_after {length(longest)}"
            )
        elif last is not None and last.duration > longest:
            yield _found(task, "ran for", last.duration, f"warn_after {length(longest)}")
    if latest is not None:
        if task.due_since is not None and now - task.due_since > latest:
            yield _found(task, "has been due for", now - task.due_since, f"max_start_delay {length(latest)}")
        elif last is not None and last.due_at is not None and last.started_at - last.due_at > latest:
            late = last.started_at - last.due_at
            yield _found(task, "started late by", late, f"max_start_delay {length(latest)}")
    if every is not None and (since := _without_success(site, task)) is not None and now - since > every:
        yield _found(task, "has not succeeded for", now - since, f"expect_every {length(every)}", "critical")


def _found(task: Kept, what: str, seconds: float, limit: str, level: str = "warning") -> Finding:
    message = f"{what} {length(seconds)}, over {limit}"
    hint = f"taskrun why {task.name}" if what.startswith("has been due") else f"taskrun log {task.name}"
    return Finding(task.name, level, message, hint=hint)


def _last(site: Site, name: str) -> Run | None:
    return next(iter(site.store.log.list(LogFilter(names=(name,), limit=1))), None)


def _without_success(site: Site, task: Kept) -> float | None:
    """Return since when a task has had no success, or None if that is not known: it has never run."""
    if task.row is not None:
        if task.row.last_success_at is not None:
            return task.row.last_success_at
        return task.row.failing_since or task.row.next_run_at
    found = site.store.log.list(LogFilter(names=(task.name,), outcome="ok", limit=1))
    return found[0].ended_at if found else None
