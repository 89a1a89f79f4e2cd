"""File descriptors this process relies on while tasks, which may close any, run in it."""

from __future__ import annotations

import contextlib
import fcntl
import os
from dataclasses import dataclass

OUT_OF_THE_WAY = 64
"""Number from which on they lie: what a task closes by number is most often a small one."""


@dataclass(frozen=True, slots=True)
class Held:
    """A descriptor, and the device and inode it was opened on."""

    number: int
    device: int
    inode: int

    def is_intact(self) -> bool:
        """Whether it is still what it was: not closed, nor given to another file since."""
        try:
            status = os.fstat(self.number)
        except OSError:
            return False
        return (status.st_dev, status.st_ino) == (self.device, self.inode)

    def close(self) -> None:
        """Close it, unless it is not ours any more."""
        if self.is_intact():
            os.close(self.number)


def held(descriptor: int) -> Held:
    """Return a descriptor as it is now."""
    status = os.fstat(descriptor)
    return Held(descriptor, status.st_dev, status.st_ino)


def moved(descriptor: int) -> Held:
    """Return a new descriptor of our own, moved out of the way of others."""
    copy = copy_of(descriptor)
    os.close(descriptor)
    return copy


def copy_of(descriptor: int) -> Held:
    """Return a copy of a descriptor, closed in programs that are started."""
    with contextlib.suppress(OSError):  # EINVAL: so many may not be open
        return held(fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, OUT_OF_THE_WAY))
    return held(os.dup(descriptor))
