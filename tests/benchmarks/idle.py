"""The idle minute: nothing is due, 1,440 times a day."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from tests.benchmarks.measuring import Line, alternating

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ROUNDS = 15

BARE = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("select 1 from task_scheduled where run_id is null and disabled = 0 and blocked is null"
                   " and next_run_at <= unixepoch() limit 1").fetchone()
connection.execute("select min(name) from task_adhoc where run_id is null and attempts_left > 0").fetchone()
"""


def measure(folder: Path) -> Iterator[Line]:
    """Give an idle `taskrun cron` beside a bare script that asks the same, with 1 plugin and with 200."""
    for plugins in (1, 200):
        site = folder / f"idle{plugins}"
        (site / "plugins").mkdir(parents=True)
        (site / "taskrunner.toml").write_text('timezone = "UTC"\n')
        for number in range(plugins):
            (site / "plugins" / f"plugin_{number}.py").write_text(
                "from taskrunner import ScheduledTask\n\n\nclass Yearly(ScheduledTask):\n"
                '    schedule = "0 0 1 1 *"\n\n    def execute(self) -> None:\n        pass\n'
            )
        cron = _runs([sys.executable, "-m", "taskrunner", "--config", str(site / "taskrunner.toml"), "cron"])
        cron()
        bare = _runs([sys.executable, "-c", BARE, str(site / "state" / "taskrunner.db")])
        mine, floor = alternating(cron, bare, ROUNDS)
        yield Line(f"idle `taskrun cron`, {plugins} plugins", mine, "bare script, same questions", floor)


def _runs(command: list[str]) -> Callable[[], object]:
    return lambda: subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
