"""Advisory locks: held by a session of their own, gone the moment that ends, seen by every host."""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

import psycopg

from taskrunner.db.postgres.connect import backend_of, is_lost, is_pooled, open_connection, shown, translate
from taskrunner.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from taskrunner.db.postgres.connect import Connection

BACKEND = "pg_backend_pid() as pid"
HOLDER = """
select pid from pg_locks
where locktype = 'advisory' and objsubid = 2 and classid = %s::bigint and objid = %s::bigint and granted
  and database = (select oid from pg_database where datname = current_database())
"""
FREE_HERE = f"select pg_advisory_unlock(%s, %s) where pg_backend_pid() = ({HOLDER})"
PROBE = 0x70726F62  # "prob"
"""First key of the locks that are taken to see whether a session is ours alone."""

RESET = 5.0
"""Seconds in which a pooler gives free what a client had that has left."""

PAUSE = 0.05
EACH = 2.0
"""Seconds for the answer of one that is taken out."""

PATIENCE = 10.0
LARGEST_POOL = 50


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
        self._backend = 0
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
            taken = self._ask("pg_try_advisory_lock(%s, %s)", name)
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
                self._ask("pg_advisory_unlock(%s, %s)", name)
        if not self._held:
            self.close()

    def is_held(self, name: str) -> bool:
        """Return whether a living process of any host holds a lock."""
        with self._translated():
            return _holder(self._open(), (self._installation, _key(name))) != 0

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
        """Ask for, or free, a lock; it counts only in the session that was looked at first."""
        connection = self._open()
        keys = (self._installation, _key(name))
        row = connection.execute(f"select {statement} as answer, {BACKEND}".encode(), keys).fetchone()
        if row is None or row["pid"] == self._backend:
            return bool(row and row["answer"])
        if row["answer"]:
            self._free_in_pool(keys)
        raise self._refusal()

    def _open(self) -> Connection:
        """Return the session, a new one if it was lost while no lock was held in it."""
        self._leave_to_parent()
        if self._connection is not None and not self._held and is_lost(self._connection):
            self.close()
        if self._connection is None:
            self._connection = self._connect()
            if is_pooled(self._connection):
                self._connection = self._prove_own_session(self._connection)
        return self._connection

    def _connect(self) -> Connection:
        connection = open_connection(self._url, application=self._application)
        self._backend = backend_of(connection)
        return connection

    def _prove_own_session(self, connection: Connection) -> Connection:
        """Take a lock that nobody else takes, and see that it goes with its connection, and not before.

        It does so behind a pooler that keeps a session for each client; return a new connection through it.
        Raises ConfigError.
        """
        connection.prepare_threshold = None
        keys = (PROBE, secrets.randbits(31))
        row = connection.execute(f"select pg_try_advisory_lock(%s, %s), {BACKEND}".encode(), keys).fetchone()
        is_shared = row is None or {row["pid"], _holder(connection, keys)} != {self._backend}
        if not is_shared:
            connection.close()
            connection = self._connection = self._connect()
            connection.prepare_threshold = None
            until = time.monotonic() + RESET
            while _holder(connection, keys) not in (0, self._backend) and time.monotonic() < until:
                time.sleep(PAUSE)  # a pooler of sessions clears one before it hands it on
        if _holder(connection, keys):
            self._free_in_pool(keys)
            is_shared = True
        if is_shared:
            raise self._refusal()
        return connection

    def _free_in_pool(self, keys: tuple[int, int]) -> None:
        """Free a lock in whichever session of a pool has it: one after the other is taken out of it."""
        until = time.monotonic() + PATIENCE
        is_held = True
        while is_held and time.monotonic() < until:
            with suppress(psycopg.Error), ExitStack() as taken_out:
                for _ in range(LARGEST_POOL):
                    another = open_connection(self._url, application=self._application, through_pooler=True)
                    taken_out.callback(another.close)
                    another.patience = EACH
                    another.execute("begin")
                    another.execute(FREE_HERE, (*keys, *_unsigned(keys)))
                    is_held = _holder(another, keys) != 0
                    if not is_held:
                        break

    def _refusal(self) -> ConfigError:
        """Close the session, and return why: a pooler gives it to several clients, a lock would be theirs."""
        self.close()
        return ConfigError(
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


def _holder(connection: Connection, keys: tuple[int, int]) -> int:
    """Return the pid of the session that holds a lock, 0 if none does."""
    row = connection.execute(HOLDER, _unsigned(keys)).fetchone()
    return int(row["pid"]) if row else 0


def _unsigned(keys: tuple[int, int]) -> tuple[int, int]:
    """Return two keys as pg_locks shows them."""
    first, second = keys
    return first & 0xFFFFFFFF, second & 0xFFFFFFFF
