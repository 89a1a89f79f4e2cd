"""PostgreSQL asked through libpq itself, for a few questions: psycopg takes ten times as long to import.

Only what asking takes: one connection, statements that return numbers and texts, no transaction.
Nothing here is the only way to anything: where it does not do, there is psycopg.
"""

from __future__ import annotations

import ctypes
import os
import select
import sys
import time

from taskrunner.db import FIRST_ANSWER, NETWORK, session_options
from taskrunner.db.sql import newest_version
from taskrunner.errors import StoreError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from taskrunner.db import Row

BUNDLED = "psycopg_binary.libs"
"""The folder, beside psycopg_binary, with the libpq that it brings."""

SYSTEM = "libpq.so.5"
CONNECTION_BAD = 1
CONNECT = float(NETWORK["connect_timeout"])
FAILED, READING, WRITING = 0, 1, 2
EVENTS = {READING: select.POLLIN, WRITING: select.POLLOUT}
"""What a connection waits for that is being made."""

VALUE, FIELDS = 3, 7
"""Where a parameter of a URL has its value, and how many fields, each as long as a pointer, it has."""

COMMAND_OK, TUPLES_OK = 1, 2
SQLSTATE, MESSAGE = ord("C"), ord("M")
READERS: dict[int, Callable[[bytes], object]] = {
    16: lambda text: text == b"t",
    **dict.fromkeys((20, 21, 23, 26), int),
    **dict.fromkeys((700, 701), float),
}
"""How values are read, by the number of their type in pg_type: all others are texts."""

INTEGERS, NUMERIC = ((21, 15), (23, 31), (20, 63)), 1700
"""The types of whole numbers, and how many bits besides the sign each has."""

EXACT = "-c extra_float_digits=1"
"""Floating point numbers are sent as texts, with all their digits whatever a role's own setting is."""

POINTER, NUMBER, TEXT, TEXTS = ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p, ctypes.POINTER(ctypes.c_char_p)
FUNCTIONS: dict[str, tuple[Any, ...]] = {
    "PQconninfoParse": (TEXTS, TEXT, POINTER),
    "PQconninfoFree": (None, POINTER),
    "PQconnectStartParams": (POINTER, TEXTS, TEXTS, NUMBER),
    "PQsetNoticeProcessor": (POINTER, POINTER, POINTER, POINTER),
    "PQfreemem": (None, POINTER),
    "PQconnectPoll": (NUMBER, POINTER),
    "PQstatus": (NUMBER, POINTER),
    "PQbackendPID": (NUMBER, POINTER),
    "PQerrorMessage": (TEXT, POINTER),
    "PQfinish": (None, POINTER),
    "PQsendQueryParams": (NUMBER, POINTER, TEXT, NUMBER, POINTER, TEXTS, POINTER, POINTER, NUMBER),
    "PQsocket": (NUMBER, POINTER),
    "PQconsumeInput": (NUMBER, POINTER),
    "PQisBusy": (NUMBER, POINTER),
    "PQgetResult": (POINTER, POINTER),
    "PQresultStatus": (NUMBER, POINTER),
    "PQresultErrorField": (TEXT, POINTER, NUMBER),
    "PQresultErrorMessage": (TEXT, POINTER),
    "PQntuples": (NUMBER, POINTER),
    "PQnfields": (NUMBER, POINTER),
    "PQfname": (TEXT, POINTER, NUMBER),
    "PQftype": (ctypes.c_uint, POINTER, NUMBER),
    "PQgetisnull": (NUMBER, POINTER, NUMBER, NUMBER),
    "PQgetvalue": (TEXT, POINTER, NUMBER, NUMBER),
    "PQclear": (None, POINTER),
}
"""Name -> what it returns, then what it takes: https://www.postgresql.org/docs/current/libpq.html."""


class Libpq(ctypes.CDLL):
    """The library, each function of which is declared when it is called for the first time."""

    def __getattr__(self, name: str) -> Any:
        function = super().__getattr__(name)
        function.restype, *function.argtypes = FUNCTIONS[name]
        return function


VERSION = "select max(version) as version from schema_version"


def open_libpq(url: str) -> LibpqDatabase:
    """Return a database for a few questions. Raises StoreError if that is not possible, for whatever reason.

    Nothing is made or upgraded, and nothing is said of what is wrong: `open_database` does.
    """
    database = LibpqDatabase(url)
    try:
        newest = newest_version(database.dialect)
        if database.fetch(VERSION, {}) != [{"version": newest}]:
            raise StoreError("the tables are of another version")
    except BaseException:
        database.close()
        raise
    return database


class LibpqError(StoreError):
    """What libpq or the server says instead of an answer; `code` is the server's for it (SQLSTATE), or ""."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class LibpqDatabase:
    """One connection through libpq, with what `Statements` needs of a database to ask it.

    It is made within `connect` seconds; an answer takes at most `patience`. Raises StoreError.
    """

    dialect = "postgres"
    is_shared = True
    transaction = release = wait = None
    """What asking does not take."""

    def __init__(self, url: str, *, connect: float = CONNECT, patience: float = FIRST_ANSWER) -> None:
        try:
            self._libpq = Libpq(_bundled() or SYSTEM)
        except OSError as error:
            raise LibpqError("there is no libpq") from error
        self._pid = os.getpid()
        self.patience = patience
        named = self._named(url) if "options" in url else {"dbname": url}
        named = {"application_name": "taskrun", **NETWORK, **named, "client_encoding": "UTF8"}
        named["options"] = f"{session_options()} {named.get('options', '')} {EXACT}"
        self._connection = self._libpq.PQconnectStartParams(_texts([*named]), _texts([*named.values()]), 1)
        try:
            self._connect(time.monotonic() + connect)
        except BaseException:
            self.close()
            raise

    def _named(self, url: str) -> dict[str, str]:
        """Return the parameters that a URL names."""
        found = self._libpq.PQconninfoParse(url.encode(), None)
        if not found:
            raise LibpqError("the URL cannot be understood")
        named, at = {}, 0
        while (name := found[at]) is not None:
            if (value := found[at + VALUE]) is not None:
                named[name.decode()] = value.decode()
            at += FIELDS
        self._libpq.PQconninfoFree(found)
        return named

    def _connect(self, until: float) -> None:
        libpq, connection = self._libpq, self._connection
        # What the server warns of is nobody's, as with psycopg. PQfreemem gets the None, and frees nothing.
        libpq.PQsetNoticeProcessor(connection, libpq.PQfreemem, None)
        status = FAILED if libpq.PQstatus(connection) == CONNECTION_BAD else WRITING
        while status in EVENTS:
            self._wait(EVENTS[status], until)
            status = libpq.PQconnectPoll(connection)
        if status == FAILED:
            raise self._error("connection failed")

    def fetch(self, sql: str, parameters: Mapping[str, object]) -> list[Row]:
        """Run one statement; return its rows as dicts. Raises LibpqError."""
        text, values = numbered(sql, parameters)
        types = (ctypes.c_uint * len(values))(*map(_type_of, values))
        given = _texts([None if value is None else str(value) for value in values])
        libpq = self._libpq
        if not libpq.PQsendQueryParams(
            self._connection, text.encode(), len(values), types, given, None, None, 0
        ):
            raise self._error("sending query failed")
        result = self._answer()
        try:
            if libpq.PQresultStatus(result) not in (COMMAND_OK, TUPLES_OK):
                said, code = (libpq.PQresultErrorField(result, field) or b"" for field in (MESSAGE, SQLSTATE))
                said = said or libpq.PQresultErrorMessage(result)
                raise LibpqError(said.decode("utf-8", "replace"), code.decode())
            return self._rows(result)
        finally:
            libpq.PQclear(result)

    def _answer(self) -> int | None:
        """Return the answer to a statement, once all of it is there. Raises LibpqError."""
        libpq, connection, until = self._libpq, self._connection, time.monotonic() + self.patience
        answer: int | None = None
        try:
            while True:
                while libpq.PQisBusy(connection):
                    self._wait(select.POLLIN, until)
                    if not libpq.PQconsumeInput(connection):
                        if answer:  # why the server ended the session
                            return answer
                        raise self._error("consuming input failed")
                following = libpq.PQgetResult(connection)
                if not following:
                    return answer
                libpq.PQclear(answer)
                answer = following
        except BaseException:
            libpq.PQclear(answer)
            self.close()  # what comes now would be taken for the next answer
            raise

    def _wait(self, events: int, until: float) -> None:
        """Wait for the server, at most until a moment of the monotonic clock. Raises LibpqError."""
        polled = select.poll()
        polled.register(self._libpq.PQsocket(self._connection), events)
        if not polled.poll(max(0.0, until - time.monotonic()) * 1000):
            raise LibpqError(f"no answer within {self.patience:.0f} seconds")

    def _error(self, tried: str) -> LibpqError:
        said = self._libpq.PQerrorMessage(self._connection).decode("utf-8", "replace")
        return LibpqError(f"{tried}: {said}")

    def is_lost(self) -> bool:
        """Return whether the connection is closed, lost or a parent's, without a question to the server."""
        if not self._connection or self._pid != os.getpid():
            return True
        if self._libpq.PQstatus(self._connection) == CONNECTION_BAD:
            return True
        incoming = select.poll()
        incoming.register(self._libpq.PQsocket(self._connection), select.POLLIN)
        while incoming.poll(0):
            if not self._libpq.PQconsumeInput(self._connection):
                return True
        return False

    def process(self) -> int:
        """Return the pid of the server's process, as it was said at the start."""
        return int(self._libpq.PQbackendPID(self._connection))

    def close(self) -> None:
        """Close the connection; one that a parent process has opened stays its own."""
        if self._connection and self._pid == os.getpid():
            self._libpq.PQfinish(self._connection)
        self._connection = None

    def _rows(self, result: int | None) -> list[Row]:
        libpq, text_of, is_null = self._libpq, self._libpq.PQgetvalue, self._libpq.PQgetisnull
        columns = [
            (
                sys.intern(libpq.PQfname(result, at).decode()),
                at,
                READERS.get(libpq.PQftype(result, at), bytes.decode),
            )
            for at in range(libpq.PQnfields(result))
        ]
        return [
            {
                name: read(text)
                if (text := text_of(result, row, at)) or not is_null(result, row, at)
                else None
                for name, at, read in columns
            }
            for row in range(libpq.PQntuples(result))
        ]


def _type_of(value: object) -> int:
    """Return the number of the type as which psycopg would send a value; 0 lets the server say."""
    if isinstance(value, bool):
        return 16
    if isinstance(value, int):
        return next((number for number, bits in INTEGERS if -(1 << bits) <= value < 1 << bits), NUMERIC)
    return 701 if isinstance(value, float) else 0


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


def _texts(texts: Sequence[str | None]) -> ctypes.Array[ctypes.c_char_p]:
    """Return an array of C strings with a NULL at its end."""
    return (ctypes.c_char_p * (len(texts) + 1))(
        *(None if text is None else text.encode() for text in texts), None
    )


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
