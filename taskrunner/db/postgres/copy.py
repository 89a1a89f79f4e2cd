"""A PostgreSQL database as a copy of a site reads it, or fills it: in one transaction."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

from taskrunner.db.postgres.connect import open_connection, shown, translate
from taskrunner.db.postgres.tables import UPGRADE_LOCK, look, upgrade_in_transaction
from taskrunner.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from taskrunner.db.copy import Table, Values
    from taskrunner.db.postgres.connect import Connection

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
