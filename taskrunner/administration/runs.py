"""Cron and its runs, changed: stopped, paused, resumed, one of them killed.

And the database of a site, changed for another one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from taskrunner.administration.audit import Change, State, leave_row, make_due
from taskrunner.errors import TaskrunnerError
from taskrunner.liveness import dead_runner_ids
from taskrunner.records import Suspension
from taskrunner.store.settings import EVERYTHING, MUTED, PAUSED, STOP_REQUESTED_AT, pause_text, suspensions
from taskrunner.views import find

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from taskrunner.administration.audit import Who
    from taskrunner.db.copy import Copied
    from taskrunner.installation import Site
    from taskrunner.records import Run, RunningRow


def stop(site: Site, *, who: Who, now: float) -> None:
    """Let every runner leave after its current task."""
    with site.store.transaction():
        _request_stop(site, now)
        leave_row(site, "stop", "all runners", Change({}, {}), who=who, now=now)


def pause(
    site: Site, names: Sequence[str], *, reason: str, until: float | None, who: Who, now: float
) -> list[Suspension]:
    """Let nothing more start, or nothing of these names, until it is resumed or `until` is over.

    Raises TaskrunnerError: no task has such a name.
    """
    patterns = [find.pattern(site, name) for name in names] or [EVERYTHING]
    with site.store.transaction():
        done = _suspend(site, PAUSED, patterns, reason=reason, until=until, who=who, now=now)
        _request_stop(site, now)
    return done


def resume(site: Site, names: Sequence[str], *, who: Who, now: float) -> list[Suspension]:
    """Let tasks start again: those of these names, or all that no pause of their own keeps.

    Return what was paused. Raises TaskrunnerError: it was not paused by this name.
    """
    with site.store.transaction():
        done = _lift(site, PAUSED, names or [EVERYTHING], who=who, now=now)
        if names:
            _request_stop(site, now)  # those at work know what was paused when they started
    make_due(site, now)
    return done


def mute(
    site: Site, names: Sequence[str], *, reason: str, until: float | None, who: Who, now: float
) -> list[Suspension]:
    """Keep the failures of tasks out of the checks and of notifications. Raises TaskrunnerError."""
    patterns = [find.pattern(site, name) for name in names]
    with site.store.transaction():
        return _suspend(site, MUTED, patterns, reason=reason, until=until, who=who, now=now)


def unmute(site: Site, names: Sequence[str], *, who: Who, now: float) -> list[Suspension]:
    """Let the failures of tasks be heard of again. Raises TaskrunnerError: it was not muted by this name."""
    with site.store.transaction():
        return _lift(site, MUTED, names, who=who, now=now)


ACTIONS = {PAUSED: ("pause", "resume"), MUTED: ("mute", "unmute")}


def _suspend(
    site: Site,
    kind: str,
    patterns: Sequence[str],
    *,
    reason: str,
    until: float | None,
    who: Who,
    now: float,
) -> list[Suspension]:
    before = {one.pattern: one for one in suspensions(site.store.settings.list(), kind, now)}
    done = [Suspension(pattern, now, reason, until, who.login) for pattern in patterns]
    for one in done:
        site.store.settings.suspend(kind, one)
        _leave_row(site, kind, Change(before.get(one.pattern), one), who=who, now=now)
    return done


def _lift(site: Site, kind: str, names: Sequence[str], *, who: Who, now: float) -> list[Suspension]:
    before = {one.pattern: one for one in suspensions(site.store.settings.list(), kind, now)}
    done = []
    for name in names:
        pattern = name if name in before or name == EVERYTHING else find.pattern(site, name)
        if pattern not in before and pattern != EVERYTHING:
            raise TaskrunnerError(
                f"{pattern} is not {kind}{_by_another(pattern, before)}", hint="taskrun status"
            )
        site.store.settings.lift(kind, pattern)
        change: Change[Suspension | None] = Change(before.get(pattern), None)
        _leave_row(site, kind, change, who=who, now=now, pattern=pattern)
        done += [before[pattern]] if pattern in before else []
    return done


def _by_another(name: str, before: Collection[str]) -> str:
    """Return which pattern holds a task that is not held by its own name."""
    from taskrunner.config.schema import matches

    return next((f" by this name, but with {one}" for one in before if matches(one, name)), "")


def _request_stop(site: Site, now: float) -> None:
    site.store.settings.set(STOP_REQUESTED_AT, repr(now))


def _leave_row(
    site: Site, kind: str, change: Change[Suspension | None], *, who: Who, now: float, pattern: str = ""
) -> None:
    pattern = change.after.pattern if change.after else pattern
    action = ACTIONS[kind][change.after is None]
    states = Change(_state(kind, change.before), _state(kind, change.after))
    leave_row(site, action, "cron" if pattern == EVERYTHING else pattern, states, who=who, now=now)


def _state(kind: str, one: Suspension | None) -> State:
    state: State = {kind: one is not None, "reason": one.reason if one else None}
    return state | ({"until_at": one.until} if one and one.until is not None else {})


GRACE = 15.0
"""Seconds a run may take to end when it is asked to: more than a forked child gets from its own runner."""


class Killed(NamedTuple):
    """A run that was ended: whether it had to be killed, and how it was recorded, or None if it was not.

    `was_dead`: its process had died before, so that nothing had to be ended.
    """

    row: RunningRow
    by_force: bool
    run: Run | None
    was_dead: bool = False

    @property
    def how(self) -> str:
        """How it ended, in words."""
        if self.was_dead:
            return "its process had died before"
        return "it had to be killed" if self.by_force else "it ended when it was asked to"


def kill(site: Site, run: str, *, who: Who, now: float, grace: float = GRACE) -> Killed:
    """End the run that is meant, by its id or its task's name: TERM, and KILL after `grace` seconds.

    Raises TaskrunnerError: there is none, or it runs on another host, or belongs to another user.
    """
    from taskrunner.runner.manual import kill_run  # late: pausing does without a runner

    row = find.running_run(site.store.runners.running(), run)
    if row is None:
        raise TaskrunnerError(f"nothing is running that has the name or the id {run}", hint="taskrun running")
    was_dead = row.runner_id in dead_runner_ids(site, now)
    by_force = not was_dead and kill_run(site, row, grace=grace)
    recover_dead(site, now=now, command="kill")
    killed = Killed(row, by_force, None, was_dead)
    with site.store.transaction():
        if not was_dead:
            site.store.log.explain(row.run_id, f"killed by {who.login}: {killed.how}")
        runs = site.store.log.find(row.run_id)
        killed = killed._replace(run=runs[0] if runs else None)
        states = Change[State](
            {"run_id": row.run_id, "hostname": row.hostname, "pid": row.pid},
            {"run_id": row.run_id, "outcome": killed.run.outcome if killed.run else None},
        )
        leave_row(site, "kill", row.name, states, who=who, now=now)
    return killed


def recover_dead(site: Site, *, now: float, command: str, shown: str = "none") -> None:
    """Record the ends of processes that have died, as the next cron would, also while cron is paused."""
    if not dead_runner_ids(site, now):
        return
    from taskrunner.runner.build import Troubles, assemble
    from taskrunner.runner.presence import recover

    runner = assemble(site, command=command, shown=shown, troubles=Troubles())
    recover(runner, now=runner.clock())
    runner.output.close()


def copy_database(
    site: Site,
    url: str,
    shown: str,
    *,
    who: Who,
    now: float,
    progress: Callable[[str, int], object] = lambda _table, _rows: None,
) -> list[Copied]:
    """Copy a whole site to the database that a URL names; return what was copied. `shown`: without a secret.

    Nothing starts with the old database from then on. Raises StoreError: the new one is not empty, or was not
    filled rightly; StoreBusyError: runners are at work. Then nothing has changed.
    """
    from taskrunner.db.copy import copy_site  # late: this is done once in the life of a site

    paused = site.store.settings.list().get(PAUSED)

    def reopen() -> None:
        if paused is None:
            site.store.settings.delete(PAUSED)
        else:
            site.store.settings.set(PAUSED, paused)

    site.store.close()
    closing = (PAUSED, pause_text(now, f"the site was copied to {shown}, which is used instead"))
    copied = copy_site(site.config.database, url, closing=closing, reopen=reopen, progress=progress)
    _leave_row_of_copy(site, url, shown, copied, who=who, now=now)
    return copied


def _leave_row_of_copy(
    site: Site, url: str, shown: str, copied: list[Copied], *, who: Who, now: float
) -> None:
    """Leave the row of it in the new database."""
    from taskrunner.store import open_store

    store = open_store(url, lock_database=None)
    try:
        with store.transaction():
            rows = {table.table: table.rows for table in copied if table.rows}
            leave_row(site, "db copy", shown, Change({}, {"rows": rows}), who=who, now=now, store=store)
    finally:
        store.close()
