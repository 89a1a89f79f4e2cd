"""SQLite: the default database, one file, no server."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import contextmanager

from taskrunner.db import UPGRADE, SchemaState
from taskrunner.db.sql import newest_version
from taskrunner.db.sqlite.connect import (
    OpenFile,
    file_behind,
    insert_many,
    open_connection,
    open_file,
    rows_by_name,
    translate,
)
from taskrunner.db.sqlite.tables import check_instance_id, look, noted_instance_id, upgrade
from taskrunner.errors import StoreError, StoreRefusedError
from taskrunner.files import make_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from taskrunner.db import Row
    from taskrunner.records import Reply

ABANDONED: list[OpenFile] = []
"""Connections whose descriptors may be somebody else's now. Collecting one would close those."""

FAULTS = (sqlite3.Error, UnicodeError, OverflowError)
"""What a statement may raise: the last two for a value that no column can hold."""

OLDEST_SQLITE = (3, 38, 0)  # has `returning` and `->>`


def open_sqlite(path: str, *, older: str = UPGRADE) -> SqliteDatabase:
    """Return the database in a file, made or upgraded first. Raises StoreError, SchemaMismatchError."""
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise StoreError(
            f"this Python has SQLite {sqlite3.sqlite_version}; {'.'.join(map(str, OLDEST_SQLITE))} is needed",
            hint="use a Python with a newer SQLite",
        )
    database = SqliteDatabase(path)
    try:
        database.prepare(older=older)
    except BaseException:
        database.close()
        raise
    return database


def sqlite_state(path: str) -> SchemaState:
    """Return the version of the tables in a file, and change nothing.

    Raises StoreError, SchemaMismatchError.
    """
    database = SqliteDatabase(path)
    try:
        version = look(database)[0] if database.size() else 0
    finally:
        database.close()
    newest = newest_version("sqlite")
    return SchemaState(path, version, newest, f"SQLite {sqlite3.sqlite_version}")


class SqliteDatabase:
    """One SQLite file; the connection is opened when a statement needs it."""

    dialect = "sqlite"
    is_shared = False

    def __init__(self, path: str) -> None:
        self.path = path
        self._open_file: OpenFile | None = None
        self._is_doubtful = False
        self._inode: tuple[int, int] | None = None
        self._instance_id: str | None = None

    def prepare(self, *, older: str = UPGRADE) -> None:
        """Create the file and its tables, or check that they are ours and bring them up to date."""
        known = noted_instance_id(self.path) is not None  # before looking: it may be made meanwhile
        if not self.size():
            if known:
                check_instance_id(self.path, None)
            self._create()
        version, instance_id = look(self)
        state = SchemaState(str(self.path), version, newest_version(self.dialect)).checked()
        if known:
            check_instance_id(self.path, instance_id)
        if state.is_to_be_upgraded(older):
            with self.transaction():
                upgrade(self._open())
            version, instance_id = look(self)
        check_instance_id(self.path, instance_id)
        self._instance_id = instance_id

    def fetch(self, sql: str, parameters: Mapping[str, object]) -> list[Row]:
        """Run one statement; return its rows as dicts."""
        try:
            return rows_by_name(self._open().execute(sql, parameters))
        except FAULTS as error:
            raise self._translated(error) from error

    def send(self, sql: str, parameters: Mapping[str, object]) -> Reply[list[Row]]:
        """Run one statement at once: there is no way to a server that could be saved."""
        from taskrunner.records import Reply

        return Reply(self.fetch(sql, parameters))

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> list[int]:
        """Insert rows; return their ids in the order given. Call it in a transaction."""
        try:
            return insert_many(self._open(), table, columns, rows)
        except FAULTS as error:
            raise self._translated(error) from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make the statements inside one transaction that holds the write lock from its start."""
        try:
            connection = self._open()
            connection.execute("begin immediate")
            try:
                yield
                connection.execute("commit")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("rollback")
                raise
        except FAULTS as error:
            raise self._translated(error) from error

    def release(self) -> None:
        """Hold no lock that a task's own code could drop by closing the file."""
        if self._is_doubtful:
            return  # it was released, and nothing has been asked since
        if self._open_file is not None:
            has_log = os.path.exists(f"{self.path}-wal")  # a write-ahead log
            if has_log or not self._open_file.descriptors:
                self.close()
        self._is_doubtful = True

    def wait(self, seconds: float) -> None:
        """Wait so many seconds: a file tells no news, and a look at it costs microseconds."""
        time.sleep(seconds)

    def close(self) -> None:
        """Close the file; a later statement opens it again."""
        if self._open_file is not None:
            if self._open_file.is_intact():
                self._open_file.connection.close()
            else:
                ABANDONED.append(self._open_file)
            self._open_file = None

    def _open(self) -> sqlite3.Connection:
        """Return the connection, once the file has been checked after other code has run."""
        if self._is_doubtful:
            self._is_doubtful = False
            if self._open_file is not None:
                if file_behind(self.path) == self._open_file.file and self._open_file.is_intact():
                    # What was copied over the file may have the same change counter.
                    self._open_file.connection.execute("pragma shrink_memory")
                    self._check_same_instance(self._open_file.connection)
                else:
                    self.close()
        if self._open_file is None:
            inode = file_behind(self.path)
            if self._inode is not None and inode != self._inode:
                raise self._replaced()
            self._inode = inode
            self._open_file = open_file(self.path, open_connection)
            if self._instance_id is not None:
                self._check_same_instance(self._open_file.connection)
        return self._open_file.connection

    def _check_same_instance(self, connection: sqlite3.Connection) -> None:
        """Raise StoreError for another instance id: also another file may have the same inode."""
        found = None
        try:
            found = connection.execute("select value from task_setting where name = 'instance_id'").fetchone()
        finally:
            if found != (self._instance_id,):
                self.close()
        if found != (self._instance_id,):
            raise self._replaced()

    def size(self) -> int:
        """Return how long the file is, 0 where there is none. Raises StoreError."""
        try:
            return os.stat(self.path).st_size
        except (FileNotFoundError, NotADirectoryError):
            return 0
        except OSError as error:
            from taskrunner.ownership import permission_advice  # late: an idle minute does without it

            about, hint = permission_advice(self.path, error)
            raise StoreError(
                f"cannot open database {self.path}: {error.strerror}{about}", hint=hint
            ) from error

    def _replaced(self) -> StoreError:
        return StoreError(
            f"database {self.path} was deleted or replaced while taskrun was running",
            hint="put the file back; the next cron continues with it",
        )

    def _create(self) -> None:
        try:
            make_folder(os.path.dirname(os.path.abspath(self.path)))
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        except OSError as error:
            from taskrunner.ownership import permission_advice  # late: an idle minute does without it

            about, hint = permission_advice(self.path, error)
            raise StoreError(
                f"cannot create database {self.path}: {error.strerror}{about}",
                hint=hint or "make its folder writable for the user that runs taskrun",
            ) from error

    def _translated(self, error: Exception) -> StoreError:
        if isinstance(error, sqlite3.Error):
            return translate(error, self.path)
        return StoreRefusedError(f"database {self.path}: what it cannot hold: {error}")
