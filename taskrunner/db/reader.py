"""PostgreSQL for a command that only reads, most likely: asked through libpq until there is more to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskrunner.db import ANSWER
from taskrunner.db.libpq import LibpqDatabase, LibpqError
from taskrunner.db.sql import kind_of_statement, newest_version
from taskrunner.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager

    from taskrunner.db import Row
    from taskrunner.db.postgres import PostgresDatabase
    from taskrunner.records import Reply

QUICK = 3.0
"""Seconds for a connection and for its first answer: beside more, importing psycopg takes no time."""

LOOK = """
select max(version) as version, pg_backend_pid() as process, current_setting('server_encoding') as encoding,
  (select count(value) from task_setting where name = 'instance_id') as sites
from schema_version
"""


def open_reader(url: str) -> PostgresReader | None:
    """Return a database to read, or None where libpq does not do: psycopg then does, or says what is wrong.

    The tables have to be those of this version, and no pooler may give each statement another session.
    """
    try:
        asked = LibpqDatabase(url, connect=QUICK, patience=QUICK)
    except (StoreError, UnicodeError):
        return None
    wanted = {
        "version": newest_version(asked.dialect),
        "process": asked.process(),
        "encoding": "UTF8",
        "sites": 1,
    }
    try:
        found = asked.fetch(LOOK, {})
    except StoreError:
        found = []
    if found != [wanted]:
        asked.close()
        return None
    asked.patience = ANSWER
    return PostgresReader(url, asked)


class PostgresReader:
    """A database that is asked through libpq; the first thing that takes more opens it with psycopg."""

    dialect = "postgres"
    is_shared = True

    def __init__(self, url: str, asked: LibpqDatabase) -> None:
        self._url = url
        self._asked = asked
        self._whole: PostgresDatabase | None = None

    def fetch(self, sql: str, parameters: Mapping[str, object]) -> list[Row]:
        """Run one statement; return its rows as dicts."""
        if self._whole is not None or not _is_plain(sql, parameters) or self._asked.is_lost():
            return self._opened().fetch(sql, parameters)
        try:
            return self._asked.fetch(sql, parameters)
        except LibpqError as error:
            from taskrunner.db.postgres.connect import error_of, shown, translate

            raise translate(error_of(error.code, str(error)), shown(self._url)) from error

    def send(self, sql: str, parameters: Mapping[str, object]) -> Reply[list[Row]]:
        """Send one statement."""
        return self._opened().send(sql, parameters)

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> list[int]:
        """Insert rows; return their ids in the order given. Call it in a transaction."""
        return self._opened().insert(table, columns, rows)

    def transaction(self) -> AbstractContextManager[None]:
        """Make the statements inside one transaction."""
        return self._opened().transaction()

    def release(self) -> None:
        """Keep the connection, for no other code can disturb it."""

    def wait(self, seconds: float) -> None:
        """Wait for a new adhoc task, at most so many seconds."""
        self._opened().wait(seconds)

    def close(self) -> None:
        """Close the connection; a later statement opens another."""
        self._asked.close()
        if self._whole is not None:
            self._whole.close()

    def _opened(self) -> PostgresDatabase:
        """Return the database that psycopg opens, which takes the place of the connection through libpq."""
        if self._whole is None:
            from taskrunner.db.postgres import PostgresDatabase

            self._asked.close()
            self._whole = PostgresDatabase(self._url)
        return self._whole


def _is_plain(sql: str, parameters: Mapping[str, object]) -> bool:
    """Return whether a statement only reads, and has values that libpq is sent as they are."""
    return kind_of_statement(sql) == "read" and all(map(_is_sent, parameters.values()))


def _is_sent(value: object) -> bool:
    if isinstance(value, str):
        return value.isprintable()  # so it has no NUL and no half of a character, which psycopg refuses
    return value is None or isinstance(value, int | float)
