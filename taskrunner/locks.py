"""Locks that die with their process: free the moment it is gone, never while it lives, no time-out."""

from __future__ import annotations

import contextlib
import fcntl
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from taskrunner.errors import ConfigError
from taskrunner.files import make_folder, open_file


class Lock(Protocol):
    """A lock that is held."""

    def release(self) -> None:
        """Let the lock go."""


class Locks(Protocol):
    """The named locks of one installation."""

    def acquire(self, name: str) -> Lock | None:
        """Return a lock, taken without waiting, or None if another process holds it."""

    def is_held(self, name: str) -> bool:
        """Return whether a living process holds a lock."""

    def forget(self, name: str) -> None:
        """Remove what is left of a lock whose name is never used again."""

    def sweep(self, prefix: str, *, before: float) -> None:
        """Remove what is left of free locks named `prefix`…, last taken before a moment (epoch seconds)."""

    def are_intact(self) -> bool:
        """Return whether the locks that this process took are still held."""


class FileLock:
    """A `flock` on an open file."""

    def __init__(self, descriptor: int, held: set[int]) -> None:
        self._descriptor = descriptor
        self._held = held

    def release(self) -> None:
        """Close the file, which frees the lock."""
        if self._descriptor in self._held:  # not so in a forked child, which has closed it
            self._held.discard(self._descriptor)
            with contextlib.suppress(OSError):  # a task has closed it
                os.close(self._descriptor)


class FileLocks:
    """Locks as files in a folder, for the processes of one host.

    A file is removed by `forget` and `sweep`, for names that are used once. One that was removed between
    being opened and being locked is not a lock, and is made again.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: set[int] = set()
        os.register_at_fork(after_in_child=self._close_in_child)

    def acquire(self, name: str) -> FileLock | None:
        """Return a lock, taken without waiting, or None if another process holds it. Raises ConfigError."""
        while True:
            descriptor = self._open(name, os.O_CREAT)
            if not _try_flock(descriptor):
                os.close(descriptor)
                return None
            if os.fstat(descriptor).st_nlink:
                self._held.add(descriptor)
                return FileLock(descriptor, self._held)
            os.close(descriptor)

    def is_held(self, name: str) -> bool:
        """Return whether a living process holds a lock."""
        try:
            descriptor = self._open(name, 0)
        except FileNotFoundError:
            return False
        try:
            return not _try_flock(descriptor)
        finally:
            os.close(descriptor)

    def forget(self, name: str) -> None:
        """Remove the file of a lock whose name is never used again."""
        self._path(name).unlink(missing_ok=True)

    def sweep(self, prefix: str, *, before: float) -> None:
        """Remove the files of free locks, such as those of processes that died before they were known.

        Others may be doing the same.
        """
        for path in self._folder.glob(f"{prefix}*.lock"):
            name = path.name.removesuffix(".lock")
            with contextlib.suppress(FileNotFoundError):
                if path.lstat().st_mtime < before and not self.is_held(name):
                    self.forget(name)

    def are_intact(self) -> bool:
        """Return True: the kernel keeps file locks as long as this process lives."""
        return True

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.lock"

    def _open(self, name: str, flags: int) -> int:
        try:
            make_folder(self._folder)
            return open_file(self._path(name), flags | os.O_RDWR)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise ConfigError(
                f"state_dir: cannot use {self._path(name)}: {error.strerror}",
                hint=f"make {self._folder.parent} writable for the user that runs taskrun",
            ) from error

    def _close_in_child(self) -> None:
        """Close the locks in a forked child, which would keep them after this process has died."""
        for descriptor in self._held:
            os.close(descriptor)
        self._held.clear()


@dataclass(frozen=True, slots=True)
class DoubleLock:
    """The same lock on this host and for all hosts."""

    here: Lock
    everywhere: Lock

    def release(self) -> None:
        """Let both locks go."""
        self.everywhere.release()
        self.here.release()


@dataclass(frozen=True, slots=True)
class DoubleLocks:
    """Locks for several hosts, held as a file as well.

    The file tells the processes of this host what a lock of the database cannot: that its holder lives, also
    when its connection is lost.
    """

    here: Locks
    everywhere: Locks

    def acquire(self, name: str) -> DoubleLock | None:
        """Return a lock, taken without waiting, or None if another process holds it.

        Raises ConfigError, StoreError.
        """
        here = self.here.acquire(name)
        if here is None:
            return None
        try:
            everywhere = self.everywhere.acquire(name)
        except BaseException:
            here.release()
            raise
        if everywhere is None:
            here.release()
            return None
        return DoubleLock(here, everywhere)

    def is_held(self, name: str) -> bool:
        """Return whether a living process holds a lock."""
        return self.here.is_held(name) or self.everywhere.is_held(name)

    def forget(self, name: str) -> None:
        """Remove what is left of a lock whose name is never used again."""
        self.here.forget(name)
        self.everywhere.forget(name)

    def sweep(self, prefix: str, *, before: float) -> None:
        """Remove what is left of free locks."""
        self.here.sweep(prefix, before=before)
        self.everywhere.sweep(prefix, before=before)

    def are_intact(self) -> bool:
        """Return whether the locks that this process took are still held."""
        return self.here.are_intact() and self.everywhere.are_intact()


def _try_flock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
