"""Compresses taskrunner's own log files once nobody writes to them any more."""

import gzip
import os
import shutil
import time
from pathlib import Path

from taskrunner import ScheduledTask, mtrace

SITE = Path(__file__).parent.parent
LOGS = SITE / "log"
DAY = 86_400


class CompressLogs(ScheduledTask):
    """Compress the log files of the days before."""

    schedule = "H 4 * * *"  # at some minute after four, another one on each site

    def execute(self) -> None:
        """Make X.log.gz of each X.log that was last written more than a day ago."""
        before = after = 0
        files = find_old(LOGS, now=time.time())
        for file in files:
            before += file.stat().st_size
            packed = compress(file)
            after += packed.stat().st_size
            mtrace(str(packed.relative_to(SITE)))
        mtrace(f"{len(files)} log files compressed, {before:,} bytes to {after:,}")


def find_old(folder: Path, *, now: float) -> list[Path]:
    """Return the log files below a folder that were last written more than a day before `now`."""
    files = (file for file in folder.rglob("*.log") if file.is_file() and not file.is_symlink())
    return sorted(file for file in files if file.stat().st_mtime < now - DAY)


def compress(file: Path) -> Path:
    """Put X.log.gz into the place of X.log, with its times and mode, and return its path.

    At every moment one of the two is there in full: a process that dies here loses nothing.
    """
    packed = file.with_name(f"{file.name}.gz")
    making = file.with_name(f".{packed.name}.making")
    with file.open("rb") as source, making.open("wb") as target:
        with gzip.open(target, "wb") as compressed:
            shutil.copyfileobj(source, compressed)
        target.flush()
        os.fsync(target.fileno())
    shutil.copystat(file, making)  # core.LogFileCleanup deletes by age
    making.replace(packed)
    file.unlink()
    return packed
