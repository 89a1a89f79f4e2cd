"""An SQLite file as a copy of a site reads it, or makes it: put in its place when it is whole."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from taskrunner.db.sql import load_migrations
from taskrunner.db.sqlite.connect import BUSY_SECONDS, as_text, translate, url_of
from taskrunner.db.sqlite.tables import instance_id_file, note_instance_id, split_statements, upgrade
from taskrunner.errors import StoreError
from taskrunner.files import make_folder, open_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from taskrunner.db.copy import Table, Values

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
