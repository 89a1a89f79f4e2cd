"""What log files told, as CSV files for a spreadsheet or a script."""

from __future__ import annotations

import csv
from dataclasses import fields
from typing import TYPE_CHECKING

from taskrunner.errors import TaskrunnerError
from taskrunner.report_records import CronRun, TaskRun

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from taskrunner.store import Store

ALL_TIME = {"since": -1e15, "until": 1e15}
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_csv(store: Store, folder: Path) -> None:
    """Write runs.csv, the cron processes, and tasks.csv, the runs, into a folder. Raises TaskrunnerError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / "runs.csv", CronRun, store.reports.runs(**ALL_TIME))
        _write(folder / "tasks.csv", TaskRun, store.reports.tasks(**ALL_TIME, name=""))
    except OSError as error:
        raise TaskrunnerError(f"cannot write {error.filename}: {error.strerror}") from error


def _write(path: Path, kind: type[CronRun | TaskRun], rows: Iterable[CronRun | TaskRun]) -> None:
    names = [field.name for field in fields(kind) if field.name != "id"]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        for row in rows:
            writer.writerow([_cell(getattr(row, name)) for name in names])


def _cell(value: object) -> object:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
