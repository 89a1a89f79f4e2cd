"""What an administrator asks of a long log: a million rows beside a thousand."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING

from tests.benchmarks.measuring import Line, alternating

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ROUNDS = 9
TASKS = 20
LENGTHS = (1_000, 1_000_000)
FOUR_WEEKS = 28 * 86_400
ASKED = (("log",), ("log", "--failed"), ("log", "plugin.Task3"), ("stats", "plugin.Task3"), ("list",))

PLUGIN = "from taskrunner import ScheduledTask\n" + "".join(
    f"\n\nclass Task{number}(ScheduledTask):\n    schedule = '0 0 1 1 *'\n\n"
    "    def execute(self):\n        pass\n"
    for number in range(TASKS)
)

FILL = """
with recursive run (n) as (select 0 union all select n + 1 from run where n < :length - 1)
insert into task_log
  (run_id, type, name, plugin, started_at, ended_at, outcome, message, output, hostname, pid)
select printf('%026d', n), 'scheduled', 'plugin.Task' || (n % :tasks), 'plugin', :first + n * :step,
  :first + n * :step + n % 17, case n % 97 when 0 then 'failed' else 'ok' end,
  case n % 97 when 0 then 'disk is full' end, printf('%200d', n), 'cron1', 4711
from run
"""


def measure(folder: Path) -> Iterator[Line]:
    """Give each question to a log of a million rows beside the same to one of a thousand."""
    few, many = (_site(folder / f"log{length}", length) for length in LENGTHS)
    for words in ASKED:
        mine, floor = alternating(_asks(many, words), _asks(few, words), ROUNDS)
        yield Line(f"`taskrun {' '.join(words)}`, 1,000,000 rows", mine, "1,000 rows", floor)


def _site(folder: Path, length: int) -> Path:
    (folder / "plugins").mkdir(parents=True, mode=0o755)
    (folder / "plugins" / "plugin.py").write_text(PLUGIN)
    (folder / "taskrunner.toml").write_text('timezone = "UTC"\n')
    _asks(folder, ("list",))()
    with closing(sqlite3.connect(folder / "state" / "taskrunner.db")) as connection, connection:
        first = time.time() - FOUR_WEEKS + 60
        step = (FOUR_WEEKS - 120) / length
        connection.execute(FILL, {"length": length, "tasks": TASKS, "first": first, "step": step})
    return folder


def _asks(site: Path, words: tuple[str, ...]) -> Callable[[], object]:
    command = [sys.executable, "-m", "taskrunner", *words, "--config", str(site / "taskrunner.toml")]
    return lambda: subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    import tempfile
    from pathlib import Path

    from tests.benchmarks.measuring import table

    with tempfile.TemporaryDirectory() as folder:
        print(table(list(measure(Path(folder)))))
