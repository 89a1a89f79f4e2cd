"""What the tidy plugins share: the tables of a site, in SQLite or PostgreSQL, and a bound on their work."""

from __future__ import annotations

import re
import sqlite3
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

LARGEST_BATCH = 10_000
"""As many rows are named in one statement."""

LONGEST_NAME = 63
"""Bytes of a name in PostgreSQL, which cuts a longer one silently."""

YEAR_2000, YEAR_10000 = 946_684_800, 253_402_300_800
"""No moment is before the one, no moment in seconds after the other: milliseconds are."""

LOCK_FIRST = 250
"""Milliseconds later a statement ends for having taken long, so that one that has only waited can say so."""

SMALLEST_SAMPLE = 10
"""Of fewer rows nothing can be said but that they are as they are."""

PARAMETER = re.compile(r'"(?:[^"]|"")*"|(?<!:):(\w+)')
"""A quoted name, which is left as it is, or a parameter."""

SQLITE_LOCKED, SQLITE_INTERRUPTED, SQLITE_CONSTRAINT = (5, 6), (9,), (19,)
POSTGRES_LOCKED, POSTGRES_CANCELLED = ("55P03", "40P01"), ("57014",)
POSTGRES_CONSTRAINT = re.compile("23|P0001")


class TidyError(Exception):
    """What was found is not what a tidy database can look like: a person has to see it."""


class LockedError(TidyError):
    """Another session holds what is needed for longer than this run may take."""


class TimeIsUpError(TidyError):
    """A statement took longer than this run may."""


class RefusedError(Exception):
    """The database will not have a row deleted: another one refers to it, or a trigger says no."""


def quoted(name: str) -> str:
    """Return the name of a table or a column for a statement, as `schema.table` if need be.

    >>> [quoted(name) for name in ("user", "forum.user", 'a "b" c')]
    ['"user"', '"forum"."user"', '"a ""b"" c"']

    Raises ValueError for what no database takes for a name.
    """
    parts = name.split(".")
    if not all(parts) or len(parts) > 2 or "\0" in name:
        raise ValueError(f"{name!r} is no name of a table or a column")
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def check_range(values: Mapping[str, int], smallest: int, largest: int = 10**9) -> None:
    """Raise ValueError for a setting that is too small or too large."""
    for name, value in values.items():
        if not smallest <= value <= largest:
            raise ValueError(f"{name} = {value} is not between {smallest} and {largest}")


@dataclass(frozen=True, slots=True)
class Bound:
    """When a run is to leave the rest to the next."""

    seconds: float
    until: float

    @classmethod
    def of(cls, seconds: float) -> Bound:
        """Return the bound of a run that begins now."""
        return cls(seconds, time.monotonic() + seconds)

    def __str__(self) -> str:
        return f"seconds = {self.seconds:g}"

    @property
    def is_over(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() >= self.until

    @property
    def milliseconds_left(self) -> int:
        """What a statement may still take; a little always, so that it can fail for a reason of its own."""
        return max(100, int((self.until - time.monotonic()) * 1000))


class Tables:
    """A task's own connection, `self.db`; parameters are written `:name` for either database.

    No statement takes longer than the bound, nor waits longer for another session. A statement outside of
    `transaction` is one by itself. `place` is where the settings stand, for what is wrong with them.
    """

    def __init__(self, connection: Any, bound: Bound, *, place: str) -> None:
        self.connection, self.bound, self.place = connection, bound, place
        self.is_sqlite = isinstance(connection, sqlite3.Connection)
        self._in_transaction = False
        if self.is_sqlite:
            connection.set_progress_handler(lambda: bound.is_over, 10_000)
            connection.execute("pragma foreign_keys = on")  # which PostgreSQL always heeds

    def rows(self, sql: str, **parameters: object) -> list[tuple[Any, ...]]:
        """Run a statement and return its rows."""
        with self._explained():
            cursor = self._limited_cursor()
            cursor.execute(self._adapted(sql), parameters)
            found = [tuple(row) for row in cursor.fetchall()] if cursor.description else []
            if not self._in_transaction:
                self.connection.commit()
        return found

    def number(self, sql: str, **parameters: object) -> int:
        """Return the one number that a query gives."""
        return int(self.rows(sql, **parameters)[0][0])

    def change(self, sql: str, *sets: Mapping[str, object]) -> int:
        """Run a statement for each set of parameters, in a transaction; return how many rows it changed."""
        if not sets:
            return 0
        with self._explained():
            cursor = self._limited_cursor()
            cursor.executemany(self._adapted(sql), sets)
        return max(int(cursor.rowcount), 0)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make the statements inside one; all of them or none. Raises RefusedError, LockedError."""
        with self._explained():
            if self.is_sqlite:
                self.connection.execute(f"pragma busy_timeout = {self.bound.milliseconds_left}")
                self.connection.execute("begin immediate")
        self._in_transaction = True
        try:
            yield
            with self._explained():
                self.connection.commit()
        except BaseException:
            with suppress(Exception):  # the connection may be what is broken
                self.connection.rollback()
            raise
        finally:
            self._in_transaction = False

    def skipping_locked(self, how: str) -> str:
        """Return the end of a query that takes what nobody else holds; SQLite has locked everything."""
        return "" if self.is_sqlite else f" for {how} skip locked"

    def require(self, setting: str, table: str, columns: Mapping[str, str]) -> dict[str, str]:
        """Return the kinds of columns, by setting. Raises TidyError: one of them is not in the table."""
        found = self._columns(table)
        if not found:
            self.refuse(setting, f"= {table!r}: there is no such table; there are {self._table_names()}")
        known = {self._folded(column): kind for column, kind in found.items()}
        for name, column in columns.items():
            if self._folded(column) not in known:
                self.refuse(name, f"= {column!r}: {table} has no such column; it has {', '.join(found)}")
        return {name: known[self._folded(column)] for name, column in columns.items()}

    def require_moments(self, setting: str, table: str, column: str) -> None:
        """Raise TidyError for a column that holds no moments in seconds since 1970."""
        self.require_numbers(setting, table, column)
        [(latest,)] = self.rows(f"select max({quoted(table)}.{quoted(column)}) from {quoted(table)}")
        if latest is not None and not YEAR_2000 <= latest < YEAR_10000:
            self.refuse(setting, f"= {column!r}: {table} has no epoch seconds there: the latest is {latest}")

    def require_numbers(self, setting: str, table: str, column: str) -> None:
        """Raise TidyError for a column that holds something else than numbers."""
        kind = self.require(setting, table, {setting: column})[setting]
        if not self.is_sqlite:
            if kind != "N":
                self.refuse(setting, f"= {column!r}: {table} has no numbers there")
            return
        name = f"{quoted(table)}.{quoted(column)}"
        others = self.rows(
            f"select typeof({name}), count(*) from {quoted(table)}"
            f" where typeof({name}) not in ('integer', 'real', 'null') group by 1 order by 2 desc"
        )
        for other, count in others:
            self.refuse(setting, f"= {column!r}: {table} has {other} there in {count} rows, not numbers")

    def refuse(self, setting: str, problem: str) -> NoReturn:
        """Raise TidyError for a setting."""
        raise TidyError(f"[{self.place}] {setting} {problem}; nothing is deleted")

    def _columns(self, table: str) -> dict[str, str]:
        """Return the columns of a table, with N for numbers in PostgreSQL; an empty dict if there is none."""
        if any(len(part.encode()) > LONGEST_NAME for part in table.split(".")):
            return {}
        if not self.is_sqlite:
            return dict(
                self.rows(
                    "select a.attname, t.typcategory from pg_attribute a join pg_type t on t.oid = a.atttypid"
                    " join pg_class c on c.oid = a.attrelid where c.oid = to_regclass(:name)"
                    " and c.relkind in ('r', 'p', 'f') and a.attnum > 0 and not a.attisdropped"
                    " order by a.attnum",
                    name=quoted(table),
                )
            )
        home, _, name = f"main.{table}".rpartition(".")
        home = home.removeprefix("main.")
        kind = (
            f"select 1 from {quoted(home)}.sqlite_master where type = 'table' and lower(name) = lower(:name)"
        )
        if not self.rows(kind, name=name):
            return {}
        columns = "select name from pragma_table_xinfo(:name, :home) where hidden != 1"
        found = self.rows(columns, name=name, home=home)
        return {column: "" for (column,) in found}

    def _folded(self, column: str) -> str:
        """Return a name as it is compared: SQLite takes small and capital letters for the same."""
        return column.lower() if self.is_sqlite else column

    def _table_names(self) -> str:
        names = self.rows(
            "select name from sqlite_master where type = 'table' and name not like 'sqlite!_%' escape '!'"
            " order by 1 limit 20"
            if self.is_sqlite
            else "select tablename from pg_tables where schemaname = any (current_schemas(false))"
            " order by 1 limit 20"
        )
        return ", ".join(name for (name,) in names) or "none"

    def _limited_cursor(self) -> Any:
        cursor, left = self.connection.cursor(), self.bound.milliseconds_left
        if self.is_sqlite:
            cursor.execute(f"pragma busy_timeout = {left}")
        else:
            cursor.execute(f"set local lock_timeout = {left}")
            cursor.execute(f"set local statement_timeout = {left + LOCK_FIRST}")
        return cursor

    def _adapted(self, sql: str) -> str:
        if self.is_sqlite:
            return sql
        return PARAMETER.sub(lambda part: f"%({part[1]})s" if part[1] else part[0].replace("%", "%%"), sql)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Raise what a driver's error means here; others as they are."""
        try:
            yield
        except Exception as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            state = getattr(error, "sqlstate", None) or ""
            if not self._in_transaction:
                with suppress(Exception):
                    self.connection.rollback()
            if code in SQLITE_LOCKED or state in POSTGRES_LOCKED:
                waited = f"another session holds a lock for longer than {self.bound}"
                raise LockedError(f"{waited}: {first_line(error)}") from error
            if code in SQLITE_INTERRUPTED or state in POSTGRES_CANCELLED:
                raise TimeIsUpError(f"a statement takes longer than {self.bound}") from error
            if code in SQLITE_CONSTRAINT or POSTGRES_CONSTRAINT.match(state):
                raise RefusedError(first_line(error)) from error
            raise


@dataclass(slots=True)
class Removal:
    """What became of the rows that were to go, by their keys."""

    deleted: int = 0
    kept: int = 0
    reason: str = ""

    def in_parts(self, tables: Tables, keys: Sequence[Any], delete: Callable[[Sequence[Any]], int]) -> None:
        """Delete rows in one transaction; if the database refuses some of them, then all but these."""
        if not keys or tables.bound.is_over:
            return
        try:
            with tables.transaction():
                deleted = delete(keys)
        except RefusedError as error:
            if len(keys) == 1:
                self.kept += 1
                self.reason = self.reason or f"{keys[0]!r}: {error}"
                return
            self.in_parts(tables, keys[: len(keys) // 2], delete)
            self.in_parts(tables, keys[len(keys) // 2 :], delete)
        else:
            self.deleted += deleted

    def check(self, table: str) -> None:
        """Raise TidyError if the database has kept some."""
        if self.kept:
            kept = f"the database keeps {self.kept} of the rows of {table} that were to go"
            raise TidyError(f"{kept}, the first is {self.reason}")


def marks(name: str, values: Sequence[object]) -> tuple[str, dict[str, object]]:
    """Return a list of parameters for `in (…)`, and what they stand for.

    >>> marks("key", [7, 8])
    (':key0, :key1', {'key0': 7, 'key1': 8})
    """
    named = {f"{name}{number}": value for number, value in enumerate(values)}
    return ", ".join(f":{each}" for each in named), named


def first_line(error: Exception) -> str:
    """Return what a driver said, on one line."""
    return str(error).strip().partition("\n")[0]
