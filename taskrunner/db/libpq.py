"""PostgreSQL asked through libpq itself, for a few questions: psycopg takes ten times as long to import.

Only what an idle minute needs: one connection, statements that return numbers and texts, no transaction.
Nothing here is the only way to anything: where it does not do, there is psycopg.
"""

from __future__ import annotations

import ctypes
import os
import select
import sys

from taskrunner.db import NETWORK, session_options
from taskrunner.db.sql import newest_version
from taskrunner.errors import StoreError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from taskrunner.db import Row

BUNDLED = "psycopg_binary.libs"
"""The folder, beside psycopg_binary, with the libpq that it brings."""

SYSTEM = "libpq.so.5"
CONNECTION_OK = 0
FIRST_ANSWER_MS = 20_000
"""For how long an answer is waited for: a pooler lets a client in at once, and has it wait for a session."""

COMMAND_OK, TUPLES_OK = 1, 2
NUMBERS: dict[int, Callable[[str], float]] = {
    16: lambda text: int(text == "t"),
    **dict.fromkeys((20, 21, 23, 26), int),
    **dict.fromkeys((700, 701), float),
}
"""How values are read, by the number of their type in pg_type: all others stay text."""

POINTER, NUMBER, TEXT, TEXTS = ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p, ctypes.POINTER(ctypes.c_char_p)
FUNCTIONS = {
    "PQconnectdbParams": (POINTER, TEXTS, TEXTS, NUMBER),
    "PQstatus": (NUMBER, POINTER),
    "PQfinish": (None, POINTER),
    "PQsendQueryParams": (NUMBER, POINTER, TEXT, NUMBER, POINTER, TEXTS, POINTER, POINTER, NUMBER),
    "PQsocket": (NUMBER, POINTER),
    "PQconsumeInput": (NUMBER, POINTER),
    "PQisBusy": (NUMBER, POINTER),
    "PQgetResult": (POINTER, POINTER),
    "PQresultStatus": (NUMBER, POINTER),
    "PQntuples": (NUMBER, POINTER),
    "PQnfields": (NUMBER, POINTER),
    "PQfname": (TEXT, POINTER, NUMBER),
    "PQftype": (ctypes.c_uint, POINTER, NUMBER),
    "PQgetisnull": (NUMBER, POINTER, NUMBER, NUMBER),
    "PQgetvalue": (TEXT, POINTER, NUMBER, NUMBER),
    "PQclear": (None, POINTER),
}
"""Name -> what it returns, then what it takes: https://www.postgresql.org/docs/current/libpq.html."""


VERSION = "select max(version) as version from schema_version"


def open_libpq(url: str) -> LibpqDatabase:
    """Return a database for a few questions. Raises StoreError if that is not possible, for whatever reason.

    Nothing is made or upgraded, and nothing is said of what is wrong: `open_database` does.
    """
    database = LibpqDatabase(_load(), url)
    try:
        newest = newest_version(database.dialect)
        if database.fetch(VERSION, {}) != [{"version": newest}]:
            raise StoreError("the tables are of another version")
    except BaseException:
        database.close()
        raise
    return database


class LibpqDatabase:
    """One connection through libpq, with what `Statements` needs of a database to ask it."""

    dialect = "postgres"
    is_shared = True
    transaction = release = wait = None
    """What asking does not take."""

    def __init__(self, library: ctypes.CDLL, url: str) -> None:
        self._libpq = library
        settings = {**NETWORK, "application_name": "taskrun", "options": session_options()}
        named = {**settings, "dbname": url, "client_encoding": "UTF8"}  # a later one comes before an earlier
        self._connection = library.PQconnectdbParams(_texts([*named]), _texts([*named.values()]), 1)
        if not self._connection or library.PQstatus(self._connection) != CONNECTION_OK:
            self.close()
            raise StoreError("the database cannot be reached through libpq")

    def fetch(self, sql: str, parameters: Mapping[str, object]) -> list[Row]:
        """Run one statement; return its rows as dicts."""
        text, values = numbered(sql, parameters)
        given = _texts([str(value) for value in values])
        self._libpq.PQsendQueryParams(
            self._connection, text.encode(), len(values), None, given, None, None, 0
        )
        self._wait_for_answer()
        result = self._libpq.PQgetResult(self._connection)
        self._libpq.PQclear(self._libpq.PQgetResult(self._connection))  # there is no other: it is at its end
        try:
            if self._libpq.PQresultStatus(result) not in (COMMAND_OK, TUPLES_OK):
                raise StoreError("the database did not answer through libpq")
            return self._rows(result)
        finally:
            self._libpq.PQclear(result)

    def _wait_for_answer(self) -> None:
        """Wait until an answer can be had, or an error. Raises StoreError."""
        libpq, connection = self._libpq, self._connection
        polled = select.poll()
        polled.register(libpq.PQsocket(connection), select.POLLIN)
        while libpq.PQisBusy(connection):
            if not polled.poll(FIRST_ANSWER_MS):
                raise StoreError("the database did not answer through libpq in time")
            if not libpq.PQconsumeInput(connection):
                return

    def close(self) -> None:
        """Close the connection."""
        if self._connection:
            self._libpq.PQfinish(self._connection)
            self._connection = None

    def _rows(self, result: int) -> list[Row]:
        libpq = self._libpq
        columns = [
            (libpq.PQfname(result, number).decode(), NUMBERS.get(libpq.PQftype(result, number), str))
            for number in range(libpq.PQnfields(result))
        ]
        return [
            {name: self._value(result, row, at, read) for at, (name, read) in enumerate(columns)}
            for row in range(libpq.PQntuples(result))
        ]

    def _value(self, result: int, row: int, column: int, read: Callable[[str], object]) -> object:
        if self._libpq.PQgetisnull(result, row, column):
            return None
        return read(self._libpq.PQgetvalue(result, row, column).decode())


def numbered(sql: str, parameters: Mapping[str, object]) -> tuple[str, list[object]]:
    """Return SQL with its parameters `:name` made `$1`, `$2` …, and their values in that order.

    >>> numbered("select :now, :now_or_never", {"now": 1.5, "now_or_never": 2, "unused": 3})
    ('select $2, $1', [2, 1.5])
    """
    values: list[object] = []
    for name in sorted(parameters, key=len, reverse=True):  # none is taken for the beginning of another
        if f":{name}" in sql:
            values.append(parameters[name])
            sql = sql.replace(f":{name}", f"${len(values)}")
    return sql, values


def _texts(texts: Sequence[str]) -> ctypes.Array[ctypes.c_char_p]:
    """Return an array of C strings with a NULL at its end."""
    return (ctypes.c_char_p * (len(texts) + 1))(*(text.encode() for text in texts), None)


def _load() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL(_bundled() or SYSTEM)
        for name, (returned, *taken) in FUNCTIONS.items():
            function = getattr(library, name)
            function.restype, function.argtypes = returned, taken
    except (OSError, AttributeError) as error:
        raise StoreError("there is no libpq") from error
    return library


def _bundled() -> str | None:
    """Return the path of the libpq that psycopg brings, or None if it brings none."""
    for folder in sys.path:
        try:
            names = os.listdir(os.path.join(folder, BUNDLED))
        except OSError:
            continue
        found = next((name for name in sorted(names) if name.startswith("libpq-")), None)
        if found is not None:
            return os.path.join(folder, BUNDLED, found)
    return None
