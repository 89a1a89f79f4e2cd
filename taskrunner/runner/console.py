"""The real stdout of a process, which must never harm a run: closed, full or read by nobody."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import stat
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from taskrunner.runner.log_file import (
    KEPT_FROM_CHILDREN,
    OwnedDescriptor,
    copy_of,
    kept_from_children,
    shared_with_child,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import tzinfo

PATIENCE = 10.0
"""Seconds a reader of stdout may let us wait before we go on without it."""

PIECE = 64 * 1024
"""Bytes read at once."""


class Console:
    """A copy of file descriptor 1, kept aside while runs write to the log file."""

    def __init__(self, descriptor: int) -> None:
        self._copy: OwnedDescriptor | None = copy_of(descriptor)
        self.is_terminal = os.isatty(descriptor)
        self.is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
        if self._copy is not None:
            kept_from_children(self._copy)

    @property
    def descriptor(self) -> int | None:
        """The file descriptor, or None once it was given up."""
        return self._copy.number if self._copy else None

    def write(self, data: bytes) -> None:
        """Write all of it, or give stdout up when it is closed or nobody reads it."""
        left = memoryview(data)  # cutting bytes would copy the rest with each piece
        while left and self._copy is not None:
            left = left[self._write_some(self._copy.number, left) :]

    def copy(self, source: int, start: int, end: int) -> None:
        """Write a range of a file, piece by piece."""
        while start < end and self._copy is not None:
            piece = os.pread(source, min(PIECE, end - start), start)
            if not piece:
                return
            self.write(piece)
            start += len(piece)

    def close(self) -> None:
        """Give stdout up."""
        if self._copy is not None:
            KEPT_FROM_CHILDREN.discard(self._copy)
            self._copy.close()
            self._copy = None

    def reopen(self) -> bool:
        """After a task: give up what it has closed, and return whether nothing was lost."""
        if self._copy is None or self._copy.is_intact():
            return True
        self._copy = None
        return False

    def _write_some(self, descriptor: int, data: memoryview) -> int:
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


class HelperProcess:
    """The child: no thread, so that a busy interpreter does not stop it, nor the death of this process."""

    def __init__(self, work: Callable[[], None]) -> None:
        with shared_with_child():
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


LONGEST = 256
"""Characters of a note's text: with them a note is shorter than what a pipe takes as a whole (PIPE_BUF)."""

ERASE = b"\r\x1b[K"


class ProgressLine:
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
        """Return the line of the newest note, or None if there is no new one."""
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

    progress_line: ProgressLine | None
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
        newest = self.progress_line.newest() if self.progress_line else None
        if newest is not None and self.progress_line is not None and not self.progress_line.redraws:
            os.write(2, f"{newest}\n".encode("utf-8", "backslashreplace"))
        elif newest is not None or (self.line and not self.is_shown):
            self.hide()
            self.line = newest if newest is not None else self.line
            self.console.write(self.line.encode("utf-8", "backslashreplace"))
            self.is_shown = True


INTERVAL = 0.05
"""Seconds between two looks at the log file."""


class Echo:
    """Shows a file as it grows, from `start` on, until it is stopped or this process dies."""

    def __init__(
        self, source: int, start: int, console: Console, progress_line: ProgressLine | None = None
    ) -> None:
        reading, self._control = os.pipe()
        display = Display(progress_line, console)
        self._helper = HelperProcess(partial(_follow, source, start, display, reading, os.getpid()))
        os.close(reading)

    def stop(self) -> None:
        """Return when all that was written is shown, or the console was given up."""
        with contextlib.suppress(OSError):  # a task may have closed it
            os.write(self._control, b".")
            os.close(self._control)
        self._helper.wait()


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


LONGEST_LINE = 1024 * 1024
"""Bytes after which a line is written although it has not ended."""


def with_timestamp(line: str, zone: tzinfo) -> str:
    """Return a line with the present time before it."""
    return f"{datetime.now(zone):%Y-%m-%d %H:%M:%S} {line}"


class TimestampPrefix:
    """What is written to `target` ends in the log file with a time before each line, even if we die."""

    def __init__(self, log: int, zone: tzinfo) -> None:
        reading, self.target = os.pipe()
        self._end_mark = os.urandom(32).hex().encode()
        self._helper = HelperProcess(partial(_prefix_all, reading, self.target, log, self._end_mark, zone))
        os.close(reading)

    def stop(self) -> None:
        """Return when all that was written is in the log file."""
        with contextlib.suppress(OSError):  # a task may have closed it
            os.write(self.target, self._end_mark)
            os.close(self.target)
        self._helper.wait()


def _prefix_all(source: int, not_ours: int, log: int, end_mark: bytes, zone: tzinfo) -> None:
    """Write line by line until the mark or the end of the pipe; a line without an end is ended."""
    os.close(not_ours)
    left, ended = b"", False
    while not ended:
        piece = os.read(source, PIECE)
        left, mark, _ = (left + piece).partition(end_mark)
        ended = bool(mark) or not piece
        *lines, left = left.split(b"\n")
        if left and (ended or len(left) > LONGEST_LINE):
            lines, left = [*lines, left], b""
        _write_lines(log, lines, zone)


def _write_lines(log: int, lines: list[bytes], zone: tzinfo) -> None:
    prefix = with_timestamp("", zone).encode()
    left = memoryview(b"".join(prefix + line + b"\n" for line in lines))
    while left:
        left = left[os.write(log, left) :]
