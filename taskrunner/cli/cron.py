"""taskrun cron, run-task: what the crontab line calls every minute, and one task by hand."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import click

from taskrunner.cli.options import (
    TASK,
    config_option,
    configuration,
    context_of,
    named_config,
    opened_site,
    pause_sentence,
    tell_broken,
)
from taskrunner.cli.render import new_progress_line, say
from taskrunner.config.find import current_directory
from taskrunner.formatting import length

if TYPE_CHECKING:
    from collections.abc import Mapping

    from taskrunner.config.values import PingTarget
    from taskrunner.idle_cache import Watch
    from taskrunner.installation import Site
    from taskrunner.records import ScheduledRow
    from taskrunner.runner import Runner, Summary
    from taskrunner.runner.notify import Notifier
    from taskrunner.runner.ping import Ping
    from taskrunner.runner.presence import Renewal


@click.command()
@click.option("--keep-alive", type=click.IntRange(0, 900), metavar="N", help="Look for work for N seconds.")
@click.option("--force", is_flag=True, help="Run although cron is paused.")
@click.option("--quiet", is_flag=True, help="Print nothing; log files are still written.")
@click.option("--verbose", is_flag=True, help="Print everything, whatever [cron] stdout says.")
@click.option(
    "--dry-run", is_flag=True, help="Say what would run now, and why the rest would not; run nothing."
)
@click.option("--strict", is_flag=True, help="End with exit code 1 if a task failed.")
@click.option(
    "--trigger",
    type=click.Choice(("cron", "web")),
    default="cron",
    help="What starts it; web is for visits to a web site, and ends at once if another host was first.",
)
@click.option(
    "--renewed", hidden=True, default="", help="Internal: what this process knew before it started anew."
)
@config_option
def cron(
    keep_alive: int | None,
    force: bool,
    quiet: bool,
    verbose: bool,
    dry_run: bool,
    strict: bool,
    trigger: str,
    renewed: str,
) -> None:
    """Run what is due; the crontab line calls this.

    Scheduled tasks first, then queued ones, one after the other in this process.
    """
    from taskrunner.administration.runs import recover_dead
    from taskrunner.config.load import enter_directory
    from taskrunner.heartbeat import WEB
    from taskrunner.hosts import CronEnd
    from taskrunner.idle_cache import watch
    from taskrunner.installation import open_site
    from taskrunner.runner.build import Troubles, assemble
    from taskrunner.runner.notify import tell_broken_plugins, tell_visits, was_first
    from taskrunner.runner.presence import leave

    environ = dict(os.environ)  # as an idle minute will see it, without what [run] sets
    seen = watch(named_config(), environ=os.environ, cwd=current_directory(), now=time.time())
    config = configuration()
    if dry_run:
        enter_directory(config)
        show_plan(open_site(config, now=time.time()), now=time.time())
        return
    before = _renewal(renewed) if renewed else None
    shown = "none" if quiet else "all" if verbose else config.cron.stdout
    with CronEnd(config.state_dir, time.time) as end:
        enter_directory(config)
        site = end.site = open_site(config, now=time.time(), is_cron=True)
        if before is None:
            if trigger == WEB and not was_first(site, time.time()):
                return
            _begin(site, seen, trigger, environ)
            is_said = not quiet and config.cron.stdout == "failures"  # with "all" the log has them
            tell_broken_plugins(site, now=time.time(), say=complain if is_said else None)
        if (paused := site.store.settings.pause(time.time())) and not force:
            recover_dead(site, now=time.time(), command="cron", shown=shown)
            end.note(0)
            if verbose or os.isatty(1):  # not a mail a minute
                say(pause_sentence(paused, context_of(site, time.time())))
            return
        troubles = Troubles()
        runner = assemble(
            site,
            command="cron" if trigger == "cron" else f"cron --trigger {trigger}",
            shown=shown,
            keep_alive=config.cron.keep_alive if keep_alive is None else keep_alive,
            always_shown=verbose,
            troubles=troubles,
            may_renew=True,
            renewed=before,
        )
        ping = _ping(config.notify.ping, runner, starts=before is None) if config.notify.ping else None
        if before is None and runner.settler.notifier is not None:
            _tell_overdue(site, runner.settler.notifier)
        summary = runner.work()
        if runner.renewal is not None:
            _start_anew(
                runner,
                _options(keep_alive, trigger, force=force, quiet=quiet, verbose=verbose, strict=strict),
            )
        tell_visits(site, time.time())
        status = runner.interruption.exit_code or troubles.exit_code or int(strict and summary.failed > 0)
        if ping is not None:
            _ping_end(ping, summary, status=status, seconds=time.time() - runner.identity.started_at)
        end.note(troubles.exit_code, "; ".join(troubles.lines))
        leave(status)


def _renewal(text: str) -> Renewal | None:
    """Return what this process knows from before it started anew, or None if that cannot be read."""
    from taskrunner.runner.presence import renewal_of

    try:
        return renewal_of(text)
    except ValueError:  # another version was installed meanwhile
        return None


def _options(keep_alive: int | None, trigger: str, **flags: bool) -> list[str]:
    options = [f"--{name}" for name, is_on in flags.items() if is_on]
    if keep_alive is not None:
        options += ["--keep-alive", str(keep_alive)]
    return [*options, "--trigger", trigger]


def _start_anew(runner: Runner, options: list[str]) -> None:
    """Start anew in this process; where that fails, leave like any other cron."""
    from taskrunner.runner.presence import start_anew, wait_for_threads

    wait_for_threads()
    if runner.renewal is not None and not runner.interruption.asked_to_stop:
        try:
            start_anew(runner.renewal, runner.site.config.file, options)
        except OSError as error:
            runner.output.say(f"Cannot start anew: {error.strerror}; the next cron runs the rest.")
    runner.say_goodbye()
    runner.output.close()


def _begin(site: Site, seen: Watch, trigger: str, environ: Mapping[str, str]) -> None:
    """Note that a cron starts, for the next one, for other hosts and for visits, and look at the clock."""
    from taskrunner.heartbeat import WEB, beat
    from taskrunner.hosts import begin_counting, note_site
    from taskrunner.idle_cache import remember
    from taskrunner.installation import plan_anew_after_clock_step
    from taskrunner.runner.notify import put_visits_off
    from taskrunner.store.runs import LONGEST_UNKEPT

    now = time.time()
    if trigger != WEB:
        put_visits_off(site, now)
    remember(site, seen, environ=environ)
    before = beat(site.config.state_dir, now, trigger=trigger)
    if before is not None and before.is_ahead_of(now):
        plan_anew_after_clock_step(site, now)
    if before is not None and now - before.started_at > LONGEST_UNKEPT:
        site.store.hosts.note_gap(site.hostname, before.started_at, now)
    note_site(site, now)
    older = begin_counting(site, before, now)
    if older is not None:
        complain(older.message(site.config.timezone))


def complain(line: str) -> None:
    """Print a line for whoever gets cron's mail."""
    say(f"taskrun: {line}", err=True)


def _ping(target: PingTarget, runner: Runner, *, starts: bool) -> Ping:
    """Return the dead man's switch of [notify], which hears of the start of a cron that has just begun."""
    from taskrunner.runner.ping import Ping

    run_id = runner.identity.id
    ping = Ping(target, run_id, "this cron", lambda line: complain(f"[notify] {line}"))
    if starts:
        ping.start()
    return ping


def _ping_end(ping: Ping, summary: Summary, *, status: int, seconds: float) -> None:
    from taskrunner.runner.ping import Ended

    text = f"{summary.scheduled} scheduled, {summary.adhoc} adhoc, {summary.failed} failed"
    ping.end(Ended(status, seconds, text))


def _tell_overdue(site: Site, notifier: Notifier) -> None:
    """Notify the administrator's command if this cron is the first after a gap."""
    from taskrunner.heartbeat import last_beat
    from taskrunner.runner.events import cron_overdue

    config, last = site.config, last_beat(site.config.state_dir)
    if last is None:
        return
    event = cron_overdue(
        last.interval, hostname=site.hostname, now=last.started_at, longest=config.check.cron_warning
    )
    if event is not None:
        notifier.send(event)


def show_plan(site: Site, *, now: float) -> None:
    """Print what would run now, and why the rest would not; nothing is claimed, no task is asked."""
    from taskrunner.views.tasks import is_due, why_not_due

    rows = site.store.scheduled.list()
    due = sorted(
        (row for row in rows if is_due(row, now) and site.pause_of(row.name, now) is None),
        key=lambda row: (row.next_run_at, row.id),
    )
    _show("Would run now, in this order:", [f"{row.name} (due for {_overdue(row, now)})" for row in due])
    waiting = [row for row in site.store.adhoc.list() if row.next_run_at <= now and row.attempts_left > 0]
    _show(
        "Then these adhoc tasks:",
        [
            f"{row.name} {row.id}"
            for row in waiting
            if row.name in site.registry.tasks and site.pause_of(row.name, now) is None
        ],
    )
    context = context_of(site, now)
    rest = [row for row in rows if row not in due]
    _show("Would not run:", [f"{row.name}: {why_not_due(row, context)}" for row in rest])


def _overdue(row: ScheduledRow, now: float) -> str:
    return length(now - row.next_run_at)


def _show(title: str, lines: list[str]) -> None:
    say(title)
    for line in lines or ["nothing"]:
        say(f"  {line}")


@click.command("run-task")
@click.argument("name", type=TASK)
@click.option("--force", is_flag=True, help="Run it even if it is disabled, or refuses to run.")
@click.option(
    "--wait",
    type=click.FloatRange(0),
    default=0.0,
    metavar="SECONDS",
    help="If it is running elsewhere, wait so long for it.",
)
@click.option("--data", metavar="JSON", help="Custom data for an adhoc class, run once without queueing.")
@config_option
def run_task(name: str, force: bool, wait: float, data: str | None) -> None:
    """Run one task now, whatever its schedule.

    It is recorded and planned like any other run. Exit code 1: it failed; 75: it runs elsewhere.
    """
    from taskrunner.config.load import enter_directory
    from taskrunner.queueing import decode_data, encode_data
    from taskrunner.runner.build import Troubles, assemble
    from taskrunner.runner.job import BY_HAND
    from taskrunner.runner.manual import run_adhoc_class, run_scheduled_task
    from taskrunner.runner.presence import leave

    site = opened_site()
    enter_directory(site.config)
    tell_broken(site)
    declaration = site.registry.find(name)
    if declaration.kind == "scheduled" and data is not None:
        raise click.UsageError(f"{declaration.name} is a scheduled task: it takes no --data")
    troubles = Troubles()
    runner = assemble(
        site,
        command=BY_HAND,
        shown="all",
        live=True,
        troubles=troubles,
        progress_line=new_progress_line(),
    )
    if declaration.kind == "scheduled":
        run = run_scheduled_task(runner, declaration, force=force, patience=wait)
    else:
        run = run_adhoc_class(runner, declaration, encode_data(decode_data(data or "null")), force=force)
    leave(runner.interruption.exit_code or int(run.outcome != "ok") or troubles.exit_code)
