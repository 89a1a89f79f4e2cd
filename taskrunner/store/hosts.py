"""The hosts that start crons on one database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskrunner.records import HostRow

if TYPE_CHECKING:
    from taskrunner.store.statements import Statements


class Hosts:
    """Rows of hosts; kept where several may work with the database."""

    def __init__(self, statements: Statements) -> None:
        self._statements = statements

    def beat(self, hostname: str, now: float) -> None:
        """Note that a cron starts on a host."""
        self._statements.rows("beat", hostname=hostname, now=now)

    def cleanup(self, before: float) -> list[str]:
        """Forget the hosts that have started no cron since a moment; return their names."""
        return [row["hostname"] for row in self._statements.rows("cleanup", before=before)]

    def list(self) -> list[HostRow]:
        """Return the hosts, by name."""
        return [HostRow(**row) for row in self._statements.rows("list")]
