"""How far a task has come, on its way from the task's process to the one that shows its output."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from taskrunner.runner.output.console import Console

LONGEST = 256
"""Characters of a note's text: with them a note is shorter than what a pipe takes as a whole (PIPE_BUF)."""

ERASE = b"\r\x1b[K"


class Gauge:
    """A pipe for notes of progress; `draw` makes a line of one: a bar for a terminal, else plain text."""

    def __init__(self, draw: Callable[[float, float, str], str], *, redraws: bool) -> None:
        self._draw = draw
        self.redraws = redraws
        self.reading, self._writing = os.pipe()
        os.set_blocking(self.reading, False)
        os.set_blocking(self._writing, False)

    def note(self, done: float, total: float, text: str) -> None:
        """Pass a note on; where nobody reads, it is dropped."""
        line = json.dumps([float(done), float(total), str(text)[:LONGEST]]).encode() + b"\n"
        with contextlib.suppress(OSError):
            os.write(self._writing, line)

    def newest(self) -> str | None:
        """Return the line of the newest note; None: there is no new one."""
        data = b""
        with contextlib.suppress(BlockingIOError):
            data = os.read(self.reading, 1 << 16)
        lines = data.splitlines()
        if not lines:
            return None
        done, total, text = json.loads(lines[-1])
        return self._draw(done, total, text)


@dataclass(slots=True)
class Display:
    """Shows notes beside the output of a task: below it on a terminal, as lines on stderr elsewhere."""

    gauge: Gauge | None
    console: Console
    line: str = ""
    is_shown: bool = False

    def hide(self) -> None:
        """Make room for output."""
        if self.is_shown:
            self.console.write(ERASE)
            self.is_shown = False

    def show(self) -> None:
        """Show the newest note, if there is one, or what was hidden."""
        newest = self.gauge.newest() if self.gauge else None
        if newest is not None and self.gauge is not None and not self.gauge.redraws:
            os.write(2, f"{newest}\n".encode("utf-8", "backslashreplace"))
        elif newest is not None or (self.line and not self.is_shown):
            self.hide()
            self.line = newest if newest is not None else self.line
            self.console.write(self.line.encode("utf-8", "backslashreplace"))
            self.is_shown = True
