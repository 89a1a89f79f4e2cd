"""taskrun run-task: one task, now."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import click

from taskrunner.cli.find import run_under_way
from taskrunner.cli.options import RUN_UNDER_WAY, TASK, config_option, opened_site
from taskrunner.cli.render import new_progress_line, say
from taskrunner.custom_data import decode, encode
from taskrunner.errors import TaskrunnerError

if TYPE_CHECKING:
    from taskrunner.installation import Site


@click.command("run-task")
@click.argument("name", type=TASK)
@click.option("--force", is_flag=True, help="Also if it is disabled, or says that it is not to run.")
@click.option(
    "--wait", type=click.FloatRange(0), default=0.0, metavar="SECONDS", help="If it runs elsewhere."
)
@click.option("--data", metavar="JSON", help="Custom data for an adhoc class, run once without queueing.")
@config_option
def run_task(name: str, force: bool, wait: float, data: str | None) -> None:
    """Run one task now, whatever its schedule.

    It is recorded and planned like any other run. Exit code 1: it failed; 75: it runs elsewhere.
    """
    from taskrunner.runner.build import Troubles, assemble
    from taskrunner.runner.manual import run_adhoc_class, run_scheduled_task
    from taskrunner.runner.process_state import leave

    site = opened_site()
    declaration = site.registry.find(name)
    if declaration.kind == "scheduled" and data is not None:
        raise click.UsageError(f"{declaration.name} is a scheduled task: it takes no --data")
    troubles = Troubles()
    runner = assemble(
        site,
        command="run-task",
        shown="all",
        live=True,
        troubles=troubles,
        progress_line=new_progress_line(),
    )
    if declaration.kind == "scheduled":
        run = run_scheduled_task(runner, declaration, force=force, patience=wait)
    else:
        run = run_adhoc_class(runner, declaration, encode(decode(data or "null")), force=force)
    leave(runner.interruption.exit_code or int(run.outcome != "ok") or troubles.exit_code)


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
    from taskrunner.runner.manual import kill_run

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
    """Recover the run of a process that was killed, as the next cron would."""
    from taskrunner.runner.build import Troubles, assemble
    from taskrunner.runner.recovery import recover

    runner = assemble(site, command="kill", shown="none", troubles=Troubles())
    recover(runner, now=time.time())
