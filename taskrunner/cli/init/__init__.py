"""taskrun init: an empty folder becomes a site."""

from __future__ import annotations

from pathlib import Path

import click

from taskrunner.cli.init.files import PLUGIN, config_text, crontab_command, shown_command
from taskrunner.cli.new_files import write_files
from taskrunner.cli.render import say


@click.command()
@click.argument("directory", default=".", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--from-crontab", "crontab", metavar="FILE", help="Make tasks of a crontab's lines; -: from stdin."
)
@click.option(
    "--system/--no-system",
    default=None,
    help="Whether a user stands before each command, as in /etc/crontab; else that is found out.",
)
def init(directory: Path, crontab: str | None, system: bool | None) -> None:
    """Make a site in DIRECTORY, ready to run.

    It gets a taskrunner.toml and a first plugin; the crontab line to paste is printed.

    With --from-crontab the plugin is a task for each line of it (crontab -l | taskrun init --from-crontab -);
    in a site that there is, only that is added.
    """
    if crontab is not None:
        from taskrunner.cli.init.from_crontab import init_from_crontab

        init_from_crontab(directory, crontab, has_users=system)
        return
    if system is not None:
        raise click.UsageError("--system is about the crontab of --from-crontab")
    file = directory / "taskrunner.toml"
    write_files({file: config_text(task="first.Hello"), directory / "plugins" / "first.py": PLUGIN})
    config = file.absolute()
    say("\nPaste this line into `crontab -e`:\n")
    say(f"* * * * * {crontab_command(config)}")
    say(f"\nOr run it once now: {shown_command(config)}")
