"""What taskrunner remembers, by noun. It knows rows and moments, not classes of tasks."""

from __future__ import annotations

import os
from functools import cached_property

from taskrunner.db.sql import adapt
from taskrunner.errors import StoreError
from taskrunner.files import read_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from taskrunner.db import Database, Row
    from taskrunner.records import Reply
    from taskrunner.store.imports import Reports


def open_store(
    database: str, *, lock_database: str | None, older: str = "upgrade", for_reading: bool = False
) -> Store:
    """Return the store of an installation whose databases have these URLs; the rest is as for databases.

    Raises StoreError.
    """
    from taskrunner.db import open_database

    is_pooled = lock_database is not None
    return Store(open_database(database, through_pooler=is_pooled, older=older, for_reading=for_reading))


class Store:
    """The tables of one installation. Each method is one statement; moments are handed in."""

    def __init__(self, database: Database) -> None:
        # An idle minute asks through `Statements` alone, and does without the records.
        from taskrunner.store.runs import Audit, Hosts, Log, Runners
        from taskrunner.store.settings import Settings
        from taskrunner.store.tasks import AdhocTasks, ScheduledTasks

        self.is_shared = database.is_shared
        """Whether several hosts may work with it."""
        self.transaction = database.transaction
        """Make the writes inside one: all of them happen, or none. Does not nest."""
        self.release = database.release
        """Hold nothing of the database that a task's own code could disturb."""
        self.wait = database.wait
        """Wait for new adhoc tasks where the database tells of them, at most some seconds; else wait."""
        self.close = database.close
        """Let go of the database; a later call opens it again."""
        self.scheduled = ScheduledTasks(Statements(database, "scheduled"))
        self.adhoc = AdhocTasks(Statements(database, "adhoc"))
        self.log = Log(Statements(database, "log"))
        self.runners = Runners(Statements(database, "runners"))
        self.audit = Audit(Statements(database, "audit"))
        self.hosts = Hosts(Statements(database, "hosts"))
        self.settings = Settings(Statements(database, "settings"))
        self._database = database

    @cached_property
    def reports(self) -> Reports:
        """What was found in log files: few commands ask."""
        from taskrunner.store.imports import Reports

        return Reports(Statements(self._database, "reports"))


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

    def send(self, verb: str, **parameters: object) -> Reply[list[Row]]:
        """Send one statement; its rows can be had when they are needed. Raises StoreError."""
        return self._database.send(self._text(verb), parameters)

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> list[int]:
        """Insert rows quickly, in a transaction; return their ids in the order given. Raises StoreError."""
        return self._database.insert(table, columns, rows)

    def _text(self, verb: str) -> str:
        if verb not in self._texts:
            path = os.path.join(self._folder, f"{verb}.sql")
            try:
                text = read_bytes(path).decode()
            except OSError as error:
                raise StoreError(
                    f"the program's own {path} cannot be read: {error.strerror}",
                    hint="try again; if it stays so, install taskrunner anew",
                ) from error
            self._texts[verb] = adapt(text, self._database.dialect)
        return self._texts[verb]


class Table:
    """The rows of one noun, and what is done with them."""

    def __init__(self, statements: Statements) -> None:
        self._statements = statements
