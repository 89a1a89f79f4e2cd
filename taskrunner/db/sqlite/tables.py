"""The tables of an SQLite file: what is there, and bringing it up to date."""

from __future__ import annotations

import os
import sqlite3
import time

from taskrunner.db.sql import load_migrations
from taskrunner.errors import SchemaMismatchError, StoreError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from taskrunner.db.sqlite import SqliteDatabase

    StrPath = str | os.PathLike[str]


def new_identity() -> str:
    """Return a random instance id."""
    return os.urandom(16).hex()


def check_identity(path: StrPath, identity: str | None) -> None:
    """Compare the id in a database (None: there is no database) with the one noted beside it.

    Nothing noted yet: note it. Raises StoreError where they differ: the file was lost, truncated or swapped,
    and starting with it would silently forget every schedule and every queued task.
    """
    beside = identity_file(path)
    noted = noted_identity(path)
    if noted is None:
        if identity is not None:
            note_identity(path, identity)
        return
    if identity is None:
        raise StoreError(
            f"database {path} is gone or empty, but was there before",
            hint=f"restore it from a backup; to start with an empty one: rm {beside}",
        )
    if noted != identity:
        raise StoreError(
            f"database {path} is not the one that was used before",
            hint=f"put the right file back; to go on with this one: rm {beside}",
        )


def noted_identity(path: StrPath) -> str | None:
    """Return the id noted beside a database, None where there is none. Raises StoreError."""
    try:
        with open(identity_file(path), encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise StoreError(f"cannot read {identity_file(path)}: {error.strerror}") from error


def note_identity(path: StrPath, identity: str) -> None:
    """Write the id beside the database, whole or not at all. Raises StoreError."""
    folder, name = os.path.split(path)
    draft = os.path.join(folder, f".{name}.id.{os.getpid()}")
    try:
        with open(draft, "w", encoding="utf-8") as file:
            file.write(f"{identity}\n")
        os.replace(draft, identity_file(path))
    except OSError as error:
        raise StoreError(
            f"cannot write {identity_file(path)}: {error.strerror}",
            hint="make its folder writable for the user that runs taskrun",
        ) from error


def identity_file(path: StrPath) -> str:
    """Return where the id of a database is noted."""
    return f"{os.fspath(path)}.id"


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
