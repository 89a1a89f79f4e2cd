"""taskrun check: is the installation well? In the form of a monitoring plugin."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from taskrunner.cli.render import harmless, json_option, say, show_json
from taskrunner.cli.site import config_option, configuration
from taskrunner.errors import ConfigError, TaskrunnerError

if TYPE_CHECKING:
    from taskrunner.health import Check


@click.command()
@json_option
@click.option(
    "--prometheus",
    is_flag=False,
    flag_value="-",
    metavar="[FILE]",
    help="Print metrics, or write them into FILE, for the node exporter's textfile collector.",
)
@config_option
def check(output_format: str | None, prometheus: str | None) -> None:
    """Say whether all is well, for monitoring programs.

    Crons start, nothing waits or fails for long, nothing crashed. Ends with 0 ok, 1 warning, 2 critical,
    3 unknown: what monitoring programs read. [check] in the configuration has the thresholds.
    """
    checks = _examined()
    if prometheus is not None:
        _export(checks, prometheus)
    elif output_format == "json":
        show_json([_record(found) for found in checks])
    else:
        _show(checks)
    sys.exit(_worst(checks).exit_code)


def _examined() -> list[Check]:
    """Return what was found; what cannot be examined is unknown, also for whoever monitors it."""
    from taskrunner.health import Check, examine

    try:
        return examine(configuration(), now=time.time())
    except TaskrunnerError as error:
        return [Check("configuration", "unknown", str(error), mend=error.hint or "")]


def _worst(checks: list[Check]) -> Check:
    from taskrunner.health import worst

    return worst(checks)


def _show(checks: list[Check]) -> None:
    """Print the first line that monitoring programs show, then every finding."""
    found = _worst(checks)
    bad = sum(check.exit_code > 0 for check in checks)
    more = f" (and {bad - 1} more)" if bad > 1 else ""
    summary = f"{found.name}: {found.told}{more}" if bad else f"{len(checks)} checks"
    say(f"{found.word}: {harmless(summary)}")
    for check in checks:
        mend = f"  -> {check.mend}" if check.mend else ""
        say(f"{check.word:<8}  {check.name:<16} {check.told}{mend}")


def _record(check: Check) -> dict[str, object]:
    return {
        "check": check.name,
        "level": check.level,
        "exit_code": check.exit_code,
        "told": check.told,
        "values": dict(check.values),
        "mend": check.mend,
    }


def _export(checks: list[Check], file: str) -> None:
    from taskrunner.health.prometheus import exposition, write_atomically

    text = exposition(checks, now=time.time())
    if file == "-":
        say(text, nl=False)
        return
    try:
        write_atomically(Path(file), text)
    except OSError as error:
        raise ConfigError(f"cannot write {file}: {error.strerror}") from error
