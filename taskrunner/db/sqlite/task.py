"""Connections that are not the store's own: one borrowed from a caller, one lent to a task."""

from __future__ import annotations

import sqlite3
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from taskrunner.db.reply import Reply
from taskrunner.db.sql import kind_of_statement
from taskrunner.db.sqlite.connect import BUSY_SECONDS, insert_each, rows_by_name, translate, url_of
from taskrunner.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from taskrunner.db import Row
    from taskrunner.db.reply import Reply


class BorrowedSqlite:
    """A caller's own connection: what runs on it is committed or rolled back by the caller."""

    dialect = "sqlite"
    is_shared = False

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def fetch(self, sql: str, parameters: Mapping[str, object]) -> list[Row]:
        """Run one statement; return its rows as dicts."""
        try:
            return rows_by_name(self._connection.cursor().execute(sql, dict(parameters)))
        except sqlite3.Error as error:
            raise StoreError(
                f"queueing through the given connection: {error}",
                hint="it has to be one to taskrunner's own database",
            ) from error

    def send(self, sql: str, parameters: Mapping[str, object]) -> Reply[list[Row]]:
        """Run one statement at once: there is no way to a server that could be saved."""
        return Reply(self.fetch(sql, parameters))

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> list[int]:
        """Insert rows; return their ids in the order given."""
        return insert_each(self.fetch, table, columns, rows)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Leave the transaction to the caller."""
        yield

    def release(self) -> None:
        """Leave the connection to the caller."""

    def wait(self, seconds: float) -> None:
        """Wait so many seconds: a borrowed connection does not hear of new work."""
        time.sleep(seconds)

    def close(self) -> None:
        """Leave the connection to the caller."""


class SqliteTaskConnection:
    """A task's own connection: the standard sqlite3 one, its statements counted as they run."""

    def __init__(self, path: str, *, may_create: bool) -> None:
        self.reads = 0
        self.writes = 0
        url = url_of(Path(path), "rwc" if may_create else "rw")
        try:
            self.connection: Any = sqlite3.connect(url, timeout=BUSY_SECONDS, uri=True)
        except sqlite3.Error as error:
            raise translate(error, Path(path)) from error
        self.connection.set_trace_callback(self._count)

    def leave(self) -> bool:
        """Close the connection; roll back and return True if a transaction was left open."""
        try:
            left_open: bool = self.connection.in_transaction
        except sqlite3.ProgrammingError:  # the task has closed it
            return False
        if left_open:
            self.connection.rollback()
        self.connection.close()
        return left_open

    def _count(self, statement: str) -> None:
        kind = kind_of_statement(statement)
        self.reads += kind == "read"
        self.writes += kind == "write"
