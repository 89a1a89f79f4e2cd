"""taskrun notify: whether notifications arrive."""

from __future__ import annotations

import sys
import time

import click

from taskrunner.cli import Suggesting
from taskrunner.cli.options import config_option, opened_site
from taskrunner.cli.render import say
from taskrunner.errors import TaskrunnerError


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
