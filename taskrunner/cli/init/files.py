"""The files of a new site, and the crontab line that starts it."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

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
stdout = {stdout:<29} # all | failures (for cron's mail) | none

[log]
mode = "all"                           # which runs are kept: all | failures | none
retention_days = 28
retain_runs = 20                       # of each task, whatever their age
file_retention_days = 14

# {table:<36} # what the file decides, the commands refuse to change
# schedule = "*/10 * * * *"
# disabled = false

# [plugins.{plugin}]
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


def config_text(*, task: str, stdout: str = "all") -> str:
    """Return a commented taskrunner.toml; `task` is the one that stands in its examples."""
    table, plugin = f'[tasks."{task}"]', task.partition(".")[0]
    return CONFIG.format(stdout=f'"{stdout}"', table=table, plugin=plugin)


def crontab_command(config: Path) -> str:
    """Return the command of a crontab line: absolute, quoted, % escaped as crontab(5) wants."""
    program = Path(sys.argv[0]).absolute()
    words = [str(program)] if program.name == "taskrun" else [sys.executable, "-m", "taskrunner"]
    return shlex.join([*words, "--config", str(config), "cron"]).replace("%", "\\%")


def shown_command(config: Path) -> str:
    """Return the command for a person's shell."""
    return f"taskrun --config {shlex.quote(str(config))} cron"
