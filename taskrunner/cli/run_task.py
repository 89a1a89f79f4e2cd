"""taskrun run-task: one task, now."""

from __future__ import annotations

import click

from taskrunner.cli.completing import TASK
from taskrunner.cli.progress import new_gauge
from taskrunner.cli.site import config_option, opened_site
from taskrunner.custom_data import decode, encode


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
    from taskrunner.runner.assembly import Troubles, assemble
    from taskrunner.runner.leaving import leave
    from taskrunner.runner.single import run_adhoc_class, run_scheduled_task

    site = opened_site()
    declaration = site.registry.find(name)
    if declaration.kind == "scheduled" and data is not None:
        raise click.UsageError(f"{declaration.name} is a scheduled task: it takes no --data")
    troubles = Troubles()
    runner = assemble(site, command="run-task", shown="all", live=True, troubles=troubles, gauge=new_gauge())
    if declaration.kind == "scheduled":
        run = run_scheduled_task(runner, declaration, force=force, patience=wait)
    else:
        run = run_adhoc_class(runner, declaration, encode(decode(data or "null")), force=force)
    leave(runner.interruption.exit_code or int(run.outcome != "ok") or troubles.exit_code)
