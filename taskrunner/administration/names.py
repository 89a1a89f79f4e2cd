"""Tasks whose class is gone or has another name: forgotten, or carried over."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from taskrunner.administration.audit import Change, State, leave_row, make_due
from taskrunner.errors import StoreBusyError
from taskrunner.renames import carry_over
from taskrunner.views import find

if TYPE_CHECKING:
    from collections.abc import Sequence

    from taskrunner.administration.audit import Who
    from taskrunner.installation import Site
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
