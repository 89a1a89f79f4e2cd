"""What an administrator asks of a long log: a million rows beside a thousand."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

from taskrunner.db import open_database
from tests.benchmarks.measuring import Line, alternating
from tests.benchmarks.sites import tidy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.benchmarks.sites import Databases

ROUNDS = 9
TASKS = 20
LENGTHS = (1_000, 1_000_000)
FOUR_WEEKS = 28 * 86_400
PAGE = 50_000
ASKED = (("log",), ("log", "--failed"), ("log", "plugin.Task3"), ("stats", "plugin.Task3"), ("list",))

PLUGIN = "from taskrunner import ScheduledTask\n" + "".join(
    f"\n\nclass Task{number}(ScheduledTask):\n    schedule = '0 0 1 1 *'\n\n"
    "    def execute(self):\n        pass\n"
    for number in range(TASKS)
)

COLUMNS = (
    "run_id", "type", "name", "plugin", "started_at", "ended_at", "outcome", "message", "output", "hostname",
    "pid",
)  # fmt: skip


def measure(folder: Path, databases: Databases) -> Iterator[Line]:
    """Give each question to a log of a million rows beside the same to one of a thousand."""
    for kind in databases.kinds:
        few, many = (_site(folder / f"{kind}{length}", databases.new(kind), length) for length in LENGTHS)
        for words in ASKED:
            mine, floor = alternating(_asks(many, words), _asks(few, words), ROUNDS)
            yield Line(f"{kind}: `taskrun {' '.join(words)}`, 1,000,000 rows", mine, "1,000 rows", floor)


def _site(folder: Path, url: str, length: int) -> Path:
    (folder / "plugins").mkdir(parents=True, mode=0o755)
    (folder / "plugins" / "plugin.py").write_text(PLUGIN)
    (folder / "taskrunner.toml").write_text(f'database = "{url}"\ntimezone = "UTC"\n')
    _asks(folder, ("list",))()
    database = open_database(url)
    first, step = time.time() - FOUR_WEEKS + 60, (FOUR_WEEKS - 120) / length
    for at in range(0, length, PAGE):
        rows = [_run(number, first + number * step) for number in range(at, min(length, at + PAGE))]
        with database.transaction():
            database.insert("task_log", COLUMNS, rows)
    database.close()
    tidy(url)
    return folder


def _run(number: int, started_at: float) -> tuple[object, ...]:
    outcome, message = ("ok", None) if number % 97 else ("failed", "disk is full")
    ended_at = started_at + number % 17
    name = f"plugin.Task{number % TASKS}"
    return (
        f"{number:026}", "scheduled", name, "plugin", started_at, ended_at, outcome, message, f"{number:200}",
        "cron1", 4711,
    )  # fmt: skip


def _asks(site: Path, words: tuple[str, ...]) -> Callable[[], object]:
    command = [sys.executable, "-m", "taskrunner", *words, "--config", str(site / "taskrunner.toml")]
    return lambda: subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
