"""What is unhealthy about an SQLite file: its version, its journal, the file system it lies on."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from taskrunner.db.sqlite.connect import BUSY_CODES, open_connection, translate, url_of
from taskrunner.errors import StoreError
from taskrunner.records import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

SHARED_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "fuse.sshfs", "glusterfs"}
)
"""File systems of other hosts, on which locks are not what SQLite needs."""

MOUNTS = Path("/proc/mounts")


def sqlite_health(path: str) -> list[Finding]:
    """Return what is unhealthy about a file. Raises StoreError."""
    return [*_journal(Path(path)), *_file_system(path), *_mode(path)]


def error_of_beginning(path: str) -> StoreError | None:
    """Return why no transaction that writes can begin, or None if one can, or the file is not there yet.

    That others hold the database right now is not an error.
    """
    if not os.path.exists(path) or not os.path.getsize(path):
        return None
    try:
        with closing(sqlite3.connect(url_of(path), timeout=0, isolation_level=None, uri=True)) as connection:
            connection.execute("begin immediate")
            connection.execute("rollback")
    except sqlite3.Error as error:
        is_busy = getattr(error, "sqlite_errorcode", 0) & 0xFF in BUSY_CODES
        return None if is_busy else translate(error, path)
    return None


def _journal(path: Path) -> list[Finding]:
    try:
        with closing(open_connection(path)) as connection:
            (mode,) = connection.execute("pragma journal_mode").fetchone()
            (intact,) = connection.execute("pragma quick_check(1)").fetchone()
    except sqlite3.Error as error:
        raise translate(error, path) from error
    found = []
    if intact != "ok":
        found.append(
            Finding(
                "database", "warning", f"database {path} is damaged: {intact}", "restore it from a backup"
            )
        )
    if mode == "wal" and not wal_is_safe(sqlite3.sqlite_version_info):
        message = f"database {path} is in WAL mode, which SQLite {sqlite3.sqlite_version} can lose commits in"
        found.append(
            Finding("database", "warning", message, f"sqlite3 {path} 'pragma journal_mode = delete'")
        )
    return found


def wal_is_safe(version: tuple[int, ...]) -> bool:
    """Return whether this SQLite is free of the WAL-reset bug, which could lose a committed transaction.

    Source: https://sqlite.org/wal.html, "The WAL-Reset Bug": 3.51.3, and 3.50.7 and 3.44.6 of those lines.

    >>> [wal_is_safe(version) for version in ((3, 40, 1), (3, 46, 0), (3, 50, 6), (3, 51, 2))]
    [False, False, False, False]
    >>> [wal_is_safe(version) for version in ((3, 44, 6), (3, 50, 7), (3, 51, 3), (3, 53, 0))]
    [True, True, True, True]
    """
    lines_mended = {(3, 44): 6, (3, 50): 7}
    if version[:2] in lines_mended:
        return version[2] >= lines_mended[version[0], version[1]]
    return version >= (3, 51, 3)


def _file_system(path: str) -> list[Finding]:
    kind = file_system_of(os.path.realpath(path), MOUNTS.read_text("utf-8") if MOUNTS.exists() else "")
    if kind not in SHARED_FILE_SYSTEMS:
        return []
    message = f"database {path} lies on {kind}, where SQLite's locks cannot be relied upon"
    return [
        Finding(
            "database", "warning", message, 'move it to a local disk, or write database = "postgresql://…"'
        )
    ]


def file_system_of(path: str, mounts: str) -> str:
    """Return the kind of the file system a path lies on, "" where that is not known.

    >>> mounts = "/dev/sda1 / ext4 rw 0 0\\nserver:/home /home nfs4 rw 0 0\\n"
    >>> file_system_of("/home/cron/state/t.db", mounts), file_system_of("/homes/t.db", mounts)
    ('nfs4', 'ext4')
    """
    found = ("", "")
    for line in mounts.splitlines():
        _, point, kind, *_ = [*line.split(" "), "", "", ""]
        is_above = path == point or path.startswith(point.rstrip("/") + "/")
        if is_above and len(point) >= len(found[0]):
            found = (point, kind)
    return found[1]


def _mode(path: str) -> list[Finding]:
    mode = os.stat(path).st_mode
    if not mode & 0o022:
        return []
    return [Finding("database", "warning", f"database {path} can be written by others", f"chmod go-w {path}")]


VIEW = """
create view v_task_log as
select *, datetime(started_at, 'unixepoch') as started, datetime(ended_at, 'unixepoch') as ended,
  round(ended_at - started_at, 3) as duration
from task_log
"""


def export_log(path: Path, names: Sequence[str], runs: Iterable[Mapping[str, object]]) -> int:
    """Write runs, mappings with these names, into a new file; return how many. Raises StoreError."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except OSError as error:
        hint = "name a file that is not there"
        raise StoreError(f"cannot write {path}: {error.strerror}", hint=hint) from error
    try:
        with closing(sqlite3.connect(path)) as connection, connection:
            return _fill(connection, names, runs)
    except sqlite3.Error as error:
        raise StoreError(f"cannot write {path}: {error}") from error


def _fill(connection: sqlite3.Connection, names: Sequence[str], runs: Iterable[Mapping[str, object]]) -> int:
    columns = ", ".join(f'"{name}"' for name in names)
    marks = ", ".join(f":{name}" for name in names)
    connection.execute(f"create table task_log ({columns})")
    connection.execute("create index task_log_started on task_log (started_at)")
    connection.execute("create index task_log_by_name on task_log (name, started_at)")
    connection.execute(VIEW)
    return connection.executemany(f"insert into task_log values ({marks})", runs).rowcount  # noqa: S608
