"""Connections that are not the store's own: borrowed from a caller, lent to a task, or those of a copy.

A copy of a site reads an SQLite file, or makes one that is put in its place when it is whole.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from taskrunner.db.sql import kind_of_statement, load_migrations
from taskrunner.db.sqlite.connect import BUSY_SECONDS, as_text, insert_each, rows_by_name, translate, url_of
from taskrunner.db.sqlite.tables import instance_id_file, note_instance_id, split_statements, upgrade
from taskrunner.errors import StoreError
from taskrunner.files import make_folder, open_file
from taskrunner.records import Reply

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from taskrunner.db import Row
    from taskrunner.db.copy import Table, Values


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


PAGE = 1000
DRAFT = ".copying"
"""Behind the name of a file that is not whole yet."""


def tables_of_migrations() -> list[tuple[str, tuple[str, ...]]]:
    """Return the tables that the migrations make, each with its columns."""
    with closing(sqlite3.connect(":memory:")) as connection:
        for _, script in load_migrations("sqlite"):
            for statement in split_statements(script):
                connection.execute(statement)
        names = connection.execute(
            "select name from sqlite_master where type = 'table' and name not like 'sqlite_%' order by rowid"
        ).fetchall()
        return [(name, _columns(connection, name)) for [name] in names]


def _columns(connection: sqlite3.Connection, table: str) -> tuple[str, ...]:
    rows = connection.execute("select name from pragma_table_info(?) order by cid", (table,))
    return tuple(name for [name] in rows)


class SqliteCopy:
    """One file."""

    def __init__(self, path: str) -> None:
        self.name = os.path.realpath(path)
        self._path = path
        self._connection: sqlite3.Connection | None = None

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Hold the write lock inside the block; commit at its end."""
        with self._opened(self._path, "rw") as connection:
            connection.execute("pragma synchronous = full")
            connection.execute("begin immediate")
            yield
            connection.execute("commit")

    @contextmanager
    def filling(self) -> Iterator[None]:
        """Make a file beside the place; put it there, whole and on the disk, when the block has ended."""
        self._refuse_what_is_there()
        draft = f"{self._path}{DRAFT}"
        try:
            make_folder(os.path.dirname(self.name))
            descriptor = open_file(draft, os.O_RDWR | os.O_CREAT)
        except OSError as error:
            raise StoreError(f"cannot write {draft}: {error.strerror}", hint="name another file") from error
        try:
            self._take(descriptor)
            with self._opened(draft, "rw") as connection:
                connection.execute("pragma journal_mode = off")  # an unfinished draft is of no use
                connection.execute("pragma synchronous = off")
                connection.execute("begin exclusive")
                upgrade(connection)
                yield
                connection.execute("commit")
            os.fsync(descriptor)
            self._put_in_place(draft)
        except BaseException:
            if os.path.exists(draft):
                os.unlink(draft)
            raise
        finally:
            os.close(descriptor)

    def pages(self, table: Table) -> Iterator[Sequence[Values]]:
        """Yield the rows of a table, in pages."""
        columns = ", ".join(f'"{column}"' for column in table.columns)
        cursor = self._there.execute(f"select {columns} from {table.name}")  # noqa: S608  (our own names)
        while page := cursor.fetchmany(PAGE):
            yield page

    def add(self, table: Table, rows: Sequence[Values]) -> None:
        """Add rows."""
        columns = ", ".join(f'"{column}"' for column in table.columns)
        marks = ", ".join("?" * len(table.columns))
        self._there.executemany(
            f"insert into {table.name} ({columns}) values ({marks})",  # noqa: S608  (our own names)
            rows,
        )

    def clear(self, table: Table) -> None:
        """Remove all rows."""
        self._there.execute(f"delete from {table.name}")  # noqa: S608  (our own names)

    def last_id(self, table: Table) -> int:
        """Return the highest id that was ever given, or that is there, where that is not remembered."""
        row = self._there.execute("select seq from sqlite_sequence where name = ?", (table.name,)).fetchone()
        if row is None:
            row = self._there.execute(f"select max(id) from {table.name}").fetchone()  # noqa: S608
        return int(row[0] or 0)

    def set_last_id(self, table: Table, last_id: int) -> None:
        """Give higher ids only, in tables that never give one twice."""
        kind = "select 1 from sqlite_master where name = ? and sql like '%autoincrement%'"
        if self._there.execute(kind, (table.name,)).fetchone():
            self._there.execute("delete from sqlite_sequence where name = ?", (table.name,))
            self._there.execute(
                "insert into sqlite_sequence (name, seq) values (?, ?)", (table.name, last_id)
            )

    def finish(self, setting: str, value: str) -> None:
        """Remember a setting."""
        self._there.execute(
            "insert or replace into task_setting (name, value) values (?, ?)", (setting, value)
        )

    @property
    def _there(self) -> sqlite3.Connection:
        if self._connection is None:
            raise StoreError(f"database {self.name} is not open")
        return self._connection

    @contextmanager
    def _opened(self, path: str, mode: str) -> Iterator[sqlite3.Connection]:
        try:
            with closing(
                sqlite3.connect(url_of(path, mode), timeout=BUSY_SECONDS, isolation_level=None, uri=True)
            ) as connection:
                connection.text_factory = as_text
                self._connection = connection
                yield connection
        except sqlite3.Error as error:
            raise translate(error, path) from error
        except UnicodeError as error:
            raise StoreError(f"database {path}: text it cannot hold: {error}") from error
        finally:
            self._connection = None

    def _refuse_what_is_there(self) -> None:
        for path in (self._path, instance_id_file(self._path)):
            if os.path.lexists(path):
                raise StoreError(
                    f"{path} is there already: a site is copied to a new file only",
                    hint="name another file, or move this one away, with its .id",
                )

    def _take(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreError(f"another copy to {self._path} is at work", hint="wait for its end") from None
        os.ftruncate(descriptor, 0)  # what is left of one that was killed

    def _put_in_place(self, draft: str) -> None:
        try:
            os.link(draft, self._path)  # never over what came meanwhile
        except OSError as error:
            raise StoreError(f"cannot write {self._path}: {error.strerror}") from error
        os.unlink(draft)
        folder = os.open(os.path.dirname(self.name), os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        with closing(sqlite3.connect(url_of(self._path, "ro"), uri=True)) as connection:
            found = connection.execute("select value from task_setting where name = 'instance_id'").fetchone()
        note_instance_id(self._path, found[0])
