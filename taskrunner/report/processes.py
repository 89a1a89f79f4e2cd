"""Whether the process that wrote a log file is still at work."""

from __future__ import annotations

import os
from pathlib import Path

PROC = Path("/proc")
STARTED = 19
"""Where, behind the name in /proc/PID/stat, the start is, in clock ticks since the machine's (proc(5))."""


def is_at_work(pid: int, wrote_at: float, *, proc: Path = PROC) -> bool:
    """Say whether a cron process with this pid lives that was there when the file was written.

    A pid is used again: a process that started after the last write, or runs no cron, is another one. Where
    there is no /proc nobody can tell.
    """
    try:
        command = (proc / str(pid) / "cmdline").read_bytes()
        started_at = _started_at(proc, pid)
    except (OSError, ValueError, IndexError, StopIteration):
        return False
    return started_at <= wrote_at + 1 and (b"cron" in command or b"taskrun" in command)


def _started_at(proc: Path, pid: int) -> float:
    ticks = int((proc / str(pid) / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()[STARTED])
    lines = (proc / "stat").read_text("utf-8").splitlines()
    booted_at = int(next(line for line in lines if line.startswith("btime ")).split()[1])
    return booted_at + ticks / os.sysconf("SC_CLK_TCK")
