"""A forked child that serves the log of a process while a task runs in it."""

from __future__ import annotations

import contextlib
import os
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

PIECE = 64 * 1024
"""Bytes read at once."""


class Companion:
    """The child: no thread, so that a busy interpreter does not stop it, nor the death of this process."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._child = os.fork()
        if self._child == 0:
            _live(work)

    def wait(self) -> None:
        """Return when the child has ended."""
        with contextlib.suppress(ChildProcessError):  # a task may have waited for all children
            os.waitpid(self._child, 0)


def _live(work: Callable[[], None]) -> None:
    """Work as the child: signals to the group are for its parent, and nothing of that is run at exit."""
    try:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        work()
    finally:
        os._exit(0)
