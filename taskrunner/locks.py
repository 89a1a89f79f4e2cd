"""Locks that die with their process: free the moment it is gone, never while it lives, no time-out."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path
from typing import Protocol

from taskrunner.errors import ConfigError
from taskrunner.folders import make_folder


class Lock(Protocol):
    """A lock that is held."""

    def release(self) -> None:
        """Let it go."""


class Locks(Protocol):
    """The named locks of one installation."""

    def acquire(self, name: str) -> Lock | None:
        """Take a lock without waiting; None: another process has it."""

    def is_held(self, name: str) -> bool:
        """Say whether a living process has a lock."""

    def forget(self, name: str) -> None:
        """Drop what is left of a lock whose name is never used again."""


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

    A file is removed only by `forget`, for names that are used once: removing one that is taken again
    would let two processes lock two files of the same name.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: set[int] = set()
        os.register_at_fork(after_in_child=self._close_in_child)

    def acquire(self, name: str) -> FileLock | None:
        """Take a lock without waiting; None: another process has it. Raises ConfigError."""
        descriptor = self._open(name, os.O_CREAT)
        if not _try_flock(descriptor):
            os.close(descriptor)
            return None
        self._held.add(descriptor)
        return FileLock(descriptor, self._held)

    def is_held(self, name: str) -> bool:
        """Say whether a living process has a lock."""
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

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.lock"

    def _open(self, name: str, flags: int) -> int:
        try:
            make_folder(self._folder)
            return os.open(self._path(name), flags | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise ConfigError(
                f"state_dir: cannot use {self._path(name)}: {error.strerror}",
                hint=f"make {self._folder.parent} writable for the user that runs taskrun",
            ) from error

    def _close_in_child(self) -> None:
        """Let go in a forked child, which shares the lock and would keep it after this process died."""
        for descriptor in self._held:
            os.close(descriptor)
        self._held.clear()


def _try_flock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
