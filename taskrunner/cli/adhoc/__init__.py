"""taskrun adhoc: the queue of adhoc tasks."""

from __future__ import annotations

import click

from taskrunner.cli import Suggesting
from taskrunner.cli.adhoc import changing, reading


@click.group(cls=Suggesting)
def adhoc() -> None:
    """Show and change the queue of adhoc tasks."""


for command in (
    reading.list_adhoc,
    reading.summary,
    reading.show_adhoc,
    changing.queue,
    changing.run,
    changing.retry_adhoc,
    changing.cancel_adhoc,
):
    adhoc.add_command(command)
