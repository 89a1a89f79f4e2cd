"""The log: one row for each run that ended."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from taskrunner.records import Run

if TYPE_CHECKING:
    from taskrunner.store.statements import Statements

COLUMNS = tuple(field.name for field in fields(Run))

END_OF_TIME = 1e15
"""Epoch seconds after every moment."""


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which kept runs to list; a field left alone filters nothing."""

    name: str | None = None
    failed_only: bool = False
    since: float = -END_OF_TIME
    until: float = END_OF_TIME
    outcome: str = ""
    min_duration: float = -END_OF_TIME
    grep: str = ""
    limit: int = 50


class Log:
    """The kept runs."""

    def __init__(self, statements: Statements) -> None:
        self._statements = statements

    def add(self, run: Run) -> None:
        """Keep a run."""
        self._statements.later("add", **{name: getattr(run, name) for name in COLUMNS})

    def find(self, prefix: str) -> list[Run]:
        """Return the kept runs whose id begins with `prefix`, at most two."""
        return [Run(**row) for row in self._statements.rows("find", first=prefix, last=f"{prefix}~")]

    def names(self) -> list[str]:
        """Return the names of the tasks that have kept runs."""
        return [row["name"] for row in self._statements.rows("names")]

    def cleanup(self, name: str, *, before: float, keep_runs: int, limit: int) -> int:
        """Delete up to `limit` runs of a task that started before a moment; the newest `keep_runs` stay.

        Returns how many went; fewer than `limit`: there are no more.
        """
        newest = self._statements.row("newest_kept", name=name, runs=keep_runs)
        if newest is None:
            return 0
        return len(self._statements.rows("cleanup", name=name, before=before, limit=limit, **newest))

    def list(self, wanted: LogFilter) -> list[Run]:
        """Return kept runs without their output, newest first, at most `wanted.limit`."""
        verb = "list_named" if wanted.name else "list"
        rows = self._statements.rows(
            verb,
            name=wanted.name,
            failed=int(wanted.failed_only),
            since=wanted.since,
            until=wanted.until,
            outcome=wanted.outcome,
            min_duration=wanted.min_duration,
            grep=like_pattern(wanted.grep),
            limit=wanted.limit,
        )
        return [Run(**row) for row in rows]


def like_pattern(text: str) -> str:
    r"""Return the SQL pattern that finds a text anywhere, "" for "".

    >>> like_pattern("50%_x")
    '%50\\%\\_x%'
    """
    if not text:
        return ""
    for special in ("\\", "%", "_"):
        text = text.replace(special, f"\\{special}")
    return f"%{text}%"
