"""Connections that are not the store's own: borrowed from a caller, lent to a task, or those of a copy.

A copy of a site reads a PostgreSQL database, or fills one, in one transaction.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row

from taskrunner.db.postgres import copy_rows, with_percent_names
from taskrunner.db.postgres.connect import (
    open_connection,
    parameters,
    row_by_name,
    shown,
    translate,
    with_password_of_now,
)
from taskrunner.db.postgres.tables import UPGRADE_LOCK, look, upgrade_in_transaction
from taskrunner.db.sql import kind_of_statement
from taskrunner.errors import StoreError
from taskrunner.records import Reply

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from taskrunner.db import Row
    from taskrunner.db.copy import Table, Values
    from taskrunner.db.postgres.connect import Connection


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


PAGE = 1000
UNLIMITED = (
    "set local lock_timeout = '30s'; set local statement_timeout = 0;"
    " set local idle_in_transaction_session_timeout = 0"
)


class PostgresCopy:
    """One database of a server."""

    def __init__(self, url: str) -> None:
        self.name = shown(url)
        self._url = url
        self._connection: Connection | None = None

    @contextmanager
    def reading(self) -> Iterator[None]:
        """See one state of all tables inside the block, in which nobody else writes; commit at its end."""
        from taskrunner.db.copy import NOT_COPIED, site_tables

        names = [*(table.name for table in site_tables()), *NOT_COPIED]
        with self._opened() as connection:
            connection.execute("begin isolation level repeatable read")
            connection.execute(UNLIMITED)
            connection.execute(
                sql.SQL("lock table {} in share mode").format(sql.SQL(", ").join(map(sql.Identifier, names)))
            )
            yield
            connection.execute("commit")

    @contextmanager
    def filling(self) -> Iterator[None]:
        """Make the tables and fill them in one transaction, which is committed when the block has ended."""
        with self._opened() as connection:
            connection.execute("begin")
            connection.execute(UNLIMITED)
            connection.execute("select pg_advisory_xact_lock(%s)", (UPGRADE_LOCK,))
            self._make_tables(connection)
            yield
            connection.execute("commit")

    def pages(self, table: Table) -> Iterator[Sequence[Values]]:
        """Yield the rows of a table, in pages, from a cursor of the server."""
        statement = sql.SQL("select {} from {}").format(_names(table.columns), sql.Identifier(table.name))
        with self._there.cursor("pages", row_factory=tuple_row) as cursor:
            cursor.execute(statement)
            while page := cursor.fetchmany(PAGE):
                yield page

    def add(self, table: Table, rows: Sequence[Values]) -> None:
        """Add rows with COPY."""
        statement = sql.SQL("copy {} ({}) from stdin").format(
            sql.Identifier(table.name), _names(table.columns)
        )
        with self._there.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)

    def clear(self, table: Table) -> None:
        """Remove all rows."""
        self._there.execute(sql.SQL("delete from {}").format(sql.Identifier(table.name)))

    def last_id(self, table: Table) -> int:
        """Return the highest id that the table's sequence gave, or that is there."""
        sequence = self._sequence(table)
        highest = self._value(
            sql.SQL("select coalesce(max(id), 0) from {}").format(sql.Identifier(table.name))
        )
        given = self._value(
            sql.SQL("select case when is_called then last_value else 0 end from {}").format(sql.SQL(sequence))
        )
        return max(int(highest), int(given))

    def set_last_id(self, table: Table, last_id: int) -> None:
        """Let the table's sequence go on behind an id."""
        self._there.execute("select setval(%s, %s)", (self._sequence(table), last_id))

    def finish(self, setting: str, value: str) -> None:
        """Remember a setting."""
        self._there.execute(
            "insert into task_setting (name, value) values (%s, %s)"
            " on conflict (name) do update set value = excluded.value",
            (setting, value),
        )

    def _sequence(self, table: Table) -> str:
        return str(self._value("select pg_get_serial_sequence(%s, 'id')", (table.name,)))

    def _value(self, statement: Any, parameters: tuple[object, ...] = ()) -> Any:
        with self._there.cursor(row_factory=tuple_row) as cursor:
            row = cursor.execute(statement, parameters).fetchone()
        return row[0] if row else None

    @property
    def _there(self) -> Connection:
        if self._connection is None:
            raise StoreError(f"database {self.name} is not open")
        return self._connection

    @contextmanager
    def _opened(self) -> Iterator[Connection]:
        try:
            with open_connection(self._url, application="taskrun db copy", through_pooler=True) as connection:
                self._connection = connection
                yield connection
        except psycopg.Error as error:
            raise translate(error, self.name) from error
        except UnicodeError as error:
            raise StoreError(f"database {self.name}: text it cannot hold: {error}") from error
        finally:
            self._connection = None

    def _make_tables(self, connection: Connection) -> None:
        """Make the tables where there are none; those that are there have to be empty, and as new as ours."""
        from taskrunner.db.copy import site_tables

        if upgrade_in_transaction(connection, self.name):
            return
        state = look(connection, self.name).checked()
        if state.word != "up to date":
            raise StoreError(f"database {self.name}: its tables are {state.word}", hint="taskrun db upgrade")
        for table in site_tables():
            some = sql.SQL("select exists (select from {})").format(sql.Identifier(table.name))
            if table.name != "task_setting" and self._value(some):
                raise StoreError(
                    f"database {self.name} has a site already: {table.name} is not empty; nothing was copied",
                    hint="name an empty database, or a schema of its own",
                )


def _names(columns: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))
