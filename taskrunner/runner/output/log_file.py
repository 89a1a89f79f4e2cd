"""The log file of one process: one text, everything its tasks print, in order."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

from taskrunner.errors import ConfigError
from taskrunner.folders import make_folder
from taskrunner.runner.output.held import moved
from taskrunner.runner.output.spare import open_spare

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from taskrunner.config import Config
    from taskrunner.runner.output.held import Held

KEPT_BYTES = 1024 * 1024
"""How much of a run's output its log row keeps: the head and the tail of it."""


class LogFile:
    """An open log file, only ever appended to."""

    def __init__(self, path: Path, opened: Held) -> None:
        self.path = path
        self._opened = opened

    @property
    def descriptor(self) -> int:
        """The file descriptor; another one when a task had closed it."""
        return self._opened.number

    def mend(self) -> bool:
        """After a task: open again what it has closed, and say whether nothing was lost. Raises OSError.

        Where the file itself is gone, a new one is begun in its place.
        """
        if self._opened.is_intact():
            return True
        self._opened = _open(self.path)
        return False

    @property
    def is_gone(self) -> bool:
        """Whether the file was deleted while it is open."""
        return os.fstat(self.descriptor).st_nlink == 0

    def write(self, data: bytes) -> None:
        """Append all of it. Raises OSError."""
        while data:
            data = data[os.write(self.descriptor, data) :]

    def size(self) -> int:
        """Return the length in bytes."""
        return os.fstat(self.descriptor).st_size

    def clear(self) -> None:
        """Forget all of it."""
        os.ftruncate(self.descriptor, 0)

    def close(self) -> None:
        """Close it."""
        self._opened.close()


def read_output(descriptor: int, start: int, end: int) -> str:
    """Return a stretch of a file as text a database can hold, cut to 1 MiB in the middle."""
    if end - start <= KEPT_BYTES:
        return as_text(os.pread(descriptor, end - start, start))
    half = KEPT_BYTES // 2
    head, tail = os.pread(descriptor, half, start), os.pread(descriptor, half, end - half)
    cut = end - start - KEPT_BYTES
    return f"{as_text(head)}\n... {cut} bytes are cut here; the log file has them ...\n{as_text(tail)}"


def as_text(data: bytes) -> str:
    """Return bytes as text; what is no UTF-8 and NUL, which PostgreSQL cannot store, become U+FFFD."""
    return data.decode("utf-8", "replace").replace("\0", "\ufffd")


def storable(text: str) -> str:
    r"""Return text that both databases can store: halves of characters and NUL become what stands for them.

    >>> storable("gone-\udcff\0")
    'gone-\\udcff\ufffd'
    """
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\ufffd")


def log_path(config: Config, *, now: datetime, pid: int) -> tuple[Path, str | None]:
    """Return where a process keeps its log, its folder made, and what is wrong with the log directory, if so.

    Where the log directory cannot be used it is below the state directory: a run must not be lost because its
    log cannot be kept where it should be.
    """
    name = now.strftime(config.log.file).replace("{pid}", str(pid))
    wanted, instead = config.log_dir / name, config.state_dir / "log" / name
    reason = _why_unusable(wanted)
    if reason is None:
        return wanted, None
    if (worse := _why_unusable(instead)) is not None:
        raise ConfigError(f"log_dir: cannot write {wanted}: {reason}; nor {instead}: {worse}")
    return instead, f"log_dir: cannot write {wanted}: {reason}; the log of this process is {instead}"


def open_log_file(path: Path) -> LogFile:
    """Open a log file for appending, never through a link. Raises OSError."""
    return LogFile(path, _open(path))


def spare_log_file(path: Path) -> LogFile:
    """Return a log file in memory, for a process that cannot write the one it should. Raises OSError."""
    return LogFile(path, moved(open_spare()))


def open_for_reading(path: Path | str) -> int:
    """Return a descriptor of a regular file, never reached through a link. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is no regular file")
    return descriptor


def _open(path: Path) -> Held:
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    make_folder(path.parent)
    descriptor = os.open(path, flags | os.O_NONBLOCK, 0o640)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is no regular file")
    return moved(descriptor)


def _why_unusable(path: Path) -> str | None:
    try:
        make_folder(path.parent)
    except OSError as error:
        return error.strerror or type(error).__name__
    if not os.access(path.parent, os.W_OK | os.X_OK):
        return os.strerror(errno.EACCES)
    is_something_else = os.path.lexists(path) and (path.is_symlink() or not path.is_file())
    return "it is no regular file" if is_something_else else None
