"""The tables of a PostgreSQL database: what is there, and bringing it up to date."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

import psycopg
from psycopg import errors

from taskrunner.db.migrations import load_migrations
from taskrunner.db.schema_state import SchemaState
from taskrunner.errors import SchemaMismatchError

if TYPE_CHECKING:
    from taskrunner.db import Row
    from taskrunner.db.postgres.connecting import Connection

UPGRADE_LOCK = 0x7461736B  # "task"
"""Key of the advisory lock under which one program at a time changes the tables."""

LOOK = """
select (select max(version) from schema_version) as version,
  (select value from task_setting where name = 'instance_id') as identity
"""


def look(connection: Connection, database: str) -> SchemaState:
    """Return how the tables stand, version 0: none are there. Raises SchemaMismatchError: not ours."""
    server = f"PostgreSQL {connection.info.parameter_status('server_version')}"
    newest = load_migrations("postgres")[-1][0]
    row = _read(connection)
    if row is None and _exists(connection):
        row = _read(connection)  # another process may have made them just now
        if row is None:
            raise SchemaMismatchError(
                f"database {database}: its table schema_version belongs to another program",
                hint="use a database, or a schema, of its own:"
                " postgresql://…/NAME?options=-csearch_path%3Dtaskrunner",
            )
    if row is None:
        return SchemaState(database, 0, newest, server)
    if not row["version"] or not row["identity"]:
        raise SchemaMismatchError(
            f"database {database} has lost its version or its id", hint="restore a backup"
        )
    return SchemaState(database, row["version"], newest, server)


def _read(connection: Connection) -> Row | None:
    """Return version and id; None: there are no such tables."""
    try:
        return connection.execute(LOOK).fetchone()
    except (errors.UndefinedTable, errors.UndefinedColumn):
        return None


def upgrade(connection: Connection, database: str) -> None:
    """Bring the tables up to date: all of it or nothing, one program at a time."""
    try:
        with connection.transaction():
            connection.execute("set local statement_timeout = 0; set local lock_timeout = '60s'")
            connection.execute("select pg_advisory_xact_lock(%s)", (UPGRADE_LOCK,))
            _upgrade_alone(connection, look(connection, database).checked() if _exists(connection) else None)
    except errors.InsufficientPrivilege as error:
        raise SchemaMismatchError(
            f"database {database}: its tables are missing or older than this taskrun, and this role may not"
            f" change them: {error.diag.message_primary}",
            hint="`taskrun db upgrade` as the owner of the tables, or `taskrun db upgrade --sql` for the SQL",
        ) from error
    except psycopg.errors.DuplicateTable as error:
        raise SchemaMismatchError(
            f"database {database}: {error.diag.message_primary}, and it is not taskrunner's",
            hint="use a database, or a schema, of its own: postgresql://…/NAME?options=-csearch_path%3Dtaskrunner",
        ) from error


def _exists(connection: Connection) -> bool:
    """Say whether the tables are there: reading pg_class, the server hears of what others have just made."""
    statement = "select exists (select from pg_class where oid = to_regclass('schema_version')) as there"
    found = connection.execute(statement).fetchone()
    return bool(found and found["there"])


def _upgrade_alone(connection: Connection, state: SchemaState | None) -> None:
    done = state.version if state else 0
    for version, script in load_migrations("postgres"):
        if version > done:
            connection.execute(script)
            connection.execute("insert into schema_version values (%s, %s)", (version, time.time()))
    if not done:
        connection.execute(
            "insert into task_setting (name, value) values ('instance_id', %s)", (secrets.token_hex(16),)
        )
