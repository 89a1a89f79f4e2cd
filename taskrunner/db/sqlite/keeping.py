"""An SQLite file that stays open while other code runs in the process.

Code that opens and closes the file itself drops all locks of the process on it (POSIX). Between transactions
a connection with a rollback journal holds none that could be dropped; with write-ahead logging it holds one
as long as it is open, and must not be kept. What other code may have done is looked at before the next use.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False  # spares an idle minute `typing`
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    StrPath = str | os.PathLike[str]

DESCRIPTORS = "/dev/fd"


class OpenFile:
    """A connection, with the descriptors and the file (device, inode) behind it."""

    __slots__ = ("connection", "descriptors", "file")

    def __init__(
        self, connection: sqlite3.Connection, descriptors: frozenset[int], file: tuple[int, int]
    ) -> None:
        self.connection = connection
        self.descriptors = descriptors
        self.file = file

    def is_intact(self) -> bool:
        """Say whether its descriptors still lead to its file.

        Code that closed them, to be a daemon say, may have opened others of the same number: SQLite would
        write to those, and closing the connection would close them.
        """
        return all(_leads_to(descriptor, self.file) for descriptor in self.descriptors)

    def forget_pages(self) -> None:
        """Read all again: what was copied over the file may have the same change counter."""
        self.connection.execute("pragma shrink_memory")

    def may_be_kept(self, path: StrPath) -> bool:
        """Say whether it can stay open: it uses no write-ahead log, and we know where to look."""
        return bool(self.descriptors) and not os.path.exists(f"{path}-wal")


def open_file(path: StrPath, connect: Callable[[StrPath], sqlite3.Connection]) -> OpenFile:
    """Open an existing file with `connect`, and note what is behind it. Raises sqlite3.Error."""
    file = file_behind(path) or (0, 0)
    before = _descriptors_of(file)
    return OpenFile(connect(path), _descriptors_of(file) - before, file)


def _leads_to(descriptor: int, file: tuple[int, int]) -> bool:
    """Say whether a descriptor leads to a file that still has a name: its number may be another's by now."""
    try:
        found = os.fstat(descriptor)
    except OSError:
        return False
    return (found.st_dev, found.st_ino) == file and found.st_nlink > 0


def file_behind(place: int | StrPath) -> tuple[int, int] | None:
    """Return device and inode of what a descriptor or a path leads to; None: to nothing."""
    try:
        found = os.stat(place)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _descriptors_of(file: tuple[int, int]) -> frozenset[int]:
    """Return the descriptors of this process that lead to a file; none where the system does not tell."""
    try:
        numbers = [int(name) for name in os.listdir(DESCRIPTORS)]
    except OSError:
        return frozenset()
    return frozenset(number for number in numbers if file_behind(number) == file)
