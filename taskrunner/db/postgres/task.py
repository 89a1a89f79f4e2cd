"""Connections that are not the store's own: one borrowed from a caller, one lent to a task."""

from __future__ import annotations

import time
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row

from taskrunner.db.postgres import copy_rows, with_percent_names
from taskrunner.db.postgres.connect import parameters, row_by_name, shown, translate, with_password_of_now
from taskrunner.db.reply import Reply
from taskrunner.db.sql import kind_of_statement
from taskrunner.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from taskrunner.db import Row
    from taskrunner.db.reply import Reply


class BorrowedPostgres:
    """A caller's own connection: what runs on it is committed or rolled back by the caller."""

    dialect = "postgres"
    is_shared = True

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def fetch(self, sql: str, parameters: Mapping[str, object]) -> list[Row]:
        """Run one statement; return its rows as dicts."""
        with self._explained(), self._connection.cursor(row_factory=row_by_name) as cursor:
            cursor.execute(with_percent_names(sql), parameters)
            return cursor.fetchall() if cursor.description else []

    def send(self, sql: str, parameters: Mapping[str, object]) -> Reply[list[Row]]:
        """Run one statement at once: how the caller's connection is used is the caller's affair."""
        return Reply(self.fetch(sql, parameters))

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> list[int]:
        """Insert rows with COPY; return their ids in the order given."""
        with self._explained():
            return copy_rows(self._connection, table, columns, rows)

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

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            raise StoreError(
                f"queueing through the given connection: {str(error).partition(chr(10))[0]}",
                hint="it has to be one to taskrunner's own database",
            ) from error


class PostgresTaskConnection:
    """A task's own connection: psycopg's standard one, its statements counted as they are executed."""

    def __init__(self, url: str, *, task: str) -> None:
        self.reads = 0
        self.writes = 0
        try:
            self.connection: Any = with_password_of_now(url, partial(self._connect, task))
        except psycopg.Error as error:
            raise translate(error, shown(url)) from error

    def _connect(self, task: str, url: str) -> psycopg.Connection[Any]:
        settings = parameters(url, application=f"taskrun:{task}"[:63])
        return psycopg.connect(cursor_factory=counting_cursor(self), **settings)

    def count(self, statement: str, times: int = 1) -> None:
        """Count a statement that is executed so many times."""
        kind = kind_of_statement(statement)
        self.reads += times * (kind == "read")
        self.writes += times * (kind == "write")

    def leave(self) -> bool:
        """Close the connection; roll back and return True if a transaction that writes was left open."""
        if self.connection.closed:
            return False
        left_open = self._has_open_work()
        self.connection.rollback()
        self.connection.close()
        return left_open

    def _has_open_work(self) -> bool:
        """Return whether a transaction is open that has written: one that has only read has no id."""
        status = self.connection.info.transaction_status
        if status != TransactionStatus.INTRANS:
            return bool(status == TransactionStatus.INERROR)
        cursor = psycopg.Cursor(self.connection, row_factory=tuple_row)
        found = cursor.execute("select pg_current_xact_id_if_assigned() is not null").fetchone()
        return bool(found and found[0])


def counting_cursor(counted: PostgresTaskConnection) -> type[psycopg.Cursor[Any]]:
    """Return a cursor class that counts its statements."""

    class CountingCursor(psycopg.Cursor[Any]):
        def execute(self, query: Any, *args: Any, **kwargs: Any) -> Any:
            counted.count(_text(query, self))
            return super().execute(query, *args, **kwargs)

        def executemany(self, query: Any, params_seq: Any, **kwargs: Any) -> None:
            sets = list(params_seq)
            counted.count(_text(query, self), len(sets))
            super().executemany(query, sets, **kwargs)

        def copy(self, statement: Any, *args: Any, **kwargs: Any) -> Any:
            counted.count(_text(statement, self))
            return super().copy(statement, *args, **kwargs)

    return CountingCursor


def _text(query: Any, cursor: psycopg.Cursor[Any]) -> str:
    if isinstance(query, bytes):
        return query.decode("utf-8", "replace")
    return query if isinstance(query, str) else str(query.as_string(cursor))
