"""How much memory this process has."""

from __future__ import annotations

import os
import resource

PAGE = os.sysconf("SC_PAGE_SIZE")


def current_memory() -> int:
    """Return the resident memory of this process in bytes; 0 where the system does not tell."""
    try:
        descriptor = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return 0
    try:
        return int(os.read(descriptor, 256).split()[1]) * PAGE
    finally:
        os.close(descriptor)


def peak_memory() -> int:
    """Return the largest resident memory this process has had, in bytes."""
    return max(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, current_memory())
