"""Reading a day's logs: lines a second, beside reading the bytes alone."""

from __future__ import annotations

import shutil
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from taskrunner.db import open_database
from taskrunner.report.ingest import Importer
from taskrunner.store import Store
from tests.benchmarks.measuring import Line, alternating

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROUNDS = 3
FILES = 1440
TASKS = 13
OUTPUT = 3
FIRST = datetime(2026, 11, 20, tzinfo=UTC)


def measure(folder: Path) -> Iterator[Line]:
    """Give the import of 1,440 files, a process a minute, and of the same again, beside reading the bytes."""
    logs = folder / "logs"
    logs.mkdir()
    lines = sum(_write(logs, minute) for minute in range(FILES))
    stores: list[Store] = []

    def read_new() -> None:
        shutil.rmtree(folder / "report", ignore_errors=True)
        stores[:] = [Store(open_database(f"sqlite:{folder / 'report' / 'logs.db'}"))]
        _read(stores[0], logs)

    def read_bytes() -> None:
        for file in sorted(logs.iterdir()):
            with file.open("rb") as stream:
                sum(1 for _ in stream)

    mine, floor = alternating(read_new, read_bytes, ROUNDS)
    speed = lines / mine * 1000
    yield Line(f"import {FILES} logs, {lines} lines: {speed:,.0f} lines/s", mine, "reading the lines", floor)
    again, floor = alternating(lambda: _read(stores[0], logs), read_bytes, ROUNDS)
    yield Line("the same again, nothing new", again, "reading the lines", floor)


def _read(store: Store, logs: Path) -> None:
    importer = Importer(store, zone=UTC, now=time.time(), is_at_work=lambda _pid, _at: False)
    importer.read_all(sorted(logs.iterdir()), progress=lambda: None)
    store.close()


def _write(logs: Path, minute: int) -> int:
    """Write the log of one cron process, and return how many lines it has."""
    hour, minute_of_hour = divmod(minute, 60)
    lines = [f"Server Time: Fri, 20 Nov 2026 {hour:02}:{minute_of_hour:02}:01 +0000", "", ""]
    for number in range(TASKS):
        task = rf"Task number {number} (local_bench\task\task_{number})"
        lines += [
            f"Execute scheduled task: {task}",
            f"... started {hour:02}:{minute_of_hour:02}:0{number // 2}. Current memory use 14.8 MB.",
            *["  report 4711: ..................... done (17 rows)"] * OUTPUT,
            "... used 27 dbqueries",
            f"... used 0.{minute:04}{number} seconds",
            f"Scheduled task complete: {task}",
            "",
        ]
    lines += [
        f"Ran 0 adhoc tasks found at Fri, 20 Nov 2026 {hour:02}:{minute_of_hour:02}:07 +0000",
        "Cron run completed correctly",
        f"Cron completed at {hour:02}:{minute_of_hour:02}:07 in 6.5 seconds. Memory used: 36.9 MB.",
    ]
    (logs / f"cron_{hour:02}{minute_of_hour:02}.log").write_text("\n".join([*lines, ""]), "utf-8")
    return len(lines)
