"""How much memory this process has."""

from __future__ import annotations

import os
import resource


def current_memory() -> int:
    """Return the resident memory of this process in bytes; 0 where the system does not tell."""
    try:
        with open("/proc/self/statm", "rb") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def peak_memory() -> int:
    """Return the largest resident memory this process has had, in bytes."""
    return max(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, current_memory())
