"""SQLite: the default database, one file, no server."""

from __future__ import annotations

import os
import re
import sqlite3
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from taskrunner.db.identity import check_identity, new_identity, noted_identity
from taskrunner.db.migrations import load_migrations
from taskrunner.errors import SchemaMismatchError, StoreBusyError, StoreError
from taskrunner.folders import make_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from taskrunner.db import Row

APPLICATION_ID = 0x7461736B  # "task"
BUSY_SECONDS = 30.0
COMMENT_OR_TEXT = re.compile(r"--[^\n]*|/\*.*?\*/|'[^']*'", re.DOTALL)
BUSY_CODES = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


def wal_is_safe(version: tuple[int, ...]) -> bool:
    """Whether this SQLite has the mend of the WAL-reset bug, which could lose a committed transaction.

    Source: https://sqlite.org/wal.html, "The WAL-Reset Bug": 3.51.3, and 3.50.7 and 3.44.6 of those lines.

    >>> [wal_is_safe(version) for version in ((3, 40, 1), (3, 46, 0), (3, 50, 6), (3, 51, 2))]
    [False, False, False, False]
    >>> [wal_is_safe(version) for version in ((3, 44, 6), (3, 50, 7), (3, 51, 3), (3, 53, 0))]
    [True, True, True, True]
    """
    lines_mended = {(3, 44): 6, (3, 50): 7}
    if version[:2] in lines_mended:
        return version[2] >= lines_mended[version[0], version[1]]
    return version >= (3, 51, 3)


def open_sqlite(path: str) -> SqliteDatabase:
    """Return the database in a file, made or upgraded first. Raises StoreError, SchemaMismatchError."""
    database = SqliteDatabase(Path(path))
    try:
        database.prepare()
    except BaseException:
        database.close()
        raise
    return database


class SqliteDatabase:
    """One SQLite file; the connection is opened when a statement needs it."""

    dialect = "sqlite"

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection: sqlite3.Connection | None = None
        self._inode: int | None = None
        self._identity: str | None = None

    def prepare(self) -> None:
        """Create the file and its tables, or check that they are ours and bring them up to date."""
        known = noted_identity(self.path) is not None  # before looking: it may be made meanwhile
        if not self._size():
            if known:
                check_identity(self.path, None)
            self._create()
        version, identity = self._look()
        self._check_version(version)
        if known:
            check_identity(self.path, identity)
        if version < self._newest():
            self._migrate()
            version, identity = self._look()
        check_identity(self.path, identity)
        self._identity = identity
        self._choose_journal()

    def fetch(self, sql: str, parameters: Mapping[str, object]) -> list[Row]:
        """Run one statement; return its rows as dicts."""
        with self._translated():
            return self._open().execute(sql, dict(parameters)).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make the statements inside one transaction that holds the write lock from its start."""
        with self._translated():
            connection = self._open()
            connection.execute("begin immediate")
            try:
                yield
                connection.execute("commit")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("rollback")
                raise

    @contextmanager
    def released(self) -> Iterator[None]:
        """Keep the file closed meanwhile: code that opens and closes it itself would drop our locks."""
        self.close()
        yield

    def close(self) -> None:
        """Close the file; a later statement opens it again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._check_same_file()
            self._connection = connect(self.path)
            if self._identity is not None:
                self._check_same_identity(self._connection)
        return self._connection

    def _check_same_identity(self, connection: sqlite3.Connection) -> None:
        """Also another file may have the same inode."""
        found = None
        try:
            found = connection.execute("select value from task_setting where name = 'instance_id'").fetchone()
        finally:
            if found != {"value": self._identity}:
                self.close()
        if found != {"value": self._identity}:
            raise self._replaced()

    def _size(self) -> int:
        try:
            return self.path.stat().st_size if self.path.exists() else 0
        except OSError as error:
            raise StoreError(f"cannot open database {self.path}: {error.strerror}") from error

    def _replaced(self) -> StoreError:
        return StoreError(
            f"database {self.path} was deleted or replaced while taskrun was running",
            hint="put the file back; the next cron goes on with it",
        )

    def _check_same_file(self) -> None:
        try:
            inode = self.path.stat().st_ino
        except OSError:
            inode = 0
        if self._inode is not None and inode != self._inode:
            raise self._replaced()
        self._inode = inode

    def _create(self) -> None:
        try:
            make_folder(self.path.parent)
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        except OSError as error:
            raise StoreError(
                f"cannot create database {self.path}: {error.strerror}",
                hint="make its folder writable for the user that runs taskrun",
            ) from error

    def _look(self) -> tuple[int, str | None]:
        """Return (version, identity), (0, None) where there are no tables yet."""
        found = self.fetch(  # one statement, so that both are of one moment
            "select exists (select 1 from sqlite_master) as filled, application_id"
            " from pragma_application_id",
            {},
        )[0]
        if not found["filled"] and found["application_id"] == 0:
            return 0, None
        if found["application_id"] != APPLICATION_ID:
            raise SchemaMismatchError(
                f"database {self.path} belongs to another program",
                hint="name another file in taskrunner.toml",
            )
        row = self.fetch(
            "select (select max(version) from schema_version) as version,"
            " (select value from task_setting where name = 'instance_id') as identity",
            {},
        )[0]
        if not row["version"] or not row["identity"]:
            raise StoreError(
                f"database {self.path} has lost its version or its id", hint="restore it from a backup"
            )
        return row["version"], row["identity"]

    def _newest(self) -> int:
        return load_migrations(self.dialect)[-1][0]

    def _check_version(self, version: int) -> None:
        newest = self._newest()
        if version > newest:
            raise SchemaMismatchError(
                f"database {self.path} has schema version {version}, this taskrun knows {newest} at most",
                hint="install the newer taskrunner again",
            )

    def _migrate(self) -> None:
        with self.transaction():
            connection = self._open()
            done = self._version(connection)
            for version, script in load_migrations(self.dialect):
                if version > done:
                    for statement in split_statements(script):
                        connection.execute(statement)
                    connection.execute("insert into schema_version values (?, ?)", (version, time.time()))
            if not done:
                connection.execute(f"pragma application_id = {APPLICATION_ID}")
                connection.execute(
                    "insert into task_setting (name, value) values ('instance_id', ?)", (new_identity(),)
                )

    def _version(self, connection: sqlite3.Connection) -> int:
        known = connection.execute("select 1 from sqlite_master where name = 'schema_version'").fetchone()
        if not known:
            return 0
        found: int = connection.execute("select max(version) as version from schema_version").fetchone()[
            "version"
        ]
        return found

    def _choose_journal(self) -> None:
        wanted = "wal" if wal_is_safe(sqlite3.sqlite_version_info) else "delete"
        if self.fetch("pragma journal_mode", {})[0]["journal_mode"] != wanted:
            self.fetch(f"pragma journal_mode = {wanted}", {})

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise translate(error, self.path) from error


def connect(path: Path) -> sqlite3.Connection:
    """Open an existing file, every commit durable, every wait bounded. Raises sqlite3.Error."""
    connection = sqlite3.connect(url_of(path), timeout=BUSY_SECONDS, isolation_level=None, uri=True)
    connection.row_factory = as_dict
    connection.text_factory = as_text
    try:
        connection.execute("pragma synchronous = full")
    except BaseException:
        connection.close()
        raise
    return connection


def url_of(path: Path, mode: str = "rw") -> str:
    """Return the URL with which SQLite opens a file: "rw" one that is there, "rwc" may make it."""
    escaped = str(path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    return f"file:{escaped}?mode={mode}"


def as_text(data: bytes) -> str:
    """Return text; bytes that are none, put there by hand, spoil only the row they stand in."""
    return data.decode("utf-8", "surrogateescape")


def as_dict(cursor: sqlite3.Cursor, row: tuple[Any, ...]) -> Row:
    """Return a row by column names."""
    return {column[0]: value for column, value in zip(cursor.description, row, strict=True)}


def translate(error: sqlite3.Error, path: Path) -> StoreError:
    """Return the taskrunner error that an error of the driver means."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in BUSY_CODES:
        return StoreBusyError(
            f"database {path} is held by another process for more than {BUSY_SECONDS:.0f} s",
            hint="try again; `fuser` names the process",
        )
    if code == sqlite3.SQLITE_CANTOPEN and path.is_dir():
        return StoreError(
            f"database {path} is a directory",
            hint='write database = "sqlite:PATH/OF/FILE.db" in taskrunner.toml',
        )
    return StoreError(f"database {path}: {error}", hint="restore the file from a backup if it is damaged")


def split_statements(script: str) -> list[str]:
    """Return the statements of a script one by one, so that they can stand in one transaction.

    >>> split_statements("-- two\\ncreate table a (b);\\ncreate table c (d);\\n")
    ['-- two\\ncreate table a (b);', 'create table c (d);']
    """
    statements, lines = [], []
    for line in script.strip().splitlines():
        lines.append(line)
        if sqlite3.complete_statement("\n".join(lines)):
            statements.append("\n".join(lines).strip())
            lines = []
    if any(line.strip() and not line.lstrip().startswith("--") for line in lines):
        raise ValueError(f"a statement without its semicolon: {lines}")
    return statements


class BorrowedSqlite:
    """A caller's own connection: what runs on it is committed or rolled back by the caller."""

    dialect = "sqlite"

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def fetch(self, sql: str, parameters: Mapping[str, object]) -> list[Row]:
        """Run one statement; return its rows as dicts."""
        try:
            cursor = self._connection.cursor()
            cursor.row_factory = as_dict
            return cursor.execute(sql, dict(parameters)).fetchall()
        except sqlite3.Error as error:
            raise StoreError(
                f"queueing through the given connection: {error}",
                hint="it has to be one to taskrunner's own database",
            ) from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Leave the transaction to the caller."""
        yield

    released = transaction

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
        """Close the connection; roll back and say so if a transaction was left open."""
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


def kind_of_statement(statement: str) -> str:
    """Say whether a statement reads, writes, or does neither (begin, commit …).

    >>> [kind_of_statement(s) for s in ("SELECT 1", "insert into a values (1)", "COMMIT", "-- trigger x")]
    ['read', 'write', '', '']
    >>> kind_of_statement("with a as (select 1) delete from b where c in a")
    'write'
    """
    words = COMMENT_OR_TEXT.sub(" ", statement).lower().replace("(", " ").split()
    first = words[0] if words else ""
    if first in ("", "begin", "commit", "end", "rollback", "savepoint", "release"):
        return ""
    if first in ("select", "values", "pragma", "explain"):
        return "read"
    changes = {"insert", "update", "delete", "replace"}
    return "read" if first == "with" and not changes.intersection(words) else "write"
