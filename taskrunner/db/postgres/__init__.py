"""PostgreSQL: the database for several hosts."""

from __future__ import annotations

import re
import time
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql
from psycopg.pq import ExecStatus
from psycopg.rows import tuple_row

from taskrunner.db import OF_TRANSACTION, UPGRADE
from taskrunner.db.postgres.connect import is_lost, is_pooled, open_connection, shown, translate
from taskrunner.db.postgres.tables import look, upgrade
from taskrunner.errors import StoreError, StoreRefusedError
from taskrunner.records import Reply

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from taskrunner.db import Row, SchemaState
    from taskrunner.db.postgres.connect import Connection

NAME_OR_TEXT = re.compile(r"'[^']*'|(?<![:\w]):(\w+)|%")


@cache
def with_percent_names(sql: str) -> str:
    """Return SQL with its parameters `:name` made `%(name)s`, and `%` doubled.

    >>> with_percent_names("select :a, ':b', cast(c as d) like '%' where e = :a")
    "select %(a)s, ':b', cast(c as d) like '%%' where e = %(a)s"
    """
    return NAME_OR_TEXT.sub(_as_psycopg, sql)


def _as_psycopg(found: re.Match[str]) -> str:
    return f"%({found[1]})s" if found[1] else found[0].replace("%", "%%")


NEWS = "taskrunner_work"
"""The channel on which the tables tell of new adhoc tasks."""


def open_postgres(url: str, *, through_pooler: bool = False, older: str = UPGRADE) -> PostgresDatabase:
    """Return the database, its tables made or upgraded first. Raises StoreError, SchemaMismatchError."""
    database = PostgresDatabase(url, through_pooler=through_pooler)
    try:
        database.prepare(older=older)
    except BaseException:
        database.close()
        raise
    return database


def postgres_state(url: str, *, through_pooler: bool = False) -> SchemaState:
    """Return the version of the tables of a database. Raises StoreError, SchemaMismatchError."""
    database = shown(url)
    try:
        with open_connection(url, application="taskrun", through_pooler=through_pooler) as connection:
            return look(connection, database)
    except psycopg.Error as error:
        raise translate(error, database) from error


class PostgresDatabase:
    """One database of a server; the connection is opened when it is needed, and again when it was lost."""

    dialect = "postgres"
    is_shared = True

    def __init__(self, url: str, *, through_pooler: bool = False) -> None:
        self._url = url
        self._through_pooler = through_pooler
        self._connection: Connection | None = None
        self._in_transaction = False
        self._pipeline = ExitStack()
        self._listens = False

    def prepare(self, *, older: str = UPGRADE) -> None:
        """Make the tables, or check that they are ours and bring them up to date."""
        with self._translated():
            connection = self._open()
            if look(connection, shown(self._url)).checked().is_to_be_upgraded(older):
                upgrade(connection, shown(self._url))
            if not self._through_pooler and is_pooled(connection):
                self._through_pooler = True
                self.close()

    def fetch(self, sql: str, parameters: Mapping[str, object]) -> list[Row]:
        """Run one statement; return its rows as dicts."""
        with self._translated():
            if not self._in_transaction and self._pooled:
                with self.transaction():
                    return _rows(self._send(sql, parameters))
            return _rows(self._send(sql, parameters))

    def send(self, sql: str, parameters: Mapping[str, object]) -> Reply[list[Row]]:
        """Send one statement; in a transaction its answer is waited for when its rows are asked for."""
        if not self._in_transaction:
            return Reply(self.fetch(sql, parameters))
        with self._translated():
            return Reply(read=self._answer, arguments=(self._send(sql, parameters),))

    def _answer(self, cursor: psycopg.Cursor[Row]) -> list[Row]:
        with self._translated():
            return _rows(cursor)

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> list[int]:
        """Insert rows with COPY; return their ids in the order given. Call it in a transaction."""
        with self._translated():
            self._pipeline.close()  # COPY needs the connection for itself
            return copy_rows(self._open(), table, columns, rows)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make the statements inside one transaction: each sees what others have committed by then."""
        with self._translated():
            connection = self._open()
            try:
                with self._pipeline:
                    self._begin(connection)
                    yield
                    connection.execute("commit")
            except BaseException as error:
                with suppress(psycopg.Error):  # the connection may be what was lost
                    connection.execute("rollback")
                if isinstance(error, psycopg.Error | StoreError):
                    # After an error a pipeline passes over what it was sent, a prepared statement as well
                    # that the driver takes for prepared from then on. A new connection knows nothing of them.
                    connection.close()
                raise
            finally:
                self._in_transaction = False

    def _begin(self, connection: Connection) -> None:
        """Begin a transaction, on the way with its first statement unless a pooler stands between."""
        if self._pooled:
            connection.execute("begin")
            self._set_limits(connection)
        else:
            self._pipeline.enter_context(connection.pipeline())
            connection.execute("begin")
        self._in_transaction = True

    def release(self) -> None:
        """Keep the connection, for no other code can disturb it."""

    def wait(self, seconds: float) -> None:
        """Wait for a new adhoc task, at most so many seconds."""
        if self._pooled:  # which tells no news
            time.sleep(seconds)
            return
        with self._translated():
            connection = self._open()
            if not self._listens:
                connection.execute(f"listen {NEWS}")
                self._listens = True
            if connection.pgconn.notifies() is None:  # else the news was read while something else was asked
                with connection.patient():
                    for _ in connection.notifies(timeout=seconds, stop_after=1):
                        pass

    def close(self) -> None:
        """Close the connection; a later statement opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _send(self, sql: str, parameters: Mapping[str, object]) -> psycopg.Cursor[Row]:
        return self._open().cursor(binary=True).execute(with_percent_names(sql), parameters)

    @property
    def _pooled(self) -> bool:
        return self._through_pooler or self._open().prepare_threshold is None

    def _set_limits(self, connection: Connection) -> None:
        values = OF_TRANSACTION.items()
        connection.execute("; ".join(f"set local {name} = '{value}'" for name, value in values))

    def _open(self) -> Connection:
        """Return the connection, a new one if it was lost outside of a transaction, as by a fork."""
        connection = self._connection
        if connection is not None and not self._in_transaction and is_lost(connection):
            self.close()
            connection = None
        if connection is None:
            with self._translated():
                connection = open_connection(
                    self._url, application="taskrun", through_pooler=self._through_pooler
                )
            self._connection, self._listens = connection, False
        return connection

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            raise translate(error, shown(self._url)) from error
        except UnicodeError as error:
            raise StoreRefusedError(f"database {shown(self._url)}: text it cannot hold: {error}") from error


def _rows(cursor: psycopg.Cursor[Row]) -> list[Row]:
    """Return the rows of a statement, after waiting for them if need be, or [] if it has none."""
    try:
        return cursor.fetchall()
    except psycopg.ProgrammingError:
        if cursor.pgresult is not None and cursor.pgresult.status == ExecStatus.COMMAND_OK:
            return []
        raise


def copy_rows(
    connection: psycopg.Connection[Any], table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]
) -> list[int]:
    """Insert rows and return their ids, taken from the table's sequence first, in the order given."""
    ids = _take_ids(connection, table, len(rows))
    names = sql.SQL(", ").join(map(sql.Identifier, ("id", *columns)))
    statement = sql.SQL("copy {} ({}) from stdin").format(sql.Identifier(table), names)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row_id, row in zip(ids, rows, strict=True):
            copy.write_row((row_id, *row))
    return ids


def _take_ids(connection: psycopg.Connection[Any], table: str, count: int) -> list[int]:
    with connection.cursor(row_factory=tuple_row) as cursor:
        cursor.execute(
            "select nextval((select cast(pg_get_serial_sequence(%s, 'id') as regclass)))"
            " from generate_series(1, %s)",
            (table, count),
        )
        return [row[0] for row in cursor]
