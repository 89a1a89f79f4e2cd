"""The tables of an SQLite file: what is there, and bringing it up to date."""

from __future__ import annotations

import time

from taskrunner.db.identity import new_identity
from taskrunner.db.migrations import load_migrations
from taskrunner.errors import SchemaMismatchError, StoreError

TYPE_CHECKING = False  # spares an idle minute `typing`
if TYPE_CHECKING:
    import sqlite3

    from taskrunner.db.sqlite import SqliteDatabase

APPLICATION_ID = 0x7461736B  # "task"
KIND = """
select exists (select 1 from sqlite_master) as filled, application_id from pragma_application_id
"""
LOOK = """
select (select max(version) from schema_version) as version,
  (select value from task_setting where name = 'instance_id') as identity
"""


def look(database: SqliteDatabase) -> tuple[int, str | None]:
    """Return (version, identity), (0, None): no tables yet. Raises StoreError, SchemaMismatchError."""
    [kind] = database.fetch(KIND, {})  # one statement, so that both are of one moment
    if not kind["filled"] and kind["application_id"] == 0:
        return 0, None
    if kind["application_id"] != APPLICATION_ID:
        raise SchemaMismatchError(
            f"database {database.path} belongs to another program",
            hint="name another file in taskrunner.toml",
        )
    [row] = database.fetch(LOOK, {})
    if not row["version"] or not row["identity"]:
        raise StoreError(
            f"database {database.path} has lost its version or its id", hint="restore it from a backup"
        )
    return row["version"], row["identity"]


def upgrade(connection: sqlite3.Connection) -> None:
    """Bring the tables up to date. Call it in a transaction, so that it is all of it or nothing."""
    from taskrunner.db.sqlite.text import split_statements

    done = _version(connection)
    for version, script in load_migrations("sqlite"):
        if version > done:
            for statement in split_statements(script):
                connection.execute(statement)
            connection.execute("insert into schema_version values (?, ?)", (version, time.time()))
    if not done:
        connection.execute(f"pragma application_id = {APPLICATION_ID}")
        connection.execute(
            "insert into task_setting (name, value) values ('instance_id', ?)", (new_identity(),)
        )


def _version(connection: sqlite3.Connection) -> int:
    if not connection.execute("select 1 from sqlite_master where name = 'schema_version'").fetchone():
        return 0
    row = connection.execute("select max(version) as version from schema_version").fetchone()
    return int(row["version"])
