"""taskrun doctor: what is wrong while nothing runs, and what mends it."""

from __future__ import annotations

import sys
import time

import click

from taskrunner.cli.render import json_option, say, show_json
from taskrunner.cli.site import config_option, configuration


@click.command()
@json_option
@config_option
def doctor(output_format: str | None) -> None:
    """Look for what is wrong with this installation.

    With the configuration, the files, the database, the plugins. Each finding is shown with what mends
    it. Ends with 0 if there is none, else with 1.
    """
    from taskrunner.doctor import diagnose

    found = diagnose(configuration(), now=time.time())
    if output_format == "json":
        show_json([{"area": one.area, "told": one.told, "mend": one.mend} for one in found])
    else:
        for one in found:
            say(f"{one.area}: {one.told}\n  mend: {one.mend}")
        say(f"{len(found)} findings" if found else "Nothing is wrong.")
    sys.exit(1 if found else 0)
