"""The real stdout of a process, which must never harm a run: closed, full or read by nobody."""

from __future__ import annotations

import os
import select

from taskrunner.runner.output.held import Held, copy_of

PATIENCE = 10.0
"""Seconds a reader of stdout may let us wait before we go on without it."""

PIECE = 64 * 1024


class Console:
    """A copy of file descriptor 1, kept aside while runs write to the log file."""

    def __init__(self, descriptor: int) -> None:
        self._copy: Held | None = copy_of(descriptor)
        self.is_terminal = os.isatty(descriptor)

    @property
    def descriptor(self) -> int | None:
        """The file descriptor, None once it was given up."""
        return self._copy.number if self._copy else None

    def write(self, data: bytes) -> None:
        """Write all of it, or give stdout up when it is closed or nobody reads it."""
        while data and self._copy is not None:
            data = data[self._write_some(self._copy.number, data) :]

    def copy(self, source: int, start: int, end: int) -> None:
        """Write a stretch of a file, piece by piece."""
        while start < end and self._copy is not None:
            piece = os.pread(source, min(PIECE, end - start), start)
            if not piece:
                return
            self.write(piece)
            start += len(piece)

    def close(self) -> None:
        """Give stdout up."""
        if self._copy is not None:
            self._copy.close()
            self._copy = None

    def mend(self) -> bool:
        """After a task: give up what it has closed, and say whether nothing was lost."""
        if self._copy is None or self._copy.is_intact():
            return True
        self._copy = None
        return False

    def _write_some(self, descriptor: int, data: bytes) -> int:
        try:
            poll = select.poll()
            poll.register(descriptor, select.POLLOUT)
            if poll.poll(PATIENCE * 1000):
                # A pipe that is writable takes PIPE_BUF bytes without blocking, and perhaps no more.
                return os.write(descriptor, data[: select.PIPE_BUF])
        except BlockingIOError:
            return 0
        except OSError:
            pass
        self.close()
        return 0
