"""A file kept so that it can be removed: when the disk is full, what came of a run still finds room."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from taskrunner.files import open_file

if TYPE_CHECKING:
    from pathlib import Path

NAME = "reserve"
SIZE = 1024 * 1024
ROOM = 16 * SIZE
"""Bytes that have to be free before it is made: it is not to be what fills the disk."""


@dataclass(slots=True)
class DiskReserve:
    """The file, in the state directory. `spent`: this process had to free it."""

    path: Path
    spent: bool = False

    def keep(self) -> None:
        """Make the file if it is not there and there is room; without it, a full disk loses what it loses."""
        with contextlib.suppress(OSError):
            room = os.statvfs(self.path.parent)
            if not self.path.exists() and room.f_bavail * room.f_frsize >= ROOM:
                self._make()

    def free(self) -> bool:
        """Remove the file, so that there is room; return whether it was there."""
        try:
            os.unlink(self.path)
        except OSError:
            return False
        self.spent = True
        return True

    def _make(self) -> None:
        descriptor = open_file(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        try:
            os.posix_fallocate(descriptor, 0, SIZE)
        finally:
            os.close(descriptor)
