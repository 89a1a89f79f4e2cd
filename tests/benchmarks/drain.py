"""Draining the queue: trivial tasks, each with its output and its log row, in one process."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from tests.benchmarks.measuring import Line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TASKS = 2_000
PLUGIN = """
from taskrunner import AdhocTask


class Trivial(AdhocTask):
    def execute(self) -> None:
        print("done")
"""


def measure(folder: Path) -> Iterator[Line]:
    """Give one `taskrun cron` that drains the queue beside the bare statements of a claim and a settle."""
    site = folder / "drain"
    (site / "plugins").mkdir(parents=True)
    (site / "plugins" / "work.py").write_text(PLUGIN)
    (site / "taskrunner.toml").write_text('timezone = "UTC"\n')
    program = [sys.executable, "-m", "taskrunner", "--config", str(site / "taskrunner.toml")]
    data = "\n".join(map(str, range(TASKS))).encode()
    subprocess.run([*program, "adhoc", "queue", "Trivial", "--data", "-", "-q"], input=data, check=True)
    started_at = time.perf_counter()
    subprocess.run([*program, "cron", "--quiet"], check=True)
    mine = (time.perf_counter() - started_at) * 1000
    yield Line(
        f"drain {TASKS:,} tasks, per task", mine / TASKS, "bare claim and settle, one commit", _bare(folder)
    )


def _bare(folder: Path) -> float:
    connection = sqlite3.connect(folder / "chain.db", isolation_level=None)
    connection.execute("pragma synchronous = full")
    connection.execute("create table queue (id integer primary key, run text, data text)")
    connection.execute("create table log (id integer primary key, run text, output text)")
    connection.execute("begin")
    connection.executemany("insert into queue (data) values (?)", [("1",)] * TASKS)
    connection.execute("commit")
    started_at = time.perf_counter()
    for number in range(TASKS):
        connection.execute("begin immediate")
        connection.execute("insert into log (run, output) values (?, 'done')", (str(number),))
        connection.execute("delete from queue where run = ?", (str(number - 1),))
        connection.execute(
            "update queue set run = ?"
            " where id = (select min(id) from queue where run is null) returning data",
            (str(number),),
        ).fetchall()
        connection.execute("commit")
    return (time.perf_counter() - started_at) * 1000 / TASKS
