"""The tables of a PostgreSQL database: what is there, and bringing it up to date."""

from __future__ import annotations

import os
import secrets
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import errors
from psycopg.rows import tuple_row

from taskrunner.db import SchemaState
from taskrunner.db.postgres.connect import open_connection, shown, translate
from taskrunner.db.sql import load_migrations, newest_version
from taskrunner.errors import SchemaMismatchError
from taskrunner.records import Finding

if TYPE_CHECKING:
    from taskrunner.db import Row
    from taskrunner.db.postgres.connect import Connection

ENCODING = "UTF8"

UPGRADE_LOCK = 0x7461736B  # "task"
"""Key of the advisory lock under which one program at a time changes the tables."""

LOOK = """
select (select max(version) from schema_version) as version,
  (select value from task_setting where name = 'instance_id') as instance_id
"""


def look(connection: Connection, database: str) -> SchemaState:
    """Return the version of the tables, 0 if there are none.

    Raises SchemaMismatchError if they are not ours.
    """
    encoding = connection.info.parameter_status("server_encoding") or ENCODING
    if encoding != ENCODING:
        raise SchemaMismatchError(
            f"database {database} has the encoding {encoding}, which does not hold every text: UTF8 does",
            hint="createdb --encoding UTF8 --template template0 NAME, and pg_dump what is there into that",
        )
    server = f"PostgreSQL {connection.info.parameter_status('server_version')}"
    newest = newest_version("postgres")
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
    if not row["version"] or not row["instance_id"]:
        raise SchemaMismatchError(
            f"database {database} has lost its version or its id", hint="restore a backup"
        )
    return SchemaState(database, row["version"], newest, server)


def _read(connection: Connection) -> Row | None:
    """Return the version and the instance id, or None if there are no such tables."""
    try:
        return connection.execute(LOOK).fetchone()
    except (errors.UndefinedTable, errors.UndefinedColumn):
        return None


def upgrade(connection: Connection, database: str) -> None:
    """Bring the tables up to date, completely or not at all, one program at a time."""
    try:
        with connection.patient(), connection.transaction():
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


def upgrade_in_transaction(connection: Connection, database: str) -> bool:
    """Make the tables where there are none, in the caller's transaction; return whether they were made.

    Raises SchemaMismatchError: a table of another program has such a name.
    """
    if _exists(connection):
        return False
    try:
        _upgrade_alone(connection, None)
    except errors.InsufficientPrivilege as error:
        raise SchemaMismatchError(
            f"database {database}: this role may not make tables: {error.diag.message_primary}",
            hint="name a URL of the owner of the schema",
        ) from error
    return True


def make_tables(connection: psycopg.Connection[Any], now: float) -> None:
    """Make the tables beside those of another program, in the caller's transaction, where there are none.

    Raises SchemaMismatchError: a table of another program has such a name, or this role may not make any.
    """
    with psycopg.ClientCursor(connection, row_factory=tuple_row) as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", (UPGRADE_LOCK,))
        if cursor.execute("select to_regclass('task_adhoc') is not null").fetchone() == (True,):
            return
        try:
            for version, script in load_migrations("postgres"):
                cursor.execute(script)
                cursor.execute("insert into schema_version values (%s, %s)", (version, now))
        except (errors.DuplicateTable, errors.InsufficientPrivilege) as error:
            raise SchemaMismatchError(
                f"cannot make taskrunner's tables: {error.diag.message_primary}",
                hint="use a database, or a schema, of its own",
            ) from error
        cursor.execute(
            "insert into task_setting (name, value) values ('instance_id', %s)", (secrets.token_hex(16),)
        )


def _exists(connection: Connection) -> bool:
    """Return whether the tables are there, also if another process has made them just now.

    Reading pg_class makes the server hear of that.
    """
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


OLDEST_SNAPSHOT = 3600.0
"""Seconds after which a transaction is worth a word: a queue's dead rows pile up behind it."""

OLDEST = """
select pid, coalesce(application_name, '') as application, coalesce(state, '') as state,
  cast(extract(epoch from clock_timestamp() - xact_start) as double precision) as age
from pg_stat_activity
where backend_xmin is not null and xact_start is not null and pid <> pg_backend_pid()
order by xact_start limit 1
"""


def postgres_health(url: str) -> list[Finding]:
    """Return what is unhealthy about a database. Raises StoreError."""
    try:
        with open_connection(url, application="taskrun") as connection:
            row = connection.execute(OLDEST).fetchone()
    except psycopg.Error as error:
        raise translate(error, shown(url)) from error
    return [] if row is None else snapshot_health(dict(row))


def snapshot_health(oldest: dict[str, object]) -> list[Finding]:
    """Judge the oldest snapshot: pid, application, state, age in seconds.

    >>> snapshot_health({"pid": 5, "application": "psql", "state": "idle in transaction", "age": 30.0})
    []
    >>> snapshot_health({"pid": 5, "application": "psql", "state": "active", "age": 7200.0})[0].hint
    'psql -c "select pg_terminate_backend(5)"'
    """
    age = float(str(oldest["age"]))
    if age <= OLDEST_SNAPSHOT:
        return []
    message = (
        f"a transaction of {oldest['application'] or 'a program'} (pid {oldest['pid']}, {oldest['state']})"
        f" is open for {age / 3600:.1f} h: until it ends no dead row of the queue is cleaned up"
    )
    return [
        Finding("database", "warning", message, f'psql -c "select pg_terminate_backend({oldest["pid"]})"')
    ]


GRANTS = os.path.join(os.path.dirname(__file__), "grants.sql")


@dataclass(frozen=True, slots=True)
class Roles:
    """The names of the roles, and the schema the tables are in."""

    owner: str = "taskrun_owner"
    runner: str = "taskrun_runner"
    producer: str = "taskrun_producer"
    viewer: str = "taskrun_viewer"
    reader: str = "taskrun_reader"
    schema: str = "public"


def grants(roles: Roles) -> str:
    """Return a script for psql that makes the roles; running it again does no harm.

    The tables have to be there already.
    """
    with open(GRANTS, encoding="utf-8") as file:
        return file.read().format_map({role: _name(name) for role, name in asdict(roles).items()})


def _name(name: str) -> str:
    """Return an identifier, quoted where it has to be.

    >>> [_name(name) for name in ("taskrun_owner", "user", 'My "role"')]
    ['taskrun_owner', '"user"', '"My ""role""\"']
    """
    is_plain = name.isascii() and name.replace("_", "a").isalnum() and name.islower() and name != "user"
    return name if is_plain and not name[0].isdigit() else '"{}"'.format(name.replace('"', '""'))
