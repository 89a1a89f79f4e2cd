"""taskrun init: an empty folder becomes a site."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click

from taskrunner.cli.render import say
from taskrunner.errors import ConfigError

CONFIG = """\
# The configuration of taskrunner. Relative paths are relative to this file.
# Every key can be set by environment too: TASKRUN_DATABASE, TASKRUN_CRON__KEEP_ALIVE.
plugin_dirs = ["plugins"]
database = "sqlite:state/taskrunner.db"
state_dir = "state"                    # locks, caches
log_dir = "log"
# timezone = "Europe/Paris"            # default: the system's

[cron]
keep_alive = 0                         # seconds a cron goes on looking for work, at most 900
scheduled_concurrency_limit = 3        # processes that run scheduled tasks at once
adhoc_concurrency_limit = 3            # processes that run adhoc tasks at once
scheduled_max_runtime = 1800           # seconds after which a process starts no further task
adhoc_max_runtime = 1800
stdout = "all"                         # all | failures (for cron's mail) | none

[log]
mode = "all"                           # which runs are kept: all | failures | none
retention_days = 28
retain_runs = 20                       # of each task, whatever their age
file_retention_days = 14

# [tasks."first.Hello"]                # what the file decides, the commands refuse to change
# schedule = "*/10 * * * *"
# disabled = false

# [plugins.first]
# enabled = true
"""

PLUGIN = '''\
"""A first plugin. Every class here that is a ScheduledTask or an AdhocTask is a task."""

from taskrunner import AdhocTask, Every, ScheduledTask, mtrace, queue_adhoc_task


class Hello(ScheduledTask):
    """Say hello and queue a greeting."""

    schedule = Every(minutes=5)         # or five cron fields: "0 3 * * *"

    def execute(self) -> None:
        mtrace("Hello from taskrunner.")
        queue_adhoc_task(Greet({"name": "you"}))


class Greet(AdhocTask):
    """Greet somebody, later."""

    def execute(self) -> None:
        mtrace(f"Hello, {self.custom_data['name']}.")
'''


@click.command()
@click.argument("directory", default=".", type=click.Path(file_okay=False, path_type=Path))
def init(directory: Path) -> None:
    """Make a site in DIRECTORY, ready to run.

    It gets a taskrunner.toml and a first plugin; the crontab line to paste is printed.
    """
    files = {directory / "taskrunner.toml": CONFIG, directory / "plugins" / "first.py": PLUGIN}
    existing = [str(file) for file in files if file.exists()]
    if existing:
        raise ConfigError(f"{' and '.join(existing)} exist already: nothing was written")
    try:
        for file, text in files.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, "utf-8")
            say(f"wrote {file}")
    except OSError as error:
        raise ConfigError(f"cannot write {error.filename}: {error.strerror}") from error
    config = (directory / "taskrunner.toml").absolute()
    say("\nPaste this line into `crontab -e`:\n")
    say(f"* * * * * {crontab_command(config)}")
    say(f"\nOr run it once now: {_shown(config)}")


def crontab_command(config: Path) -> str:
    """Return the command of a crontab line: absolute, quoted, % escaped as crontab(5) wants."""
    program = Path(sys.argv[0]).absolute()
    words = [str(program)] if program.name == "taskrun" else [sys.executable, "-m", "taskrunner"]
    return shlex.join([*words, "--config", str(config), "cron"]).replace("%", "\\%")


def _shown(config: Path) -> str:
    return f"taskrun --config {shlex.quote(str(config))} cron"
