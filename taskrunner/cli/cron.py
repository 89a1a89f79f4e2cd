"""taskrun cron: what the crontab line calls every minute."""

from __future__ import annotations

import os
import time

import click

from taskrunner.cli.site import config_option, configuration, named_config
from taskrunner.cli.times import long_moment


@click.command()
@click.option("--keep-alive", type=click.IntRange(0, 900), metavar="N", help="Look for work for N seconds.")
@click.option("--force", is_flag=True, help="Run although cron is paused.")
@click.option("--quiet", is_flag=True, help="Print nothing; the log files are written all the same.")
@click.option("--verbose", is_flag=True, help="Print also when nothing was due and nobody is watching.")
@click.option(
    "--dry-run", is_flag=True, help="Say what would run now, and why the rest would not; run nothing."
)
@click.option("--strict", is_flag=True, help="End with exit code 1 if a task failed.")
@click.option(
    "--trigger",
    type=click.Choice(("cron", "web")),
    default="cron",
    help="What starts it: web is for visits to a web site, and leaves when another host was first.",
)
@config_option
def cron(
    keep_alive: int | None, force: bool, quiet: bool, verbose: bool, dry_run: bool, strict: bool, trigger: str
) -> None:
    """Run what is due: what the crontab line calls.

    Scheduled tasks first, then queued ones, one after the other in this process.
    """
    from taskrunner.heartbeat import WEB, beat
    from taskrunner.idle.remembering import remember, watch
    from taskrunner.schedule.zones import get_zone
    from taskrunner.site import mend_after_clock_step, open_site

    seen = watch(named_config(), environ=os.environ, cwd=os.getcwd(), now=time.time())
    config = configuration()
    site = open_site(config, now=time.time())
    if dry_run:
        from taskrunner.cli.dry_run import show_plan

        show_plan(site, now=time.time())
        return
    if (paused := site.store.settings.pause()) and not force:
        from taskrunner.cli.render import say

        since, reason = paused
        why = f" ({reason})" if reason else ""
        at = long_moment(since, get_zone(config.timezone))
        say(f"Cron is paused since {at}{why}. `taskrun resume` goes on, --force runs once.")
        return
    from taskrunner.runner.assembly import Troubles, assemble
    from taskrunner.runner.leaving import leave
    from taskrunner.runner.outlook import put_visits_off, tell_visits, was_first

    now = time.time()
    if trigger == WEB and not was_first(site, now):
        return
    if trigger != WEB:
        put_visits_off(site, now)
    remember(site, seen, environ=os.environ)
    before = beat(config.state_dir, now, trigger=trigger)
    if before is not None and before.is_ahead_of(now):
        mend_after_clock_step(site, now)
    if site.store.is_shared:
        site.store.hosts.beat(site.hostname, now)
    troubles = Troubles()
    runner = assemble(
        site,
        command="cron" if trigger == "cron" else f"cron --trigger {trigger}",
        shown="none" if quiet else config.cron.stdout,
        keep_alive=config.cron.keep_alive if keep_alive is None else keep_alive,
        always_shown=verbose,
        troubles=troubles,
    )
    summary = runner.work()
    tell_visits(site, time.time())
    leave(runner.interruption.exit_code or troubles.exit_code or int(strict and summary.failed > 0))
