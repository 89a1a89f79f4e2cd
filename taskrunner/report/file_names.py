"""Which files are logs of cron processes, and what their names say."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from taskrunner.errors import TaskrunnerError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

NAME = re.compile(
    r"cron_(?P<hour>[01][0-9]|2[0-3])(?P<minute>[0-5][0-9])(?:_(?P<pid>[0-9]{1,10}))?\.log"
    r"(?:\.[0-9]{1,4})?(?:-[0-9]{8,14})?(?:\.[A-Za-z0-9_-]{1,40})?(?:\.gz)?"
)
"""cron_HHMM.log, ours with the pid, and what rotation makes of them."""


@dataclass(frozen=True, slots=True)
class FileName:
    """The time of day in a file's name, and the pid; None where it does not say."""

    time: tuple[int, int] | None
    pid: int | None


def read_name(name: str) -> FileName | None:
    """Return what the name of a log file says, None if it is not named as one.

    >>> read_name("cron_1357_4711.log.2-2026112103.gz")
    FileName(time=(13, 57), pid=4711)
    >>> read_name("cron_2460.log"), read_name("error.log")
    (None, None)
    """
    found = NAME.fullmatch(name)
    if found is None:
        return None
    return FileName((int(found["hour"]), int(found["minute"])), int(found["pid"]) if found["pid"] else None)


def find_logs(paths: Iterable[Path]) -> tuple[list[Path], int]:
    """Return the log files named, or found in folders named, and how many others lie in these folders.

    A file that is named itself is taken whatever it is called. Raises TaskrunnerError: nothing there.
    """
    files: dict[Path, None] = {}
    others = 0
    for path in paths:
        if not path.exists():
            raise TaskrunnerError(f"there is no {path}", hint="name log files, or the folder they lie in")
        if path.is_dir():
            for file in _files_in(path):
                if read_name(file.name):
                    files[file] = None
                else:
                    others += 1
        else:
            files[path] = None
    return list(files), others


def _files_in(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            file = Path(parent, name)
            if file.is_file() and not file.is_symlink():
                yield file
