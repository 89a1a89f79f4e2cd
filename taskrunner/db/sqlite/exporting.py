"""A copy of the log as an SQLite file of its own."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from taskrunner.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

VIEW = """
create view v_task_log as
select *, datetime(started_at, 'unixepoch') as started, datetime(ended_at, 'unixepoch') as ended,
  round(ended_at - started_at, 3) as seconds
from task_log
"""


def export_log(path: Path, names: Sequence[str], runs: Iterable[Mapping[str, object]]) -> int:
    """Write runs, mappings with these names, into a new file; return how many. Raises StoreError."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except OSError as error:
        hint = "name a file that is not there"
        raise StoreError(f"cannot write {path}: {error.strerror}", hint=hint) from error
    try:
        with closing(sqlite3.connect(path)) as connection, connection:
            return _fill(connection, names, runs)
    except sqlite3.Error as error:
        raise StoreError(f"cannot write {path}: {error}") from error


def _fill(connection: sqlite3.Connection, names: Sequence[str], runs: Iterable[Mapping[str, object]]) -> int:
    columns = ", ".join(f'"{name}"' for name in names)
    marks = ", ".join(f":{name}" for name in names)
    connection.execute(f"create table task_log ({columns})")
    connection.execute("create index task_log_started on task_log (started_at)")
    connection.execute("create index task_log_by_name on task_log (name, started_at)")
    connection.execute(VIEW)
    return connection.executemany(f"insert into task_log values ({marks})", runs).rowcount  # noqa: S608
