"""Showing what a run writes to its log file, while it runs."""

from __future__ import annotations

import contextlib
import os
import select
from functools import partial
from typing import TYPE_CHECKING

from taskrunner.runner.output.companion import Companion
from taskrunner.runner.output.gauge import Display

if TYPE_CHECKING:
    from taskrunner.runner.output.console import Console
    from taskrunner.runner.output.gauge import Gauge

INTERVAL = 0.05
"""Seconds between two looks at the log file."""


class Echo:
    """Shows a file as it grows, from `start` on, until it is stopped or this process dies."""

    def __init__(self, source: int, start: int, console: Console, gauge: Gauge | None = None) -> None:
        reading, self._control = os.pipe()
        display = Display(gauge, console)
        self._companion = Companion(partial(_follow, source, start, display, reading, os.getpid()))
        os.close(reading)

    def stop(self) -> None:
        """Return when all that was written is shown, or the console was given up."""
        with contextlib.suppress(OSError):  # a task may have closed it
            os.write(self._control, b".")
            os.close(self._control)
        self._companion.wait()


def _follow(source: int, start: int, display: Display, control: int, parent: int) -> None:
    telling = select.poll()  # `select` takes no descriptor above 1023, and a task may leave so many
    telling.register(control, select.POLLIN)
    told_to_stop = False
    while not told_to_stop:
        told_to_stop = bool(telling.poll(INTERVAL * 1000)) or os.getppid() != parent
        end = os.fstat(source).st_size
        if end != start:
            display.hide()
            display.console.copy(source, start, end)
            start = end
        display.show()
    display.hide()
