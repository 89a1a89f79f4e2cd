"""Reading files of plugins: what is run is what was checked."""

from __future__ import annotations

import os
import stat

from taskrunner.errors import PluginError
from taskrunner.trust import fault_above, fault_of

MAX_FILE_SIZE = 1 << 20


def fault_of_file(status: os.stat_result) -> str | None:
    """Say why this is no file to read a plugin from; None: it is one."""
    if not stat.S_ISREG(status.st_mode):
        return "is not a regular file"
    if status.st_size > MAX_FILE_SIZE:
        return "is larger than 1 MiB"
    return None


def fault_of_link(path: str) -> str | None:
    """Say why somebody else could replace what a link leads to; None: nobody could. Raises OSError."""
    real = os.path.realpath(path)
    fault = fault_above(real)
    return f"leads to {real}, which {fault}" if fault else None


def read_trusted(path: str) -> bytes:
    """Return the content of a regular file of at most 1 MiB that only root and the running user can write.

    Raises PluginError for any other file, OSError where it cannot be read. A FIFO does not block. A link may
    lead to the file, but nothing may become one meanwhile.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with open(os.open(os.path.realpath(path), flags), "rb") as file:
        status = os.fstat(file.fileno())
        if fault := fault_of_file(status) or fault_of(status):
            raise PluginError(f"{path} {fault}")
        return file.read(MAX_FILE_SIZE)
