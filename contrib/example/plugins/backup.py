"""Backs up SQLite databases: one task finds them and queues another for each, so that each may fail alone."""

import gzip
import os
import shutil
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from taskrunner import AdhocTask, Every, ScheduledTask, mtrace, queue_adhoc_task

SITE = Path(__file__).parent.parent
BACKUPS = SITE / "backups"
MAKING = ".making-"
DAY = 86_400
DATABASES = ("data/*.db", "state/*.db")
"""What is backed up, taskrunner's own database included."""
KEEP = 7
"""How many backups of a database are kept, unless `[plugin_settings.backup]` says otherwise."""


class BackupError(Exception):
    """A database, or the copy of it, is not as it should be."""


class DailyBackup(ScheduledTask):
    """Queue a backup of every database."""

    schedule = Every(days=1)

    def execute(self) -> None:
        """Queue one task per database. Raises BackupError when there is none: better red than no backups."""
        forget_abandoned(time.time())
        databases = find_databases()
        if not databases:
            raise BackupError(f"nothing to back up: no {' and no '.join(DATABASES)} in {SITE}")
        for database in databases:
            queue_adhoc_task(BackupDatabase({"database": database}), check_for_existing=True)
            mtrace(f"queued {database}")


class BackupDatabase(AdhocTask):
    """Back up one database.

    Its custom data is {"database": PATH}, relative to the site.
    """

    attempts = 5  # after a quarter of an hour a person should look; tomorrow's backup is another task

    def execute(self) -> None:
        """Copy, check, pack, and only then forget the oldest. Raises BackupError."""
        database, keep = self.custom_data["database"], read_keep(self.settings.get("keep", KEEP))
        backup = new_backup_path(database)
        back_up(SITE / database, backup)
        mtrace(f"{database}: {(SITE / database).stat().st_size:,} bytes, integrity ok")
        mtrace(f"{backup.relative_to(SITE)}: {backup.stat().st_size:,} bytes")
        for old in forget_old(backup.parent, keep):
            mtrace(f"deleted {old.name}, the newest {keep} are kept")


def find_databases() -> list[str]:
    """Return the paths of the site's databases, relative to it."""
    return sorted(str(file.relative_to(SITE)) for pattern in DATABASES for file in SITE.glob(pattern))


def forget_abandoned(now: float) -> None:
    """Delete what runs that were killed left half made more than a day ago, lest it fill the disk."""
    for folder in BACKUPS.glob(f"{MAKING}*"):
        if folder.stat().st_mtime < now - DAY:
            shutil.rmtree(folder)
            mtrace(f"deleted {folder.name}, half made by a run that was killed")


def read_keep(value: object) -> int:
    """Return a checked `keep` of the configuration. Raises BackupError: a 0 would delete every backup."""
    if type(value) is not int or value < 1:
        raise BackupError(f"[plugin_settings.backup] keep = {value!r}: must be a whole number from 1 on")
    return value


def new_backup_path(database: str) -> Path:
    """Return where a backup made now belongs; in UTC, so that names sort by age also in the autumn."""
    return BACKUPS / Path(database).with_suffix("") / f"{datetime.now(UTC):%Y-%m-%dT%H-%M-%SZ}.db.gz"


def back_up(database: Path, backup: Path) -> None:
    """Make a packed backup that is there in full or not at all. Raises BackupError."""
    BACKUPS.mkdir(exist_ok=True)
    with TemporaryDirectory(dir=BACKUPS, prefix=MAKING) as folder:
        copy, packed = Path(folder, "copy.db"), Path(folder, "copy.db.gz")
        copy_database(database, copy)
        pack(copy, packed)
        shutil.copymode(database, packed)  # whoever may not read the database may not read its backup
        backup.parent.mkdir(parents=True, exist_ok=True)
        packed.replace(backup)


def copy_database(database: Path, copy: Path) -> None:
    """Copy a database, which may be in use, and check the copy. Raises BackupError."""
    try:
        # Not read-only: what a crashed writer left behind has to be rolled back before it can be read.
        with (
            closing(sqlite3.connect(f"{database.as_uri()}?mode=rw", uri=True)) as source,
            closing(sqlite3.connect(copy)) as target,
        ):
            # backup() waits for ever for a locked database; a transaction that reads waits 5 seconds.
            source.execute("begin")
            source.execute("select count(*) from sqlite_master")
            source.backup(target)
            finding = target.execute("pragma integrity_check(1)").fetchone()[0]
    except sqlite3.DatabaseError as error:
        raise BackupError(f"{database} cannot be backed up: {error}") from error
    if finding != "ok":
        raise BackupError(f"{database} is damaged: {' '.join(finding.split())}")


def pack(file: Path, packed: Path) -> None:
    """Compress a file; on return the packed one is on the disk, not only on its way there."""
    with file.open("rb") as source, packed.open("wb") as target:
        with gzip.open(target, "wb") as compressed:
            shutil.copyfileobj(source, compressed)
        target.flush()
        os.fsync(target.fileno())


def forget_old(folder: Path, keep: int) -> list[Path]:
    """Delete all but the newest backups of a folder and return what was deleted."""
    outdated = sorted(folder.glob("*.db.gz"))[:-keep]
    for backup in outdated:
        backup.unlink()
    return outdated
