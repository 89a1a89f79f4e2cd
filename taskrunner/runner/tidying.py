"""Between two tasks of a process: what one has changed is put back, or the process leaves."""

from __future__ import annotations

import os
import random
import resource
import sys
import threading
from typing import TYPE_CHECKING, Any

from taskrunner.runner.memory import current_memory
from taskrunner.runner.surroundings import THINGS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from taskrunner.runner.surroundings import Thing

LARGEST_GROWTH = 256 * 1024 * 1024
"""Bytes by which tasks may enlarge the process for good."""


class Tidier:
    """Knows how a process was before its tasks; `must_leave`: why it is to run no other one, "" if it may."""

    def __init__(self) -> None:
        self._was: dict[Thing, Any] = {thing: thing.look() for thing in THINGS}
        self._modules = len(sys.modules)
        self._memory = current_memory()
        self.must_leave = ""

    def begin(self) -> None:
        """A task is to run. What its plugin has changed while it was imported stays as it is."""
        if len(sys.modules) != self._modules:
            self._modules = len(sys.modules)
            self._was |= {thing: thing.look() for thing in THINGS if thing.imported}

    def tidy(self, lost: Iterable[str] = ()) -> list[str]:
        """A task has run, and `lost` is what it closed of the process: put back what it changed.

        Returns the lines that tell of it.
        """
        changed = [thing for thing in THINGS if _differs(thing.look(), self._was[thing])]
        stuck = [thing.name for thing in changed if not self._put_back(thing)]
        random.seed(int.from_bytes(os.urandom(16)))  # a task may have made chance foreseeable
        reasons = [*(f"it changed {name} for good" for name in stuck), *lost, *_threads(), *self._growth()]
        lines = []
        if back := [thing.name for thing in changed if thing.name not in stuck]:
            lines.append(f"... put back what the task changed: {', '.join(back)}")
        if reasons:
            self.must_leave = "; ".join(reasons)
            lines.append(
                f"Leaving after this task, the next cron starts in a clean process: {self.must_leave}"
            )
        return lines

    def _put_back(self, thing: Thing) -> bool:
        """Say whether it is as it was."""
        try:
            thing.put_back(self._was[thing])
        except (OSError, ValueError, TypeError):
            return False
        if thing.replaced:
            self._was[thing] = thing.look()
        return not _differs(thing.look(), self._was[thing])

    def _growth(self) -> list[str]:
        """Say by how much memory has grown, if that is too much; its peak costs less to ask for."""
        if _peak() - self._memory <= LARGEST_GROWTH:
            return []
        grown = current_memory() - self._memory
        return [f"its memory has grown by {grown >> 20} MiB"] if grown > LARGEST_GROWTH else []


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _differs(now: Any, was: Any) -> bool:
    try:
        return bool(now != was)
    except Exception:  # a task may have put anything there
        return True


def _threads() -> list[str]:
    """Name the threads that would keep the process from ending."""
    alive = [thread.name for thread in threading.enumerate() if not thread.daemon]
    left = [name for name in alive if name != threading.main_thread().name]
    return [f"a thread still runs: {', '.join(left)}"] if left else []
