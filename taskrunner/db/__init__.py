"""The connection below the store: what a database has to offer, with one driver for each."""

from __future__ import annotations

import os

from taskrunner.errors import ConfigError, SchemaMismatchError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager
    from typing import Any, Protocol

    from taskrunner.errors import StoreError
    from taskrunner.locks import Locks
    from taskrunner.records import Finding, Reply

    Row = dict[str, Any]
else:
    Protocol, Row = object, dict

SQLITE = "sqlite:"
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
    is_shared: bool
    """Whether several hosts may work with it."""

    def fetch(self, sql: str, parameters: Mapping[str, object]) -> list[Row]:
        """Run one statement and return its rows as dicts, [] for a statement without any.

        Raises StoreBusyError when another process holds the database too long, StoreError otherwise.
        """

    def send(self, sql: str, parameters: Mapping[str, object]) -> Reply[list[Row]]:
        """Send one statement; its rows can be had now, or when the transaction has ended.

        In a transaction nothing waits for an answer before it is asked for, so that many statements take
        one way to a server and back; what is wrong with one is raised then, at the latest at the end.
        """

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> list[int]:
        """Insert rows as quickly as the database can, in a transaction; return their ids in the order given.

        For a table whose key is `id`. Raises StoreError.
        """

    def transaction(self) -> AbstractContextManager[None]:
        """Make the statements inside one: all of them happen, or none. Does not nest."""

    def release(self) -> None:
        """Hold nothing, before a task's own code runs, that it could disturb."""

    def wait(self, seconds: float) -> None:
        """Wait so many seconds, less if the database tells of new work before."""

    def close(self) -> None:
        """Close the connection; a later statement opens it again."""


UPGRADE, REFUSE, TAKE = "upgrade", "refuse", "take"
"""What is done with older tables: they are brought up to date, refused, or taken as they are."""


def open_database(
    url: str, *, through_pooler: bool = False, older: str = UPGRADE, for_reading: bool = False
) -> Database:
    """Return the database a URL names, its tables made where there are none; `older` is a word above.

    `through_pooler`: something stands between that may give each transaction another session.
    `for_reading`: most likely nothing is written, and what only writing takes is imported if it is.
    Raises StoreError (not there, not readable), SchemaMismatchError (newer than this program, older where
    that is refused, not ours).
    """
    if url.startswith(SQLITE):
        from taskrunner.db.sqlite import open_sqlite

        return open_sqlite(url.removeprefix(SQLITE), older=older)
    _check_is_postgres(url)
    if for_reading and not through_pooler:
        from taskrunner.db.reader import open_reader

        if (reader := open_reader(url)) is not None:
            return reader
    from taskrunner.db.postgres import open_postgres

    return open_postgres(url, through_pooler=through_pooler, older=older)


def _check_is_postgres(url: str) -> None:
    if not url.startswith(POSTGRES):
        raise ConfigError(
            "this kind of database is not known",
            hint="write sqlite:PATH or postgresql://USER@HOST/NAME",
        )


def look_at_tables(url: str, *, through_pooler: bool = False) -> SchemaState:
    """Return the version of the tables of a database, and change nothing. Raises StoreError."""
    if url.startswith(SQLITE):
        from taskrunner.db.sqlite import sqlite_state

        return sqlite_state(url.removeprefix(SQLITE))
    _check_is_postgres(url)
    from taskrunner.db.postgres import postgres_state

    return postgres_state(url, through_pooler=through_pooler)


def database_health(url: str) -> list[Finding]:
    """Return what is unhealthy about a database that works. Raises StoreError."""
    if url.startswith(SQLITE):
        from taskrunner.db.sqlite.health import sqlite_health

        return sqlite_health(url.removeprefix(SQLITE))
    _check_is_postgres(url)
    from taskrunner.db.postgres.tables import postgres_health

    return postgres_health(url)


def error_of_writing(url: str) -> StoreError | None:
    """Return what keeps this process from writing to a file that is a database, or None if nothing does."""
    if not url.startswith(SQLITE):
        return None
    from taskrunner.db.sqlite.health import error_of_beginning

    return error_of_beginning(url.removeprefix(SQLITE))


def open_shared_locks(url: str, instance_id: str) -> Locks:
    """Return the locks that all hosts of an installation see; `url` is that of a direct connection."""
    from taskrunner.db.postgres.locks import AdvisoryLocks

    return AdvisoryLocks(url, instance_id)


def open_for_questions(url: str) -> Database:
    """Return a database for a few questions, opened in the quickest way there is.

    Raises StoreError, ConfigError: it cannot be opened, or not on this way; `open_database` knows.
    """
    if url.startswith(POSTGRES):
        from taskrunner.db.libpq import open_libpq

        return open_libpq(url)  # type: ignore[return-value]  # no transactions, but all that asking takes
    return open_database(url, older=REFUSE)


def borrow(connection: Any) -> Database:
    """Return a database whose statements run on a caller's own connection, in its own transaction."""
    if _is_of(connection, "sqlite3"):
        from taskrunner.db.sqlite.sessions import BorrowedSqlite

        return BorrowedSqlite(connection)
    if _is_of(connection, "psycopg"):
        from taskrunner.db.postgres.sessions import BorrowedPostgres

        return BorrowedPostgres(connection)
    raise TypeError(
        f"connection is a {type(connection).__qualname__}; sqlite3 and psycopg connections can be used"
    )


def make_tables_on(connection: Any, *, now: float) -> None:
    """Make the tables on a caller's own connection, in its own transaction, where there are none.

    Raises SchemaMismatchError: tables of another program have such names, or this role may not make any.
    """
    if _is_of(connection, "sqlite3"):
        from taskrunner.db.sqlite.tables import make_tables

        make_tables(connection, now)
    else:
        from taskrunner.db.postgres.tables import make_tables as make_tables_of_postgres

        make_tables_of_postgres(connection, now)


def _is_of(connection: Any, library: str) -> bool:
    return any(base.__module__.partition(".")[0] == library for base in type(connection).__mro__)


def open_task_connection(url: str, *, task: str = "", may_create: bool = False) -> TaskConnection:
    """Return a new connection for one task, with its statements counted. Raises StoreError.

    `may_create` allows an SQLite file to be made.
    """
    if url.startswith(SQLITE):
        from taskrunner.db.sqlite.sessions import SqliteTaskConnection

        return SqliteTaskConnection(url.removeprefix(SQLITE), may_create=may_create)
    _check_is_postgres(url)
    from taskrunner.db.postgres.sessions import PostgresTaskConnection

    return PostgresTaskConnection(url, task=task)


class SchemaState:
    """The version of the tables in a database, 0 if there are none, and the newest known here."""

    __slots__ = ("database", "newest", "server", "version")

    def __init__(self, database: str, version: int, newest: int, server: str = "") -> None:
        self.database = database
        self.version = version
        self.newest = newest
        self.server = server

    def is_to_be_upgraded(self, older: str) -> bool:
        """Return whether tables have to be made or changed, when older ones are to be treated so.

        Raises SchemaMismatchError if older ones are refused: other hosts may have the program that made them,
        and would stop.
        """
        if self.version >= self.newest or (self.version and older == TAKE):
            return False
        if self.version and older == REFUSE:
            raise SchemaMismatchError(
                f"database {self.database} has schema version {self.version},"
                f" this taskrun needs {self.newest}",
                hint="the next cron of this version upgrades it, and then all hosts need it;"
                " or now: taskrun db upgrade",
            )
        return True

    @property
    def word(self) -> str:
        """One word for the state of the tables: up to date, newer, older or missing."""
        if self.version == self.newest:
            return "up to date"
        return "newer" if self.version > self.newest else "older" if self.version else "missing"

    def checked(self) -> SchemaState:
        """Return this state. Raises SchemaMismatchError if a newer program has changed the tables."""
        if self.version > self.newest:
            raise SchemaMismatchError(
                f"database {self.database} has schema version {self.version},"
                f" this taskrun knows {self.newest} at most",
                hint=f"upgrade taskrun on this host, {os.uname().nodename}",
            )
        return self


NETWORK = {
    "connect_timeout": "10",
    "keepalives": "1",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
"""How a lost server is noticed within half a minute; what the URL says comes first."""

TIMEOUTS = {
    "statement_timeout": "60s",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "60s",
}
"""How long the server lets a statement of taskrunner's own take, wait for others, and think between two."""

FIRST_ANSWER = 20.0
"""Seconds for the first answer: a pooler lets a client in at once, and has it wait for a session."""

ANSWER = 70.0
"""Seconds for any other: a statement may take sixty, but a commit waits for a standby as long as it takes."""

OF_TRANSACTION = {**TIMEOUTS, "jit": "off"}
"""What a session sets, or each transaction where there is a pooler.

The planner would compile a short question about a long queue, which takes far longer than to ask it.
"""

SERVER_NETWORK = {
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
"""How the server notices within half a minute that this host is lost, and frees what its session held."""


def session_options() -> str:
    """Return what a session sets at its start, as `options` of a connection."""
    return " ".join(f"-c {name}={value}" for name, value in {**OF_TRANSACTION, **SERVER_NETWORK}.items())
