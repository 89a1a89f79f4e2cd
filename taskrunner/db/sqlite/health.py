"""What is unhealthy about an SQLite file: its version, its journal, the file system it lies on."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from taskrunner.db.ailment import Ailment
from taskrunner.db.sqlite.connecting import connect, translate, wal_is_safe

SHARED_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "fuse.sshfs", "glusterfs"}
)
"""File systems of other hosts, on which locks are not what SQLite needs."""

MOUNTS = Path("/proc/mounts")


def sqlite_ailments(path: str) -> list[Ailment]:
    """Return what is unhealthy about a file. Raises StoreError."""
    return [*_journal(Path(path)), *_file_system(path), *_mode(path)]


def _journal(path: Path) -> list[Ailment]:
    try:
        with closing(connect(path)) as connection:
            mode = connection.execute("pragma journal_mode").fetchone()["journal_mode"]
            intact = connection.execute("pragma quick_check(1)").fetchone()["quick_check"]
    except sqlite3.Error as error:
        raise translate(error, path) from error
    found = []
    if intact != "ok":
        found.append(Ailment(f"database {path} is damaged: {intact}", "restore it from a backup"))
    if mode == "wal" and not wal_is_safe(sqlite3.sqlite_version_info):
        told = f"database {path} is in WAL mode, which SQLite {sqlite3.sqlite_version} can lose commits in"
        found.append(Ailment(told, f"sqlite3 {path} 'pragma journal_mode = delete'"))
    return found


def _file_system(path: str) -> list[Ailment]:
    kind = file_system_of(os.path.realpath(path), MOUNTS.read_text("utf-8") if MOUNTS.exists() else "")
    if kind not in SHARED_FILE_SYSTEMS:
        return []
    told = f"database {path} lies on {kind}, where SQLite's locks cannot be relied upon"
    return [Ailment(told, 'move it to a local disk, or write database = "postgresql://…"')]


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


def _mode(path: str) -> list[Ailment]:
    mode = os.stat(path).st_mode
    if not mode & 0o022:
        return []
    return [Ailment(f"database {path} can be written by others", f"chmod go-w {path}")]
