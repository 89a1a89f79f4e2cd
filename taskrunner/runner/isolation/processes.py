"""What the kernel knows of processes: who descends from whom, who dies with whom (Linux, prctl(2))."""

from __future__ import annotations

import contextlib
import os
import signal
from collections import defaultdict
from functools import cache
from typing import Any

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


@cache
def prctl() -> Any:
    """Return the system call; where there is none, a function that does nothing.

    Call it before a fork, so that the child has no library to load.
    """
    import ctypes

    return getattr(ctypes.CDLL(None, use_errno=True), "prctl", lambda *_: 0)


def die_with(parent: int, number: signal.Signals) -> None:
    """Let this process get a signal when its parent dies, or now if it is dead already."""
    prctl()(PR_SET_PDEATHSIG, int(number), 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), number)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent dies, also of one that left its session."""
    prctl()(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def descendants(pid: int) -> list[int]:
    """Return the children of a process, their children, and so on; [] where /proc does not tell."""
    children = defaultdict(list)
    for known, parent in _parents():
        children[parent].append(known)
    found = list(children[pid])
    for child in found:
        found += children[child]
    return found


def signal_all(pids: list[int], number: signal.Signals) -> None:
    """Send a signal to processes; those that are gone, or are another user's, are passed over."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def name_of(pid: int) -> str:
    """Return what a process is called, "?" where nobody can tell any more."""
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as comm:
            return comm.read().rstrip("\n")
    except OSError:
        return "?"


def _parents() -> list[tuple[int, int]]:
    """Return (pid, pid of its parent) of every process."""
    try:
        pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return []
    return [(pid, parent) for pid in pids if (parent := _parent(pid))]


def _parent(pid: int) -> int:
    """Return the parent of a process, 0 when it is gone; its name, which may hold anything, is skipped."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            return int(stat.read().rpartition(b")")[2].split()[1])
    except (OSError, IndexError, ValueError):
        return 0
