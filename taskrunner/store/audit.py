"""The audit: what administrators did, each row written together with the change it tells of."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from taskrunner.records import AuditRow

if TYPE_CHECKING:
    from taskrunner.store.statements import Statements


class Audit:
    """Rows of changes."""

    def __init__(self, statements: Statements) -> None:
        self._statements = statements

    def add(self, row: AuditRow) -> None:
        """Keep a change. Call it in the transaction that makes the change."""
        self._statements.rows("add", **asdict(row))

    def list(self, *, since: float, limit: int) -> list[AuditRow]:
        """Return the changes since a moment, the latest first, at most `limit`."""
        return [AuditRow(**row) for row in self._statements.rows("list", since=since, limit=limit)]
