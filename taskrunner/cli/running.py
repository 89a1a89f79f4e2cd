"""taskrun running, stop, pause, resume, kill: the processes at work."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, TypeVar

import click

from taskrunner.administration.runs import GRACE
from taskrunner.cli.options import (
    RUN_UNDER_WAY,
    TASK,
    administrator,
    config_option,
    context_of,
    opened_site,
    parse_length,
    parse_moment,
    zone_of,
)
from taskrunner.cli.render import format_options, say, show_listing
from taskrunner.formatting import long_moment

if TYPE_CHECKING:
    from collections.abc import Callable

    from taskrunner.installation import Site
    from taskrunner.records import RunningRow

F = TypeVar("F", bound="Callable[..., Any]")

WATCH_INTERVAL = 2.0
"""Seconds between two looks."""


@click.command()
@click.option("--watch", is_flag=True, help="Show it again every two seconds.")
@format_options
@config_option
def running(watch: bool, output_format: str | None) -> None:
    """Show the runs under way."""
    site = opened_site(for_reading=True)
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
    """Stop every runner after its current task."""
    from taskrunner.administration import runs

    runs.stop(opened_site(), who=administrator(), now=time.time())
    say("The next cron starts as usual.")


def end_options(function: F) -> F:
    """Give a command --for and --until, as `length` and `until`."""
    function = click.option("--until", metavar="TIME", help="Ends by itself: 16:00, monday, an ISO time.")(
        function
    )
    return click.option("--for", "length", metavar="LENGTH", help="Ends by itself after: 30m, 2h, 1d.")(
        function
    )


@click.command()
@click.argument("names", nargs=-1, type=TASK, metavar="[NAME]...")
@click.option("--wait", is_flag=False, flag_value="600", metavar="[SECONDS]", help="Wait until nothing runs.")
@end_options
@click.option("--reason", default="", help="The reason; status, list and why show it.")
@config_option
def pause(
    names: tuple[str, ...], wait: str | None, length: str | None, until: str | None, reason: str
) -> None:
    """Start no more tasks until `taskrun resume`.

    With NAME only this task, adhoc class or pattern, as 'imports.*', is paused.
    """
    from taskrunner.administration import runs

    seconds = None if wait is None else parse_length(wait)
    site, now = opened_site(), time.time()
    ends_at = _end(site, length, until, now=now)
    done = runs.pause(site, names, reason=reason, until=ends_at, who=administrator(), now=now)
    when = f" until {long_moment(ends_at, zone_of(site))}" if ends_at is not None else ""
    what = ", ".join(one.pattern for one in done) if names else "Cron"
    say(f"{what} {'are' if len(done) > 1 else 'is'} paused{when}: nothing more is started.")
    if seconds is not None:
        _wait_until_idle(site, [one.pattern for one in done], until=time.time() + seconds)


def _end(site: Site, length: str | None, until: str | None, *, now: float) -> float | None:
    """Return when something is to end by itself. Raises UsageError."""
    if length and until:
        raise click.UsageError("give --for or --until, not both")
    if length:
        return now + parse_length(length)
    if until is None:
        return None
    ends_at = parse_moment(until, now=now, zone=zone_of(site), ahead=True)
    if ends_at <= now:
        raise click.UsageError(f"--until {until} is in the past")
    return ends_at


@click.command()
@click.argument("names", nargs=-1, type=TASK, metavar="[NAME]...")
@config_option
def resume(names: tuple[str, ...]) -> None:
    """Let cron start tasks again after a pause.

    With NAME only what was paused by this name or pattern.
    """
    from taskrunner.administration import runs

    site, now = opened_site(), time.time()
    done = runs.resume(site, names, who=administrator(), now=now)
    if names:
        say(f"The next cron starts {', '.join(one.pattern for one in done)} again.")
    else:
        say("The next cron starts tasks again.")
        if site.pauses:
            say(f"Still paused: {', '.join(one.pattern for one in site.pauses)}.", err=True)


@click.command()
@click.argument("names", nargs=-1, required=True, type=TASK, metavar="NAME...")
@end_options
@click.option("--note", default="", help="The reason; status, list and why show it.")
@config_option
def mute(names: tuple[str, ...], length: str | None, until: str | None, note: str) -> None:
    """Mute a known failure.

    `taskrun check` does not warn of it, and no notifications are sent. The tasks run as before.
    NAME is a task, an adhoc class, or a pattern as 'imports.*'. `taskrun unmute` ends this.
    """
    from taskrunner.administration import runs

    site, now = opened_site(), time.time()
    ends_at = _end(site, length, until, now=now)
    done = runs.mute(site, names, reason=note, until=ends_at, who=administrator(), now=now)
    when = f" until {long_moment(ends_at, zone_of(site))}" if ends_at is not None else ""
    say(f"Failures of {', '.join(one.pattern for one in done)} are muted{when}.")


@click.command()
@click.argument("names", nargs=-1, required=True, type=TASK, metavar="NAME...")
@config_option
def unmute(names: tuple[str, ...]) -> None:
    """Stop muting failures.

    NAME is the name or pattern by which they were muted.
    """
    from taskrunner.administration import runs

    done = runs.unmute(opened_site(), names, who=administrator(), now=time.time())
    say(f"Failures of {', '.join(one.pattern for one in done)} are no longer muted.")


def _wait_until_idle(site: Site, patterns: list[str], *, until: float) -> None:
    from taskrunner.administration.runs import recover_dead
    from taskrunner.config.schema import matches

    def running() -> list[RunningRow]:
        rows = site.store.runners.running()
        return [row for row in rows if any(matches(pattern, row.name) for pattern in patterns)]

    recover_dead(site, now=time.time(), command="pause")  # no cron may be at work to do so
    while rows := running():
        if time.time() >= until:
            say(f"{len(rows)} still running: {', '.join(row.name for row in rows)}.", err=True)
            sys.exit(1)
        time.sleep(0.5)
        recover_dead(site, now=time.time(), command="pause")
    say("Nothing is running any more.")


@click.command()
@click.argument("run", type=RUN_UNDER_WAY)
@click.option(
    "--grace",
    type=click.FloatRange(0),
    default=GRACE,
    show_default=True,
    metavar="SECONDS",
    help="Time between TERM and KILL.",
)
@config_option
def kill(run: str, grace: float) -> None:
    """End a running task: TERM, and KILL after the grace.

    RUN is the start or the end of its id, or the name of a running task. The process that runs it ends with
    it. A run that ends at TERM is recorded as interrupted and is due again at once. One that has to be killed
    is recorded as crashed, and waits as after any failure. `taskrun disable` keeps a task from starting.
    """
    from taskrunner.administration import runs

    killed = runs.kill(opened_site(), run, who=administrator(), now=time.time(), grace=grace)
    row = killed.row
    outcome = f"recorded as {killed.run.outcome}" if killed.run else "its end is not recorded"
    say(f"{row.name}, run {row.run_id}, pid {row.pid}: {killed.how}; {outcome}.")
    if row.type == "scheduled" and not killed.by_force and not killed.was_dead:
        say(f"It is due again; `taskrun disable {row.name}` keeps it from running.", err=True)
