"""A file without a name, in memory where the system can: it needs no disk, and goes with its process."""

from __future__ import annotations

import fcntl
import os
import tempfile


def open_spare() -> int:
    """Return the descriptor of a new empty file, for reading and appending. Raises OSError."""
    descriptor = _open()
    fcntl.fcntl(descriptor, fcntl.F_SETFL, os.O_APPEND)
    return descriptor


def _open() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("taskrun", os.MFD_CLOEXEC)
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
