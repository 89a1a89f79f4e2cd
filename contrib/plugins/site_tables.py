"""What the tidy plugins share: the tables of a site, in SQLite or PostgreSQL, and a bound on their work."""

from __future__ import annotations

import re
import sqlite3
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}(\.[A-Za-z_][A-Za-z0-9_]{0,62})?")
PARAMETER = re.compile(r"(?<!:):(\w+)")


def quoted(name: str) -> str:
    """Return the name of a table or a column for a statement, as `schema.table` if need be.

    >>> quoted("forum.user")
    '"forum"."user"'

    Raises ValueError for what is no plain name.
    """
    if not NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a table or a column")
    return ".".join(f'"{part}"' for part in name.split("."))


@dataclass(slots=True)
class Tables:
    """A task's own connection, `self.db`; parameters are written `:name` for either database.

    A statement outside of `transaction` is one by itself.
    """

    connection: Any
    _in_transaction: bool = False

    @property
    def is_sqlite(self) -> bool:
        """Whether it is SQLite; else it is PostgreSQL."""
        return isinstance(self.connection, sqlite3.Connection)

    def rows(self, sql: str, **parameters: object) -> list[tuple[Any, ...]]:
        """Run a statement and return its rows."""
        cursor = self.connection.cursor()
        cursor.execute(self._adapted(sql), parameters)
        found = [tuple(row) for row in cursor.fetchall()] if cursor.description else []
        if not self._in_transaction:
            self.connection.commit()
        return found

    def number(self, sql: str, **parameters: object) -> int:
        """Return the one number that a query gives."""
        return int(self.rows(sql, **parameters)[0][0])

    def change(self, sql: str, parameters: Sequence[Mapping[str, object]]) -> int:
        """Run a statement for each set of parameters, in a transaction; return how many rows it changed."""
        if not parameters:
            return 0
        cursor = self.connection.cursor()
        cursor.executemany(self._adapted(sql), parameters)
        return max(int(cursor.rowcount), 0)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make the statements inside one; it waits for another's before it looks at anything."""
        if self.is_sqlite:
            self.connection.execute("begin immediate")
        self._in_transaction = True
        try:
            yield
            self.connection.commit()
        except BaseException:
            self.connection.rollback()
            raise
        finally:
            self._in_transaction = False

    def lock(self, table: str, key: str, keys: Sequence[object]) -> None:
        """Keep rows from being changed by others until the transaction ends; SQLite has locked everything."""
        if not self.is_sqlite:
            for value in keys:
                self.rows(f"select 1 from {table} where {key} = :value for update", value=value)

    def _adapted(self, sql: str) -> str:
        return sql if self.is_sqlite else PARAMETER.sub(r"%(\1)s", sql)


@dataclass(frozen=True, slots=True)
class Bound:
    """When a run is to leave the rest to the next."""

    until: float

    @classmethod
    def of(cls, seconds: float) -> Bound:
        """Return the bound of a run that begins now."""
        return cls(time.monotonic() + seconds)

    @property
    def is_over(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() >= self.until
