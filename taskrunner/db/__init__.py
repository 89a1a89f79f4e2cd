"""The connection below the store: one small seam, a driver for each database."""

from __future__ import annotations

from taskrunner.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager
    from typing import Any, Protocol

    Row = dict[str, Any]
else:
    Protocol, Row = object, dict  # spares an idle minute `typing`

POSTGRES = ("postgresql://", "postgres://")


class TaskConnection(Protocol):
    """The connection a task gets as `self.db`, with its statements counted."""

    reads: int
    writes: int
    connection: Any

    def leave(self) -> bool:
        """Close the connection; roll back and return True if a transaction was left open."""


class Database(Protocol):
    """What the store needs of a database."""

    dialect: str

    def fetch(self, sql: str, parameters: Mapping[str, object]) -> list[Row]:
        """Run one statement and return its rows as dicts, [] for a statement without any.

        Raises StoreBusyError when another process holds the database too long, StoreError otherwise.
        """

    def transaction(self) -> AbstractContextManager[None]:
        """Make the statements inside one: all of them happen, or none. Does not nest."""

    def released(self) -> AbstractContextManager[None]:
        """Hold no connection that the code inside could disturb."""

    def close(self) -> None:
        """Let go of the connection; a later statement opens it again."""


def open_database(url: str) -> Database:
    """Return the database a URL names, its tables made or brought up to date.

    Raises StoreError (not there, not readable), SchemaMismatchError (newer than this program, not ours).
    """
    if url.startswith("sqlite:"):
        from taskrunner.db.sqlite import open_sqlite

        return open_sqlite(url.removeprefix("sqlite:"))
    raise ConfigError(
        "database: this version keeps its tables in SQLite only",
        hint='write database = "sqlite:state/taskrunner.db" in taskrunner.toml',
    )


def open_for_questions(url: str) -> Database:
    """Return a database to ask a few questions, opened on the shortest way there is.

    Raises StoreError, ConfigError: it cannot be opened, or not on this way; `open_database` knows.
    """
    if url.startswith(POSTGRES):
        from taskrunner.db.libpq import open_libpq

        return open_libpq(url)  # type: ignore[return-value]  # no transactions, but all that asking takes
    return open_database(url)


def borrow(connection: Any) -> Database:
    """Return a database whose statements run on a caller's own connection, in its own transaction."""
    if _is_sqlite(connection):
        from taskrunner.db.sqlite.lending import BorrowedSqlite

        return BorrowedSqlite(connection)
    raise TypeError(f"connection is a {type(connection).__qualname__}; sqlite3 connections can be used")


def _is_sqlite(connection: Any) -> bool:
    return any(base.__module__.partition(".")[0] == "sqlite3" for base in type(connection).__mro__)


def open_task_connection(url: str, *, may_create: bool = False) -> TaskConnection:
    """Return a counted connection of a task's own, to a file that may be made or not. Raises StoreError."""
    if url.startswith("sqlite:"):
        from taskrunner.db.sqlite.lending import SqliteTaskConnection

        return SqliteTaskConnection(url.removeprefix("sqlite:"), may_create=may_create)
    raise ConfigError("task_database: this version opens SQLite only", hint='url = "sqlite:PATH"')
