"""Locks that die with their process: free the moment it is gone, never while it lives, no time-out."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path
from typing import TYPE_CHECKING

from taskrunner.errors import ConfigError
from taskrunner.files import make_folder, open_file
from taskrunner.named_tuple import NamedTuple
from taskrunner.ownership import permission_advice

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol
else:
    Protocol = object  # a class of Protocol costs as much to declare as ten others


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

    def proves_death(self, name: str) -> bool:
        """Return whether the process that took a lock, whose name is its own, has surely died."""

    def forget(self, name: str) -> None:
        """Remove what is left of a lock whose name is never used again."""

    def sweep(self, prefix: str, *, before: float) -> None:
        """Remove what is left of free locks named `prefix`…, last taken before a moment (epoch seconds)."""

    def are_intact(self) -> bool:
        """Return whether the locks that this process took are still held."""

    def close(self) -> None:
        """Let go of what asking takes, and of every lock; a later call opens it again."""


HELD: set[int] = set()
"""The descriptors of the file locks that this process holds."""

LARGEST = 1024
"""Bytes of a lock's file."""


class FileLock:
    """A `flock` on an open file."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def release(self) -> None:
        """Close the file, which frees the lock."""
        if self._descriptor in HELD:  # not so in a forked child, which has closed it
            HELD.discard(self._descriptor)
            with contextlib.suppress(OSError):  # a task has closed it
                os.close(self._descriptor)


class FileLocks:
    """Locks as files in a folder, for the processes of one host.

    A file is removed by `forget` and `sweep`, for names that are used once. One that was removed between
    being opened and being locked is not a lock, and is made again. Who takes one writes its host into the
    file: a folder may be moved to another host, or be shared by several whose locks do not meet.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def acquire(self, name: str) -> FileLock | None:
        """Return a lock, taken without waiting, or None if another process holds it. Raises ConfigError."""
        while True:
            descriptor = self._open(name, os.O_CREAT)
            try:
                is_taken = self._take(descriptor, name)
            except BaseException:
                os.close(descriptor)
                raise
            if not is_taken:
                os.close(descriptor)
                return None
            if os.fstat(descriptor).st_nlink:
                HELD.add(descriptor)
                with contextlib.suppress(OSError):  # on a full disk: then a free lock proves nothing
                    os.pwrite(descriptor, "\n".join(_this_host()).encode(), 0)
                return FileLock(descriptor)
            os.close(descriptor)

    def is_held(self, name: str) -> bool:
        """Return whether a living process holds a lock."""
        try:
            descriptor = self._open(name, 0)
        except FileNotFoundError:
            return False
        try:
            return not self._take(descriptor, name)
        finally:
            os.close(descriptor)

    def proves_death(self, name: str) -> bool:
        """Return whether a lock is there and free that a process of this host had taken."""
        try:
            descriptor = self._open(name, 0)
        except FileNotFoundError:
            return False
        try:
            hostname, _, boot = os.pread(descriptor, LARGEST, 0).decode("utf-8", "replace").partition("\n")
            name_here, boot_here = _this_host()
            is_ours = hostname == name_here or (boot != "" and boot == boot_here)
            return is_ours and self._take(descriptor, name)
        except OSError:
            return False
        finally:
            os.close(descriptor)

    def forget(self, name: str) -> None:
        """Remove the file of a lock whose name is never used again; one that cannot be is left to `sweep`."""
        with contextlib.suppress(OSError):
            self._path(name).unlink(missing_ok=True)

    def sweep(self, prefix: str, *, before: float) -> None:
        """Remove the files of free locks, such as those of processes that died before they were known.

        Others may be doing the same.
        """
        for path in self._folder.glob(f"{prefix}*.lock"):
            name = path.name.removesuffix(".lock")
            with contextlib.suppress(OSError, ConfigError):  # one that cannot be asked is left there
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
            about, hint = permission_advice(self._path(name), error)
            raise ConfigError(
                f"state_dir: cannot use {self._path(name)}: {error.strerror}{about}",
                hint=hint or f"make {self._folder.parent} writable for the user that runs taskrun",
            ) from error

    def _take(self, descriptor: int, name: str) -> bool:
        """Take the lock of an open file without waiting; return whether it was free. Raises ConfigError."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            raise ConfigError(
                f"state_dir: cannot lock {self._path(name)}: {error.strerror}",
                hint="state_dir has to lie where files can be locked: on a local disk, or on NFS with lockd",
            ) from error
        return True

    def close(self) -> None:
        """Nothing is open but the locks that this process holds, each for itself."""


def _close_in_child() -> None:
    """Close the locks in a forked child, which would keep them after this process has died."""
    for descriptor in HELD:
        os.close(descriptor)
    HELD.clear()


os.register_at_fork(after_in_child=_close_in_child)


class DoubleLock(NamedTuple):
    """The same lock on this host and for all hosts."""

    here: Lock
    everywhere: Lock

    def release(self) -> None:
        """Let both locks go."""
        self.everywhere.release()
        self.here.release()


class DoubleLocks(NamedTuple):
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

    def proves_death(self, name: str) -> bool:
        """Return whether the process that took a lock, whose name is its own, has surely died.

        A process of this host has when its file is free, whatever a session says that its server still has.
        """
        return self.here.proves_death(name)

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

    def close(self) -> None:
        """Let go of the session in which locks of the database are asked for, and taken."""
        self.here.close()
        self.everywhere.close()


class LateLocks:
    """Locks that are opened when one is asked for: most commands ask for none, and need no driver."""

    def __init__(self, opened: Callable[[], Locks]) -> None:
        self._opened = opened
        self._locks: Locks | None = None

    def __getattr__(self, name: str) -> Any:
        if self._locks is None:
            self._locks = self._opened()
        return getattr(self._locks, name)

    def close(self) -> None:
        """Let go of every lock."""
        if self._locks is not None:
            self._locks.close()


def _this_host() -> tuple[str, str]:
    """Return the name of this host, and the id of its boot, which its containers share."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            boot = file.read().strip()
    except OSError:
        boot = ""
    return os.uname().nodename, boot
