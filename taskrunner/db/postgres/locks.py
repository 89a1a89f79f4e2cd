"""Advisory locks: held by a session of their own, gone the moment that ends, seen by every host."""

from __future__ import annotations

import hashlib
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg

from taskrunner.db.postgres.connect import backend_of, is_lost, is_pooled, open_connection, shown, translate
from taskrunner.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from taskrunner.db.postgres.connect import Connection

IS_HELD = """
select 1 as held from pg_locks
where locktype = 'advisory' and objsubid = 2 and classid = %s::bigint and objid = %s::bigint and granted
  and database = (select oid from pg_database where datname = current_database())
"""


class AdvisoryLock:
    """A lock that is held by the session of its locks."""

    def __init__(self, locks: AdvisoryLocks, name: str) -> None:
        self._locks = locks
        self._name = name

    def release(self) -> None:
        """Let the lock go."""
        self._locks.release(self._name)


class AdvisoryLocks:
    """The named locks of one installation, on one idle connection that is opened when one is needed.

    A lock has two keys: one for the installation, one for the name.
    """

    def __init__(self, url: str, instance_id: str, *, application: str = "taskrun lock") -> None:
        self._url = url
        self._installation = _key(instance_id)
        self._application = application
        self._connection: Connection | None = None
        self._held: set[str] = set()
        self._pid = os.getpid()
        self._left_to_parent: Connection | None = None

    def acquire(self, name: str) -> AdvisoryLock | None:
        """Return a lock, taken without waiting, or None if another process holds it.

        Raises StoreError, ConfigError.
        """
        self._leave_to_parent()
        if name in self._held:  # a session may take its own lock twice
            return None
        with self._translated():
            taken = self._ask("select pg_try_advisory_lock(%s, %s) as answer", name)
        if not taken:
            return None
        self._held.add(name)
        return AdvisoryLock(self, name)

    def release(self, name: str) -> None:
        """Let a lock go; one whose session was lost is gone already."""
        self._leave_to_parent()
        if name not in self._held:
            return
        was_held = self.are_intact()
        self._held.discard(name)
        if was_held:
            with self._translated():
                self._ask("select pg_advisory_unlock(%s, %s) as answer", name)
        if not self._held:
            self.close()

    def is_held(self, name: str) -> bool:
        """Return whether a living process of any host holds a lock."""
        with self._translated():
            keys = self._installation & 0xFFFFFFFF, _key(name) & 0xFFFFFFFF
            return bool(self._open().execute(IS_HELD, keys).fetchone())

    def proves_death(self, name: str) -> bool:
        """Return False: a session may be lost while its process lives."""
        return False

    def forget(self, name: str) -> None:
        """Do nothing: nothing is left of an advisory lock that is free."""

    def sweep(self, prefix: str, *, before: float) -> None:
        """Do nothing: nothing is left of advisory locks that are free."""

    def are_intact(self) -> bool:
        """Return whether the locks that were taken are still held, because their session lives."""
        self._leave_to_parent()
        return not self._held or (self._connection is not None and not is_lost(self._connection))

    def close(self) -> None:
        """End the session, and with it every lock."""
        self._leave_to_parent()
        self._held.clear()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _ask(self, statement: str, name: str) -> bool:
        row = self._open().execute(statement.encode(), (self._installation, _key(name))).fetchone()
        return bool(row and row["answer"])

    def _open(self) -> Connection:
        """Return the session, a new one if it was lost while no lock was held in it."""
        self._leave_to_parent()
        if self._connection is not None and not self._held and is_lost(self._connection):
            self.close()
        if self._connection is None:
            self._connection = open_connection(self._url, application=self._application)
            if is_pooled(self._connection):
                self._refuse_shared_sessions(self._connection)
        return self._connection

    def _refuse_shared_sessions(self, connection: Connection) -> None:
        """Raise ConfigError if a pooler gives one session to several clients: a lock would be all theirs."""
        first, before = backend_of(connection), backend_of(connection)
        with open_connection(self._url, application=self._application) as another, another.transaction():
            is_shared = backend_of(another) == before or {first, backend_of(connection)} != {before}
        if is_shared:
            self.close()
            raise ConfigError(
                f"database {shown(self._url)}: a pooler in transaction mode stands between: no lock can be"
                " held through it",
                hint="name a direct connection as lock_database in taskrunner.toml, or let it pool sessions",
            )

    def _leave_to_parent(self) -> None:
        """Leave the session to the parent in a forked child: closing our copy would end it for both."""
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._left_to_parent, self._connection = self._connection, None
            self._held.clear()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            raise translate(error, shown(self._url)) from error


def _key(text: str) -> int:
    """Return a 32-bit key of a text, as pg_try_advisory_lock takes two of."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big", signed=True)
