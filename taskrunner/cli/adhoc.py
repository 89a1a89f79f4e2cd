"""taskrun adhoc: the queue of adhoc tasks."""

from __future__ import annotations

import click

from taskrunner.cli import Suggesting, adhoc_changing, adhoc_reading


@click.group(cls=Suggesting)
def adhoc() -> None:
    """Show and change the queue of adhoc tasks."""


for command in (
    adhoc_reading.list_adhoc,
    adhoc_reading.summary,
    adhoc_reading.show_adhoc,
    adhoc_changing.queue,
    adhoc_changing.run,
    adhoc_changing.retry_adhoc,
    adhoc_changing.cancel_adhoc,
):
    adhoc.add_command(command)
