"""Showing what a run writes to its log file, while it runs."""

from __future__ import annotations

import contextlib
import os
import select
from functools import partial

from taskrunner.runner.companion import PIECE, Companion

INTERVAL = 0.05
"""Seconds between two looks at the log file."""


class Echo:
    """Copies a file to a descriptor as it grows, from `start` on, until stopped or this process dies."""

    def __init__(self, source: int, start: int, target: int) -> None:
        reading, self._control = os.pipe()
        self._companion = Companion(partial(_follow, source, start, target, reading, os.getpid()))
        os.close(reading)

    def stop(self) -> None:
        """Return when all that was written is shown."""
        with contextlib.suppress(OSError):
            os.write(self._control, b".")
        os.close(self._control)
        self._companion.wait()


def _follow(source: int, start: int, target: int, control: int, parent: int) -> None:
    told_to_stop = False
    while not told_to_stop and os.getppid() == parent:
        start = _copy(source, start, target)
        told_to_stop = bool(select.select([control], [], [], INTERVAL)[0])
    _copy(source, start, target)


def _copy(source: int, start: int, target: int) -> int:
    while piece := os.pread(source, PIECE, start):
        start += os.write(target, piece)
    return start
