"""Opening an SQLite file, and what its errors mean."""

from __future__ import annotations

import os
import sqlite3
import sys
from _thread import allocate_lock  # an idle minute does without threading
from contextlib import suppress

from taskrunner.errors import StoreBusyError, StoreError, StoreFullError, StoreRefusedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from taskrunner.db import Row

    StrPath = str | os.PathLike[str]

BUSY_SECONDS = 30.0
"""How long to wait for another process."""

DAMAGED_CODES = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
BUSY_CODES = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


def open_connection(path: StrPath) -> sqlite3.Connection:
    """Open an existing file, every commit durable, every wait bounded. Raises sqlite3.Error."""
    connection = sqlite3.connect(url_of(path), timeout=BUSY_SECONDS, isolation_level=None, uri=True)
    connection.text_factory = as_text
    try:
        connection.execute("pragma synchronous = full")
        # A commit empties the rollback journal instead of removing it. That spares the folder's entry, most
        # of what a commit waits for, and is as safe or safer: the empty file is synced, a folder would not be
        # (https://sqlite.org/pragma.html#pragma_journal_mode). A write-ahead log is ended: with one, a
        # connection holds a lock for as long as it is open, which a task drops that only reads and closes the
        # file; it would have to be opened anew after each task.
        if connection.execute("pragma journal_mode").fetchone() != ("truncate",):
            with suppress(sqlite3.OperationalError):  # others have it open in another mode
                connection.execute("pragma journal_mode = truncate")
    except BaseException:
        connection.close()
        raise
    return connection


def url_of(path: StrPath, mode: str = "rw") -> str:
    """Return the URL with which SQLite opens a file: "rw" one that is there, "rwc" may make it."""
    escaped = os.fspath(path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    return f"file:{escaped}?mode={mode}"


def as_text(data: bytes) -> str:
    """Return bytes as text; some that are not UTF-8, put there by hand, spoil only their own row."""
    return data.decode("utf-8", "surrogateescape")


def rows_by_name(cursor: sqlite3.Cursor) -> list[Row]:
    """Return the rows of a statement as dicts. Their keys are interned: records are made of them by keyword.

    A row factory would be a call for each row, which takes three times as long.
    """
    cursor.row_factory = None  # the connection may be a caller's
    rows = cursor.fetchall()
    names = [sys.intern(column[0]) for column in cursor.description] if rows else []
    return [dict(zip(names, row, strict=True)) for row in rows]


def insert_each(
    fetch: Callable[[str, Mapping[str, object]], list[Row]],
    table: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
) -> list[int]:
    """Insert rows one by one, as others may insert between them; return their ids in the order given."""
    names = ", ".join(f'"{column}"' for column in columns)
    values = ", ".join(f":{column}" for column in columns)
    sql = f"insert into {table} ({names}) values ({values}) returning id"  # noqa: S608  (our own names)
    return [fetch(sql, dict(zip(columns, row, strict=True)))[0]["id"] for row in rows]


def insert_many(
    connection: sqlite3.Connection, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]
) -> list[int]:
    """Insert rows and return their ids; the connection has the write lock, so that nobody's come between.

    The table's key is `autoincrement`: each id is the one before it and one.
    """
    names, marks = ", ".join(f'"{column}"' for column in columns), ", ".join("?" * len(columns))
    connection.executemany(f"insert into {table} ({names}) values ({marks})", rows)  # noqa: S608
    (last,) = connection.execute("select last_insert_rowid()").fetchone()
    return list(range(last - len(rows) + 1, last + 1))


def translate(error: sqlite3.Error, path: StrPath) -> StoreError:
    """Return the taskrunner error that an error of the driver means."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in BUSY_CODES:
        return StoreBusyError(
            f"database {path} has been held by another process for more than {BUSY_SECONDS:.0f} s",
            hint="try again; `fuser` names the process",
        )
    if code == sqlite3.SQLITE_FULL:
        return StoreFullError(
            f"database {path}: its disk is full", hint=f"make room in {os.path.dirname(path)}"
        )
    if code == sqlite3.SQLITE_CANTOPEN and os.path.isdir(path):
        return StoreError(
            f"database {path} is a directory",
            hint='write database = "sqlite:PATH/OF/FILE.db" in taskrunner.toml',
        )
    if isinstance(error, sqlite3.IntegrityError | sqlite3.DataError):
        return StoreRefusedError(f"database {path}: {error}")
    if code in DAMAGED_CODES:
        return StoreError(f"database {path}: {error}", hint="restore the file from a backup")
    about, hint = _who_forbids(path)
    look = "dmesg | tail, and a backup of the file" if code == sqlite3.SQLITE_IOERR else "taskrun doctor"
    return StoreError(f"database {path}: {error}{about}", hint=hint or look)


def _who_forbids(path: StrPath) -> tuple[str, str | None]:
    """Return who owns what keeps this process from working with a database, and what to type."""
    from taskrunner.ownership import permission_advice  # late: an idle minute does without it

    name = os.fspath(path)
    for needed in (name, *(f"{name}{end}" for end in ("-journal", "-wal", "-shm")), f"{name}.new"):
        about, hint = permission_advice(needed)
        if about:
            return about, hint
    return "", None


DESCRIPTORS = "/dev/fd"
ONE_AT_A_TIME = allocate_lock()
"""Held while a file is opened: a descriptor of another thread's would seem to be of this connection."""


class OpenFile:
    """A connection, with the descriptors and the file (device, inode) behind it."""

    __slots__ = ("connection", "descriptors", "file")

    def __init__(
        self, connection: sqlite3.Connection, descriptors: frozenset[int], file: tuple[int, int]
    ) -> None:
        self.connection = connection
        self.descriptors = descriptors
        self.file = file

    def is_intact(self) -> bool:
        """Return whether the descriptors still lead to the file of the connection.

        Code that closed them, to be a daemon say, may have opened others of the same number: SQLite would
        write to those, and closing the connection would close them.
        """
        try:
            found = [os.fstat(descriptor) for descriptor in self.descriptors]
        except OSError:
            return False
        return all((one.st_dev, one.st_ino) == self.file and one.st_nlink > 0 for one in found)


def open_file(path: StrPath, open_connection: Callable[[StrPath], sqlite3.Connection]) -> OpenFile:
    """Open an existing file with `open_connection`, and note what is behind it. Raises sqlite3.Error."""
    file = file_behind(path) or (0, 0)
    with ONE_AT_A_TIME:
        before = _descriptors_of(file)
        return OpenFile(open_connection(path), _descriptors_of(file) - before, file)


def file_behind(place: int | StrPath) -> tuple[int, int] | None:
    """Return device and inode of what a descriptor or a path leads to, or None if that is nothing."""
    try:
        found = os.stat(place)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _descriptors_of(file: tuple[int, int]) -> frozenset[int]:
    """Return the descriptors of this process that lead to a file, as far as the system tells."""
    try:
        numbers = [int(name) for name in os.listdir(DESCRIPTORS)]
    except OSError:
        return frozenset()
    return frozenset(number for number in numbers if file_behind(number) == file)
