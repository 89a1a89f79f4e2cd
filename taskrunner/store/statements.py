"""The query files of one noun, run by the name of their verb."""

from __future__ import annotations

import os

from taskrunner.db.dialect import adapt

TYPE_CHECKING = False  # spares an idle minute `typing`
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from taskrunner.db import Database, Row

QUERIES = os.path.join(os.path.dirname(__file__), "queries")


class Statements:
    """Runs `queries/<noun>/<verb>.sql`; a file is read once."""

    def __init__(self, database: Database, noun: str) -> None:
        self._database = database
        self._folder = os.path.join(QUERIES, noun)
        self._texts: dict[str, str] = {}

    def rows(self, verb: str, **parameters: object) -> list[Row]:
        """Run one statement and return its rows, [] for a statement without any. Raises StoreError."""
        return self._database.fetch(self._text(verb), parameters)

    def row(self, verb: str, **parameters: object) -> Row | None:
        """Run one statement and return its first row, or None. Raises StoreError."""
        rows = self.rows(verb, **parameters)
        return rows[0] if rows else None

    def later(self, verb: str, **parameters: object) -> Callable[[], list[Row]]:
        """Send one statement, and return what gives its rows when they are needed. Raises StoreError."""
        return self._database.fetch_later(self._text(verb), parameters)

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> list[int]:
        """Insert rows quickly, in a transaction; return their ids in the order given. Raises StoreError."""
        return self._database.insert(table, columns, rows)

    def _text(self, verb: str) -> str:
        if verb not in self._texts:
            with open(os.path.join(self._folder, f"{verb}.sql"), encoding="utf-8") as file:
                self._texts[verb] = adapt(file.read(), self._database.dialect)
        return self._texts[verb]
