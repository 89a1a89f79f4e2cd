"""The tables of an SQLite file: what is there, and bringing it up to date."""

from __future__ import annotations

import os
import sqlite3
import time

from taskrunner.db.sql import load_migrations
from taskrunner.errors import SchemaMismatchError, StoreError
from taskrunner.files import read_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from taskrunner.db.sqlite import SqliteDatabase

    StrPath = str | os.PathLike[str]


def new_instance_id() -> str:
    """Return a random instance id."""
    return os.urandom(16).hex()


def check_instance_id(path: StrPath, instance_id: str | None) -> None:
    """Compare the instance id in a database, None if there is no database, with the one noted beside it.

    Nothing noted yet: note it. Raises StoreError where they differ: the file was lost, truncated or swapped,
    and starting with it would silently forget every schedule and every queued task.
    """
    beside = instance_id_file(path)
    noted = noted_instance_id(path)
    if noted is None:
        if instance_id is not None:
            note_instance_id(path, instance_id)
        return
    if instance_id is None:
        raise StoreError(
            f"database {path} is gone or empty, but was there before",
            hint=f"restore it from a backup; to start with an empty one: rm {beside}",
        )
    if noted != instance_id:
        raise StoreError(
            f"database {path} is not the one that was used before",
            hint=f"put the right file back; to continue with this one: rm {beside}",
        )


def noted_instance_id(path: StrPath) -> str | None:
    """Return the instance id noted beside a database, or None if there is none. Raises StoreError."""
    try:
        return read_bytes(instance_id_file(path)).decode("utf-8", "replace").strip()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        from taskrunner.ownership import permission_advice  # late: an idle minute does without it

        about, hint = permission_advice(instance_id_file(path), error)
        raise StoreError(
            f"cannot read {instance_id_file(path)}: {error.strerror}{about}", hint=hint
        ) from error


def note_instance_id(path: StrPath, instance_id: str) -> None:
    """Write the instance id beside the database, completely or not at all. Raises StoreError.

    The owner of the database does that: a program of another user that only queues leaves no file of its own.
    """
    if os.path.exists(path) and os.stat(path).st_uid != os.geteuid():
        return
    folder, name = os.path.split(path)
    draft = os.path.join(folder, f".{name}.id.{os.getpid()}")
    try:
        with open(draft, "w", encoding="utf-8") as file:
            file.write(f"{instance_id}\n")
        os.replace(draft, instance_id_file(path))
    except OSError as error:
        from taskrunner.ownership import permission_advice  # late: an idle minute does without it

        about, hint = permission_advice(draft, error)
        raise StoreError(
            f"cannot write {instance_id_file(path)}: {error.strerror}{about}",
            hint=hint or "make its folder writable for the user that runs taskrun",
        ) from error


def instance_id_file(path: StrPath) -> str:
    """Return the path of the file that holds the instance id of a database."""
    return f"{os.fspath(path)}.id"


APPLICATION_ID = 0x7461736B  # "task"
KIND = """
select exists (select 1 from sqlite_master) as filled, application_id from pragma_application_id
"""
LOOK = """
select (select max(version) from schema_version) as version,
  (select value from task_setting where name = 'instance_id') as instance_id
"""


def look(database: SqliteDatabase) -> tuple[int, str | None]:
    """Return the version of the tables and the instance id, or (0, None) if there are no tables.

    Raises StoreError, SchemaMismatchError.
    """
    [kind] = database.fetch(KIND, {})  # one statement, so that both are of one moment
    if not kind["filled"] and kind["application_id"] == 0:
        return 0, None
    if kind["application_id"] != APPLICATION_ID:
        raise SchemaMismatchError(
            f"database {database.path} belongs to another program",
            hint="name another file in taskrunner.toml",
        )
    [row] = database.fetch(LOOK, {})
    if not row["version"] or not row["instance_id"]:
        raise StoreError(
            f"database {database.path} has lost its version or its id", hint="restore it from a backup"
        )
    return row["version"], row["instance_id"]


def upgrade(connection: sqlite3.Connection) -> None:
    """Bring the tables up to date. Call it in a transaction: then this happens completely or not at all."""
    done = _version(connection)
    for version, script in load_migrations("sqlite"):
        if version > done:
            for statement in split_statements(script):
                connection.execute(statement)
            connection.execute("insert into schema_version values (?, ?)", (version, time.time()))
    if not done:
        connection.execute(f"pragma application_id = {APPLICATION_ID}")
        connection.execute(
            "insert into task_setting (name, value) values ('instance_id', ?)", (new_instance_id(),)
        )


def make_tables(connection: sqlite3.Connection, now: float) -> None:
    """Make the tables beside those of another program, in the caller's transaction, where there are none.

    Then the file is ours as well: its application id says so. Raises SchemaMismatchError.
    """
    if connection.execute("select 1 from sqlite_master where name = 'task_adhoc'").fetchone():
        return
    try:
        for version, script in load_migrations("sqlite"):
            for statement in split_statements(script):
                connection.execute(statement)
            connection.execute("insert into schema_version values (?, ?)", (version, now))
    except sqlite3.OperationalError as error:
        raise SchemaMismatchError(
            f"cannot make taskrunner's tables: {error}", hint="name a database of its own"
        ) from error
    connection.execute(f"pragma application_id = {APPLICATION_ID}")
    connection.execute(
        "insert into task_setting (name, value) values ('instance_id', ?)", (new_instance_id(),)
    )


def _version(connection: sqlite3.Connection) -> int:
    if not connection.execute("select 1 from sqlite_master where name = 'schema_version'").fetchone():
        return 0
    (version,) = connection.execute("select max(version) from schema_version").fetchone()
    return int(version)


def split_statements(script: str) -> list[str]:
    """Return the statements of a script one by one, so that they can stand in one transaction.

    >>> split_statements("-- two\\ncreate table a (b);\\ncreate table c (d);\\n")
    ['-- two\\ncreate table a (b);', 'create table c (d);']
    """
    statements, lines = [], []
    for line in script.strip().splitlines():
        lines.append(line)
        if sqlite3.complete_statement("\n".join(lines)):
            statements.append("\n".join(lines).strip())
            lines = []
    if any(line.strip() and not line.lstrip().startswith("--") for line in lines):
        raise ValueError(f"a statement without its semicolon: {lines}")
    return statements
