"""taskrun why: what keeps a task from running, gate by gate."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from taskrunner.cli.completing import TASK_OR_ID
from taskrunner.cli.palette import BAD
from taskrunner.cli.render import Column, Record, Table, harmless, json_option, say, show_json
from taskrunner.cli.render import show as show_records
from taskrunner.cli.site import config_option, opened_site

if TYPE_CHECKING:
    from taskrunner.plugins import Declaration
    from taskrunner.site import Site
    from taskrunner.why import Answer, Gate

TABLE = Table(
    keys=("gate", "open", "told", "mend"),
    columns=(
        Column("gate", "Gate"),
        Column("_open", "Open"),
        Column("told", "Because", wraps=True),
    ),
)


@click.command()
@click.argument("name", type=TASK_OR_ID)
@json_option
@config_option
def why(name: str, output_format: str | None) -> None:
    """Say why a task does not run now, or that it does.

    Each gate in order, yes or no, with the numbers. NAME is a task, an adhoc class, or the id of a queued
    task.
    """
    from taskrunner.why import why as answer_of

    site = opened_site()
    answer = answer_of(site, name, now=time.time(), ask=lambda declaration: _ask(site, declaration))
    if output_format == "json":
        show_json([_record(gate) | {"task": answer.subject} for gate in answer.gates])
        return
    _show_conclusion(answer)
    show_records([_record(gate) for gate in answer.gates], TABLE, output_format=None, empty="")
    commands = list(dict.fromkeys(gate.mend for gate in answer.closed if gate.mend))
    if commands:
        say(f"\nTo look further, or to change it: {'; '.join(commands)}")


def _show_conclusion(answer: Answer) -> None:
    """Print the answer in short: what keeps the task, before all that does not."""
    closed = answer.closed
    if not closed:
        say(f"Nothing keeps {answer.subject}: the next cron runs it.\n")
        return
    is_running = [gate.name for gate in closed] == ["running"]
    say(f"{answer.subject} {'runs now' if is_running else 'does not run now'}:")
    for gate in closed:
        say(f"  {gate.name}: {harmless(gate.told)}")
    say("")


def _record(gate: Gate) -> Record:
    return {
        "gate": gate.name,
        "open": gate.open,
        "told": gate.told,
        "mend": gate.mend,
        "_open": {True: "yes", False: "no", None: "-"}[gate.open],
        "_style": BAD if gate.open is False else "",
    }


def _ask(site: Site, declaration: Declaration) -> bool | str:
    """Ask a task whether it may run, as a cron would; what it prints goes to stderr."""
    from taskrunner.runner.output.capture import printing_to
    from taskrunner.runner.preparation import why_not_runnable

    sys.stdout.flush()
    with printing_to(2):
        return why_not_runnable(site.registry, declaration.name)
