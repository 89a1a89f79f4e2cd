"""The application's own connection, on which taskrunner's tables are made and tasks are queued."""

from __future__ import annotations

import time
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import connections

from taskrunner.db import borrow, make_tables_on
from taskrunner.store import Store


def raw(connection: Any) -> Any:
    """Return the connection of sqlite3 or psycopg behind one of Django's. Raises ImproperlyConfigured."""
    connection.ensure_connection()
    found = connection.connection
    try:
        borrow(found)
    except TypeError as error:
        raise ImproperlyConfigured(
            f"taskrunner.django works on SQLite, and on PostgreSQL with psycopg 3; {connection.alias!r} is"
            f" {connection.vendor} ({error})"
        ) from error
    return found


def make_tables(connection: Any) -> None:
    """Make taskrunner's tables where there are none, in the transaction of a migration."""
    make_tables_on(raw(connection), now=time.time())


def store_on(alias: str) -> Store:
    """Return the store whose statements run in the application's own transaction."""
    return Store(borrow(raw(connections[alias])))


def queued_row(alias: str, adhoc_id: int) -> dict[str, Any] | None:
    """Return what the queue says of a task, or None if it has left the queue. Raises StoreError."""
    row = store_on(alias).adhoc.find(adhoc_id)
    if row is None:
        return None
    return {
        "run_id": row.run_id,
        "attempts_left": row.attempts_left,
        "next_run_at": row.next_run_at,
        "message": row.last_message,
    }
