"""Tasks, changed: their schedule, whether they run, when they are due.

A task whose class is gone is forgotten; one whose class has another name is carried over.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from taskrunner.administration.audit import Change, State, leave_row, make_due
from taskrunner.errors import ChangedMeanwhileError, PluginError, StoreBusyError, TaskrunnerError
from taskrunner.installation import carry_over
from taskrunner.views import find

if TYPE_CHECKING:
    from collections.abc import Sequence

    from taskrunner.administration.audit import Who
    from taskrunner.installation import Site
    from taskrunner.plugins import Declaration
    from taskrunner.records import ScheduledRow


class Forgotten(NamedTuple):
    """A task that was forgotten, and how many queued ones went with it."""

    name: str
    queued: int


class Renamed(NamedTuple):
    """A task that was carried over to another name: how many kept runs and queued tasks went along."""

    old: str
    new: str
    runs: int
    queued: int


def schedule(
    site: Site, name: str, expression: str, *, who: Who, now: float, seen: str | None = None
) -> Change[ScheduledRow]:
    """Give a task a schedule of the administrator's own.

    `seen`: the `version_of` the row on which the person decided; another one means that somebody else was
    first. Raises TaskrunnerError: there is no such task, the configuration decides, or the schedule is wrong;
    ChangedMeanwhileError.
    """
    declaration = find.scheduled_task(site, name)
    _refuse_if_decided(site, declaration.name, "schedule")
    site.planner.schedule(expression, name=declaration.name, timezone=declaration.timezone)
    own = {"own_schedule": expression}
    return _customise(site, "schedule", declaration, own, who=who, now=now, seen=seen)


def reset(site: Site, name: str, *, who: Who, now: float, seen: str | None = None) -> Change[ScheduledRow]:
    """Give a task back what its plugin declares. Raises TaskrunnerError: no such task, not to decide here."""
    declaration = find.scheduled_task(site, name)
    for setting in ("schedule", "disabled"):
        _refuse_if_decided(site, declaration.name, setting)
    own = {"own_schedule": None, "own_disabled": None}
    return _customise(site, "schedule --reset", declaration, own, who=who, now=now, seen=seen)


def enable(site: Site, name: str, *, who: Who, now: float, seen: str | None = None) -> Change[ScheduledRow]:
    """Let a disabled task run again. Raises TaskrunnerError: no such task, or not to decide here."""
    return _set_disabled(site, name, 0, who=who, now=now, seen=seen)


def disable(
    site: Site, name: str, *, reason: str = "", who: Who, now: float, seen: str | None = None
) -> Change[ScheduledRow]:
    """Keep a task from running, for a reason. Raises TaskrunnerError: no such task, or not to decide here."""
    return _set_disabled(site, name, 1, who=who, now=now, seen=seen, reason=reason)


def version_of(row: ScheduledRow) -> str:
    """Return a text that changes when an administrator, a plugin or the configuration changes a task."""
    return json.dumps([row.schedule, row.timezone, row.own_schedule, row.disabled, row.own_disabled])


def retry(site: Site, name: str, *, who: Who, now: float) -> Change[ScheduledRow]:
    """Forget the fail delay of a task and make it due. Raises TaskrunnerError: there is no such task."""
    declaration = find.scheduled_task(site, name)
    with site.store.transaction():
        before = _row(site, declaration.name)
        site.store.scheduled.retry(declaration.name, now)
        change = Change(before, _row(site, declaration.name))
        _leave_row(site, "retry", change, who=who, now=now)
    make_due(site, now)
    return change


def forget(site: Site, names: Sequence[str], *, who: Who, now: float) -> list[Forgotten]:
    """Remove missing tasks and what is queued of them; their kept runs stay.

    Raises TaskrunnerError, and changes nothing: a plugin declares one of them, or nothing is known of it;
    StoreBusyError: one is running.
    """
    missing = [find.missing_task(site, name) for name in names]
    with site.store.transaction():
        return [_forget(site, name, who=who, now=now) for name in dict.fromkeys(missing)]


def rename(site: Site, old: str, new: str, *, who: Who, now: float) -> Renamed:
    """Carry a missing task over to the name that its class has now.

    Raises TaskrunnerError: the old name is still declared, or nothing is known of it; UnknownTaskError: no
    plugin declares the new one; StoreBusyError: one of them is running.
    """
    before, declaration = find.missing_task(site, old), site.registry.find(new)
    with site.store.transaction():
        for name in (before, declaration.name):
            _refuse_running(site, name)
        runs, queued = _kept(site, before)
        row = carry_over(site.store, before, declaration.name)
        if declaration.kind == "scheduled":
            current = site.store.scheduled.find_for_change(declaration.name)
            own = _own_of(row, current)
            fields = site.planner.declared(declaration, current, now, **own)
            site.store.scheduled.declare(fields._asdict())
        done = Renamed(before, declaration.name, runs, queued)
        states = Change[State]({"name": before}, {"name": declaration.name, "runs": runs, "queued": queued})
        leave_row(site, "rename", declaration.name, states, who=who, now=now)
    make_due(site, now)
    return done


def _set_disabled(
    site: Site, name: str, disabled: int, *, who: Who, now: float, seen: str | None, reason: str = ""
) -> Change[ScheduledRow]:
    declaration = find.scheduled_task(site, name)
    _refuse_if_decided(site, declaration.name, "disabled")
    own = {"own_disabled": None if bool(disabled) == declaration.disabled else disabled}
    action = "disable" if disabled else "enable"
    return _customise(site, action, declaration, own, who=who, now=now, seen=seen, reason=reason)


def _refuse_if_decided(site: Site, name: str, setting: str) -> None:
    if decider := site.config.decided_by(name, setting):
        what = f"the schedule of {name}" if setting == "schedule" else f"whether {name} is disabled"
        raise TaskrunnerError(f"{decider} decides {what}", hint="change it there")


def _customise(
    site: Site,
    action: str,
    declaration: Declaration,
    own: dict[str, Any],
    *,
    who: Who,
    now: float,
    seen: str | None,
    reason: str = "",
) -> Change[ScheduledRow]:
    """Write what is the administrator's own, and plan the task anew."""
    with site.store.transaction():
        before = site.store.scheduled.find_for_change(declaration.name) or _row(site, declaration.name)
        if seen not in (None, version_of(before)):
            raise ChangedMeanwhileError(
                f"{declaration.name} was changed meanwhile", hint=f"taskrun show {declaration.name}"
            )
        fields = site.planner.declared(declaration, before, now, **own)
        site.store.scheduled.declare(fields._asdict())
        change = Change(before, _row(site, declaration.name))
        _leave_row(site, action, change, who=who, now=now, reason=reason)
    make_due(site, fields.next_run_at)
    return change


def _leave_row(
    site: Site, action: str, change: Change[ScheduledRow], *, who: Who, now: float, reason: str = ""
) -> None:
    said: State = {"reason": reason} if reason else {}
    states = Change(_state(change.before), _state(change.after) | said)
    leave_row(site, action, change.after.name, states, who=who, now=now)


def _state(row: ScheduledRow) -> State:
    """Return what administrators change of a scheduled task."""
    return {
        "schedule": row.schedule,
        "disabled": bool(row.disabled),
        "customised": bool(row.customised),
        "next_run_at": row.next_run_at,
        "fail_delay": row.fail_delay,
    }


def _row(site: Site, name: str) -> ScheduledRow:
    row = site.store.scheduled.find(name)
    if row is None:
        raise PluginError(f"{name} has no row yet: see what is wrong with it", hint="taskrun plugins")
    return row


def _own_of(before: ScheduledRow | None, current: ScheduledRow | None) -> dict[str, str | int | None]:
    """Return what was the administrator's own, unless the new name has something of its own already."""
    if before is None or current is None or current.customised:
        return {}
    return {"own_schedule": before.own_schedule, "own_disabled": before.own_disabled}


def _forget(site: Site, name: str, *, who: Who, now: float) -> Forgotten:
    _refuse_running(site, name)
    row = site.store.scheduled.find(name)
    site.store.scheduled.remove(name)
    queued = site.store.adhoc.forget(name)
    state: State = {"queued": queued}
    if row is not None:
        state |= {
            "schedule": row.schedule,
            "customised": bool(row.customised),
            "disabled": bool(row.disabled),
        }
    leave_row(site, "forget", name, Change(state, {}), who=who, now=now)
    return Forgotten(name, queued)


def _kept(site: Site, name: str) -> tuple[int, int]:
    runs, _ = site.store.log.count(name, since=0.0)
    queued = [row for row in site.store.adhoc.summary(0.0) if row.name == name]
    return runs, sum(row.due + row.waiting + row.given_up for row in queued)


def _refuse_running(site: Site, name: str) -> None:
    if any(row.name == name for row in site.store.runners.running()):
        raise StoreBusyError(f"{name} is running, or its end is not recorded yet", hint="taskrun running")
