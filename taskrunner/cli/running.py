"""taskrun running, stop, pause, resume, kill: the processes at work."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from taskrunner.cli.options import (
    RUN_UNDER_WAY,
    administrator,
    config_option,
    context_of,
    opened_site,
    parse_length,
)
from taskrunner.cli.render import format_options, say, show_listing

if TYPE_CHECKING:
    from taskrunner.installation import Site

WATCH_INTERVAL = 2.0
"""Seconds between two looks."""


@click.command()
@click.option("--watch", is_flag=True, help="Show it again every two seconds.")
@format_options
@config_option
def running(watch: bool, output_format: str | None) -> None:
    """Show the runs under way."""
    site = opened_site()
    try:
        _show(site, output_format)
        while watch:
            site.store.close()
            time.sleep(WATCH_INTERVAL)
            click.clear()
            _show(site, output_format)
    except KeyboardInterrupt:
        return


def _show(site: Site, output_format: str | None) -> None:
    from taskrunner.views.runs import RUNNING, running_tasks

    rows, context = running_tasks(site), context_of(site, time.time())
    show_listing(rows, RUNNING, context, output_format=output_format, empty="nothing is running")


@click.command()
@config_option
def stop() -> None:
    """Let processes leave after their current task."""
    from taskrunner.administration import runs

    runs.stop(opened_site(), who=administrator(), now=time.time())
    say("Every runner leaves after its current task; the next cron starts as usual.")


@click.command()
@click.option("--wait", is_flag=False, flag_value="600", metavar="[SECONDS]", help="Wait until nothing runs.")
@click.option("--reason", default="", help="Why; shown to whoever wonders.")
@config_option
def pause(wait: str | None, reason: str) -> None:
    """Start nothing more until `taskrun resume`."""
    from taskrunner.administration import runs

    seconds = None if wait is None else parse_length(wait)
    site = opened_site()
    runs.pause(site, reason, who=administrator(), now=time.time())
    say("Cron is paused: nothing more is started.")
    if seconds is not None:
        _wait_until_idle(site, until=time.time() + seconds)


@click.command()
@config_option
def resume() -> None:
    """Go on after a pause."""
    from taskrunner.administration import runs

    runs.resume(opened_site(), who=administrator(), now=time.time())
    say("Cron goes on with its next start.")


def _wait_until_idle(site: Site, *, until: float) -> None:
    from taskrunner.administration.runs import recover_dead

    recover_dead(site, now=time.time(), command="pause")  # no cron may be at work to do so
    while rows := site.store.runners.running():
        if time.time() >= until:
            say(f"{len(rows)} still running: {', '.join(row.name for row in rows)}.", err=True)
            sys.exit(1)
        time.sleep(0.5)
        recover_dead(site, now=time.time(), command="pause")
    say("Nothing is running any more.")


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
    from taskrunner.administration import runs

    killed = runs.kill(opened_site(), run, who=administrator(), now=time.time(), grace=grace)
    row = killed.row
    outcome = f"recorded as {killed.run.outcome}" if killed.run else "its end is not recorded"
    say(f"{row.name}, run {row.run_id}, pid {row.pid}: {killed.how}; {outcome}.")
    if row.type == "scheduled" and not killed.by_force and not killed.was_dead:
        say(f"It is due again; `taskrun disable {row.name}` keeps it from running.", err=True)
