"""The idle minute: nothing is due, 1,440 times a day."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING

from tests.benchmarks.measuring import Line, alternating

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROUNDS = 15
LONG_AGO = (1_500_000_000, 1_500_000_000)

BARE = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("select 1 from task_scheduled where run_id is null and disabled = 0 and blocked is null"
                   " and next_run_at <= unixepoch() limit 1").fetchone()
connection.execute("select min(name) from task_adhoc where run_id is null and attempts_left > 0").fetchone()
"""

CONFIG = """
timezone = "UTC"

[tasks."core.*"]
disabled = true
"""

PLUGIN = """
from taskrunner import ScheduledTask


class Yearly(ScheduledTask):
    schedule = "0 0 1 1 *"

    def execute(self) -> None:
        pass
"""


PEAK = """
import os, sys
pid = os.posix_spawn(sys.executable, [sys.executable, *sys.argv[1:]], os.environ)
print(os.wait4(pid, 0)[2].ru_maxrss / 1024)
"""
"""A small process between, because a new one counts the memory of the one that starts it as its own."""


def measure(folder: Path) -> Iterator[Line]:
    """Give an idle `taskrun cron` beside a bare script that asks the same, with 1 plugin and with 500."""
    environ = _environment(folder)
    for plugins in (1, 500):
        site = _site(folder / f"idle{plugins}", plugins)
        cron = ["-m", "taskrunner", "--config", str(site / "taskrunner.toml"), "cron"]
        bare = ["-c", BARE, str(site / "state" / "taskrunner.db")]
        _run(cron, environ)  # makes tables and caches
        mine, floor = alternating(partial(_run, cron, environ), partial(_run, bare, environ), ROUNDS)
        yield Line(f"idle `taskrun cron`, plugins: {plugins}", mine, "bare script, same questions", floor)
        mine, floor = _peak_memory(cron, environ), _peak_memory(bare, environ)
        yield Line(f"its memory, plugins: {plugins}", mine, "bare script, same questions", floor, unit="MiB")


def _site(site: Path, plugins: int) -> Path:
    (site / "plugins").mkdir(parents=True, mode=0o755)
    files = {site / "plugins" / f"plugin_{number}.py": PLUGIN for number in range(plugins)}
    for file, text in {site / "taskrunner.toml": CONFIG, **files}.items():
        file.write_text(text)
        os.utime(file, LONG_AGO)  # a file as young as its cache would be read again
    return site


def _environment(folder: Path) -> dict[str, str]:
    """Return an environment with compiled modules, as any installation has them."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PYTHONPYCACHEPREFIX": str(folder / "compiled")}


def _run(arguments: list[str], environ: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        env=environ,
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    return done.stdout


def _peak_memory(arguments: list[str], environ: dict[str, str]) -> float:
    """Return the largest resident memory of a Python in MiB."""
    return float(_run(["-S", "-c", PEAK, *arguments], environ))
