"""What taskrunner remembers, by noun. It knows rows and moments, not classes of tasks."""

from __future__ import annotations

TYPE_CHECKING = False  # spares an idle minute `typing`
if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from taskrunner.db import Database


def open_store(database: str, *, lock_database: str | None) -> Store:
    """Return the store of an installation whose databases have these URLs. Raises StoreError."""
    from taskrunner.db import open_database

    return Store(open_database(database, through_pooler=lock_database is not None))


class Store:
    """The tables of one installation. Each method is one statement; moments are handed in."""

    def __init__(self, database: Database) -> None:
        # An idle minute asks through `Statements` alone, and does without the records.
        from taskrunner.store.adhoc import AdhocTasks
        from taskrunner.store.audit import Audit
        from taskrunner.store.hosts import Hosts
        from taskrunner.store.log import Log
        from taskrunner.store.reports import Reports
        from taskrunner.store.runners import Runners
        from taskrunner.store.scheduled import ScheduledTasks
        from taskrunner.store.settings import Settings
        from taskrunner.store.statements import Statements

        self._database = database
        self.scheduled = ScheduledTasks(Statements(database, "scheduled"))
        self.adhoc = AdhocTasks(Statements(database, "adhoc"))
        self.log = Log(Statements(database, "log"))
        self.runners = Runners(Statements(database, "runners"))
        self.audit = Audit(Statements(database, "audit"))
        self.hosts = Hosts(Statements(database, "hosts"))
        self.settings = Settings(Statements(database, "settings"))
        self.reports = Reports(Statements(database, "reports"))

    @property
    def is_shared(self) -> bool:
        """Whether several hosts may work with it."""
        return self._database.is_shared

    def transaction(self) -> AbstractContextManager[None]:
        """Make the writes inside one: all of them happen, or none. Does not nest."""
        return self._database.transaction()

    def released(self) -> AbstractContextManager[None]:
        """Hold nothing of the database that a task's own code could disturb."""
        return self._database.released()

    def wait(self, seconds: float) -> None:
        """Wait for new adhoc tasks where the database tells of them, at most so long; else wait."""
        self._database.wait(seconds)

    def close(self) -> None:
        """Let go of the database; a later call opens it again."""
        self._database.close()
