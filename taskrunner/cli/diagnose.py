"""taskrun why, check, doctor, notify: what keeps a task from running, what is wrong, and who hears of it."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from taskrunner.cli import Suggesting
from taskrunner.cli.options import (
    TASK_OR_ID,
    config_option,
    configuration,
    context_of,
    context_without_site,
    opened_site,
)
from taskrunner.cli.render import json_option, say, show_json, show_listing
from taskrunner.errors import ConfigError, TaskrunnerError, UnknownTaskError
from taskrunner.formatting import plural
from taskrunner.views.columns import harmless

if TYPE_CHECKING:
    from taskrunner.diagnosis.check import Examination
    from taskrunner.diagnosis.why import Answer
    from taskrunner.installation import Site
    from taskrunner.plugins import Declaration
    from taskrunner.records import Finding


@click.command()
@click.argument("name", type=TASK_OR_ID)
@json_option
@config_option
def why(name: str, output_format: str | None) -> None:
    """Show whether a task runs now, and if not, why.

    Everything that can keep it from running, in order, with the numbers. NAME is a task, an adhoc class, or
    the id of a queued task.
    """
    from taskrunner.diagnosis.why import why as answer_of
    from taskrunner.views.find import subject
    from taskrunner.views.site import gates_of

    site, now = opened_site(), time.time()
    wanted = subject(site, name)
    answer = answer_of(site, wanted, now=now, ask=lambda declaration: _ask(site, declaration))
    listing, context = gates_of(wanted.label), context_of(site, now)
    if output_format == "json":
        show_json(listing.records(answer.gates, context))
        return
    _show_conclusion(answer)
    show_listing(answer.gates, listing, context, output_format=None, empty="")
    commands = list(dict.fromkeys(gate.hint for gate in answer.closed if gate.hint))
    if commands:
        say("")
        _say_wrapped(f"To look further, or to change it: {'; '.join(commands)}")


def _show_conclusion(answer: Answer) -> None:
    """Print the answer in short: what keeps the task, before all that does not."""
    from taskrunner.cli.render import first_line

    if not answer.closed:
        say(f"{answer.conclusion}.\n")
        return
    say(f"{answer.conclusion}:")
    for gate in answer.closed:
        _say_wrapped(f"  {gate.area}: {first_line(gate.message)}")
    say("")


def _say_wrapped(line: str) -> None:
    """Print a line, on a terminal as several that end between words."""
    if sys.stdout.isatty():
        from shutil import get_terminal_size

        line = click.wrap_text(line, get_terminal_size().columns, subsequent_indent="    ")
    say(line)


def _ask(site: Site, declaration: Declaration) -> bool | str:
    """Ask a task whether it may run, as a cron would; what it prints goes to stderr."""
    from taskrunner.runner.execute import why_not_runnable
    from taskrunner.runner.output import printing_to

    sys.stdout.flush()
    with printing_to(2):
        return why_not_runnable(site.registry, declaration.name)


@click.command()
@json_option
@click.option(
    "--prometheus",
    is_flag=False,
    flag_value="-",
    metavar="[FILE]",
    help="Print metrics, or write them into FILE, for the node exporter's textfile collector.",
)
@click.option("--only", default="", metavar="NAME", help="One check, as 'adhoc queue', or one task.")
@config_option
def check(output_format: str | None, prometheus: str | None, only: str) -> None:
    """Show whether all is well, for monitoring programs.

    Whether crons start, and whether tasks wait or fail for long or have crashed. The exit code is 0 ok,
    1 warning, 2 critical or 3 unknown, as monitoring programs read it. [check] in the configuration has the
    thresholds, and [tasks] has limits for single tasks.
    """
    from taskrunner.views.site import CHECKS

    if only and prometheus is not None:
        raise click.UsageError("--only and --prometheus cannot be given together")
    examined = _examined(only, with_tasks=prometheus is not None)
    checks = examined.findings
    if prometheus is not None:
        _export(examined, prometheus)
    elif output_format == "json":
        show_json(CHECKS.records(checks, context_without_site()))
    else:
        _show(checks)
    sys.exit(_worst(checks).exit_code)


def _examined(only: str, *, with_tasks: bool) -> Examination:
    """Return what was found; what cannot be examined is unknown, also for whoever monitors it."""
    from taskrunner.diagnosis.check import Examination, examine

    try:
        return examine(configuration(), now=time.time(), only=only, with_tasks=with_tasks)
    except TaskrunnerError as error:
        from taskrunner.records import Finding

        area = "check" if isinstance(error, UnknownTaskError) else "configuration"
        return Examination([Finding(area, "unknown", str(error), hint=error.hint or "")])


def _worst(checks: list[Finding]) -> Finding:
    from taskrunner.diagnosis.check import worst

    return worst(checks)


def _show(checks: list[Finding]) -> None:
    """Print the first line that monitoring programs show, then every finding."""
    found = _worst(checks)
    bad = sum(check.exit_code > 0 for check in checks)
    more = f" (and {bad - 1} more)" if bad > 1 else ""
    if len(checks) == 1:
        say(f"{found.word}: {harmless(f'{found.area}: {found.message}{_advice(found)}')}")
        return
    summary = f"{found.area}: {found.message}{more}" if bad else plural(len(checks), "check")
    say(f"{found.word}: {harmless(summary)}")
    for check in checks:
        say(f"{check.word:<8}  {check.area:<16} {check.message}{_advice(check)}")


def _advice(finding: Finding) -> str:
    return f"  -> {finding.hint}" if finding.hint else ""


def _export(examined: Examination, file: str) -> None:
    from pathlib import Path

    from taskrunner.diagnosis.metrics import exposition, write_atomically

    text = exposition(examined.findings, examined.tasks, now=time.time())
    if file == "-":
        say(text, nl=False)
        return
    try:
        write_atomically(Path(file), text)
    except OSError as error:
        raise ConfigError(f"cannot write {file}: {error.strerror}") from error


@click.command()
@json_option
@config_option
def doctor(output_format: str | None) -> None:
    """Find out what is wrong with this installation.

    It looks at the configuration, the files, the database and the plugins. Each finding is shown with what to
    type next. The exit code is 0 if there is none, else 1.
    """
    from taskrunner.diagnosis.doctor import diagnose
    from taskrunner.views.site import FINDINGS

    found = diagnose(configuration(), clock=time.time)
    if output_format == "json":
        show_json(FINDINGS.records(found, context_without_site()))
    else:
        for one in found:
            say(f"{one.area}: {one.message}\n  hint: {one.hint}")
        say(plural(len(found), "finding") if found else "Nothing is wrong.")
    sys.exit(1 if found else 0)


@click.group(cls=Suggesting)
def notify() -> None:
    """Test the notifications that [notify] configures."""


@notify.command()
@config_option
def test() -> None:
    """Send a test event to the [notify] command.

    The exit code is 1 if the command fails. Only you can see whether the message arrives.
    """
    from taskrunner.runner.events import sample
    from taskrunner.runner.notify import Notifier

    site = opened_site()
    config = site.config
    if not config.notify.command:
        raise TaskrunnerError(
            "no [notify] command is set: nobody is notified", hint="taskrun help config has examples"
        )
    notifier = Notifier(site, lambda line: say(f"taskrun: {line}", err=True))
    event = sample(config.file.parent.name, site.hostname, time.time())
    if not notifier.send(event):
        sys.exit(1)
    say(f"{config.notify.command[0]} was given a test event and succeeded. Check whether it has arrived.")
