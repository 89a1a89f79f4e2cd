"""taskrun schedule, enable, disable, retry: scheduled tasks, changed."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from taskrunner.cli.auditing import audit, state_of_scheduled
from taskrunner.cli.find import find_task, is_due, state_of
from taskrunner.cli.options import SCHEDULED_TASK, config_option, opened_site, tell_visits, zone_of
from taskrunner.cli.render import say
from taskrunner.errors import PluginError, TaskrunnerError

if TYPE_CHECKING:
    from taskrunner.installation import Site
    from taskrunner.plugins import Declaration
    from taskrunner.records import ScheduledRow


@click.command()
@click.argument("name", type=SCHEDULED_TASK)
@click.argument("expression", required=False)
@click.option("--reset", is_flag=True, help="Back to what the plugin declares.")
@config_option
def schedule(name: str, expression: str | None, reset: bool) -> None:
    """Give a task a schedule of your own.

    EXPRESSION is as "17 3 * * *" or "every 2h"; it survives changes of the plugin.
    """
    if (expression is None) != reset:
        raise click.UsageError('give a schedule, as "17 3 * * *", or --reset')
    site = opened_site()
    declaration = find_task(site, name, scheduled=True)
    _refuse_if_decided(site, declaration.name, "schedule")
    if expression is not None:
        site.planner.schedule(expression, name=declaration.name, timezone=declaration.timezone)
    if reset:
        _refuse_if_decided(site, declaration.name, "disabled")
        customise(site, "schedule --reset", declaration, own_schedule=None, own_disabled=None)
    else:
        customise(site, "schedule", declaration, own_schedule=expression)


@click.command()
@click.argument("name", type=SCHEDULED_TASK)
@config_option
def enable(name: str) -> None:
    """Let a disabled task run again."""
    _set_disabled(name, disabled=0)


@click.command()
@click.argument("name", type=SCHEDULED_TASK)
@config_option
def disable(name: str) -> None:
    """Keep a task from running.

    `taskrun run-task NAME --force` runs it all the same.
    """
    _set_disabled(name, disabled=1)


@click.command()
@click.argument("name", type=SCHEDULED_TASK)
@config_option
def retry(name: str) -> None:
    """Forget the fail delay of a task and make it due now."""
    site = opened_site()
    declaration = find_task(site, name, scheduled=True)
    with site.store.transaction():
        before = _row(site, declaration.name)
        site.store.scheduled.retry(declaration.name, time.time())
        row = _row(site, declaration.name)
        audit(site, "retry", declaration.name, state_of_scheduled(before), state_of_scheduled(row))
    tell_visits(site, time.time())
    say(f"{declaration.name} is due now.")
    if not is_due(row, time.time()):
        say(f"It will not run all the same: {state_of(row, now=time.time(), zone=zone_of(site))}.", err=True)


def _set_disabled(name: str, *, disabled: int) -> None:
    site = opened_site()
    declaration = find_task(site, name, scheduled=True)
    _refuse_if_decided(site, declaration.name, "disabled")
    own = None if bool(disabled) == declaration.disabled else disabled
    customise(site, "disable" if disabled else "enable", declaration, own_disabled=own)


def _refuse_if_decided(site: Site, name: str, setting: str) -> None:
    if decider := site.config.decided_by(name, setting):
        what = f"the schedule of {name}" if setting == "schedule" else f"whether {name} is disabled"
        raise TaskrunnerError(f"{decider} decides {what}", hint="change it there")


def customise(site: Site, action: str, declaration: Declaration, **own: Any) -> None:
    """Write the administrator's wish, and say what was, what is, and what comes of it."""
    from taskrunner.cli.tasks import show_change

    now = time.time()
    with site.store.transaction():
        before = site.store.scheduled.find_for_change(declaration.name) or _row(site, declaration.name)
        fields = site.planner.declared(declaration, before, now, **own)
        site.store.scheduled.declare(asdict(fields))
        after = _row(site, declaration.name)
        audit(site, action, declaration.name, state_of_scheduled(before), state_of_scheduled(after))
    tell_visits(site, fields.next_run_at)
    show_change(site, before, after, now=now)


def _row(site: Site, name: str) -> ScheduledRow:
    row = site.store.scheduled.find(name)
    if row is None:
        raise PluginError(f"{name} has no row yet: see what is wrong with it", hint="taskrun plugins")
    return row
