"""taskrun kill: end a run from outside."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import click

from taskrunner.cli.completing import RUN_UNDER_WAY
from taskrunner.cli.finding import run_under_way
from taskrunner.cli.render import say
from taskrunner.cli.site import config_option, opened_site
from taskrunner.errors import TaskrunnerError

if TYPE_CHECKING:
    from taskrunner.site import Site

GRACE = 15.0
"""Seconds a run may take to end: more than a forked child gets from its own runner."""


@click.command()
@click.argument("run", type=RUN_UNDER_WAY)
@click.option(
    "--grace",
    type=click.FloatRange(0),
    default=GRACE,
    show_default=True,
    metavar="SECONDS",
    help="Between TERM and KILL.",
)
@config_option
def kill(run: str, grace: float) -> None:
    """End a running task: TERM, and KILL after the grace.

    RUN is the start of its id. The process that runs it ends with it. What ends at TERM is recorded as
    interrupted and is due again at once; what has to be killed is recorded as crashed, and waits as after any
    failure. `taskrun disable` keeps a task from starting again.
    """
    from taskrunner.runner.killing import kill_run

    site = opened_site()
    row = run_under_way(site.store.runners.running(), run)
    if row is None:
        raise TaskrunnerError(f"no run under way has an id that begins with {run}", hint="taskrun running")
    was_killed = kill_run(site, row, grace=grace)
    _recover(site)
    how = "it had to be killed" if was_killed else "it ended when it was asked to"
    site.store.log.explain(row.run_id, f"killed with `taskrun kill` by uid {os.getuid()}: {how}")
    ended = site.store.log.find(row.run_id)
    outcome = f"recorded as {ended[0].outcome}" if ended else "its end is not recorded"
    say(f"{row.name}, run {row.run_id}, pid {row.pid}: {how}; {outcome}.")
    if row.type == "scheduled" and not was_killed:
        say(f"It is due again; `taskrun disable {row.name}` keeps it from running.", err=True)


def _recover(site: Site) -> None:
    """Do the books of a process that was killed, as the next cron would."""
    from taskrunner.runner.assembly import Troubles, assemble
    from taskrunner.runner.recovery import recover

    runner = assemble(site, command="kill", shown="none", troubles=Troubles())
    recover(site, runner.turn, now=time.time())
