"""Cron and its runs, changed: stopped, paused, resumed, one of them killed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from taskrunner.administration.audit import Change, State, leave_row, make_due
from taskrunner.errors import TaskrunnerError
from taskrunner.liveness import dead_runner_ids
from taskrunner.store.settings import PAUSED, STOP_REQUESTED_AT
from taskrunner.views import find

if TYPE_CHECKING:
    from taskrunner.administration.audit import Who
    from taskrunner.installation import Site
    from taskrunner.records import Run, RunningRow

Pause = tuple[float, str]
"""Since when, and why."""


def stop(site: Site, *, who: Who, now: float) -> None:
    """Let every runner leave after its current task."""
    with site.store.transaction():
        _request_stop(site, now)
        leave_row(site, "stop", "all runners", Change({}, {}), who=who, now=now)


def pause(site: Site, reason: str, *, who: Who, now: float) -> Change[Pause | None]:
    """Let nothing more start until cron is resumed."""
    with site.store.transaction():
        change = Change(site.store.settings.pause(), (now, reason))
        site.store.settings.set_pause(now, reason)
        _request_stop(site, now)
        _leave_row(site, "pause", change, who=who, now=now)
    return change


def resume(site: Site, *, who: Who, now: float) -> Change[Pause | None]:
    """Let cron start tasks again."""
    with site.store.transaction():
        change: Change[Pause | None] = Change(site.store.settings.pause(), None)
        site.store.settings.delete(PAUSED)
        _leave_row(site, "resume", change, who=who, now=now)
    make_due(site, now)
    return change


def _request_stop(site: Site, now: float) -> None:
    site.store.settings.set(STOP_REQUESTED_AT, repr(now))


def _leave_row(site: Site, action: str, change: Change[Pause | None], *, who: Who, now: float) -> None:
    states = Change(_state(change.before), _state(change.after))
    leave_row(site, action, "cron", states, who=who, now=now)


def _state(pause: Pause | None) -> State:
    return {"paused": True, "reason": pause[1]} if pause else {"paused": False, "reason": None}


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


def kill(site: Site, prefix: str, *, who: Who, now: float, grace: float) -> Killed:
    """End the run whose id begins so: TERM, and KILL after `grace` seconds.

    Raises TaskrunnerError: there is none, or it runs on another host, or belongs to another user.
    """
    from taskrunner.runner.manual import kill_run  # late: pausing does without a runner

    row = find.running_run(site.store.runners.running(), prefix)
    if row is None:
        raise TaskrunnerError(f"no run under way has an id that begins with {prefix}", hint="taskrun running")
    was_dead = row.runner_id in dead_runner_ids(site, now)
    by_force = not was_dead and kill_run(site, row, grace=grace)
    recover_dead(site, now=now, command="kill")
    killed = Killed(row, by_force, None, was_dead)
    with site.store.transaction():
        if not was_dead:
            site.store.log.explain(row.run_id, f"killed with `taskrun kill` by uid {who.uid}: {killed.how}")
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
    from taskrunner.runner.recovery import recover

    runner = assemble(site, command=command, shown=shown, troubles=Troubles())
    recover(runner, now=runner.clock())
    runner.output.close()
