"""The real stdout of a process, which must never harm a run: closed, full or read by nobody."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import stat
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from taskrunner.runner.log_file import (
    KEPT_FROM_CHILDREN,
    OwnedDescriptor,
    copy_of,
    shared_with_child,
    text_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from taskrunner.runner.messages import Encode

PATIENCE = 10.0
"""Seconds a reader of stdout may let us wait before we go on without it."""

PIECE = 64 * 1024
"""Bytes read at once."""


class Console:
    """A copy of file descriptor 1, kept aside while runs write to the log file."""

    def __init__(self, descriptor: int) -> None:
        self._copy: OwnedDescriptor | None = copy_of(descriptor)
        self.reads_json = False
        """Whether what is copied are lines of JSON, of which a person is to see the text only."""
        self.is_terminal = os.isatty(descriptor)
        self._begun = b""
        self.is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
        if self._copy is not None:
            KEPT_FROM_CHILDREN.add(self._copy)

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
            start += len(piece)
            self.write(piece if not self.reads_json else self._text_of(piece))

    def _text_of(self, piece: bytes) -> bytes:
        """Return the text of what is copied up to the last whole line."""
        whole, line_break, self._begun = (self._begun + piece).rpartition(b"\n")
        return text_of(whole + line_break)

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
    is_to_stop = False
    while not is_to_stop:
        is_to_stop = bool(telling.poll(INTERVAL * 1000)) or os.getppid() != parent
        end = os.fstat(source).st_size
        if end != start:
            display.hide()
            display.console.copy(source, start, end)
            start = end
        display.show()
    display.hide()


LONGEST_LINE = 1024 * 1024
"""Bytes after which a line is written although it has not ended."""


class LineWriter:
    """What is written to `targets` ends in the log file, line by line, through an encoder, even if we die.

    There is a target for each encoder; what reaches two of them at once is not in order.
    """

    def __init__(self, log: int, encoders: Sequence[Encode]) -> None:
        pipes = [os.pipe() for _ in encoders]
        self.targets = [writing for _, writing in pipes]
        self._end_mark = os.urandom(32).hex().encode()
        sources = {reading: encode for (reading, _), encode in zip(pipes, encoders, strict=True)}
        self._helper = HelperProcess(partial(_write_all, sources, self.targets, log, self._end_mark))
        for reading, _ in pipes:
            os.close(reading)

    def stop(self) -> None:
        """Return when all that was written is in the log file."""
        for target in self.targets:
            with contextlib.suppress(OSError):  # a task may have closed it
                os.write(target, self._end_mark)
                os.close(target)
        self._helper.wait()


def _write_all(sources: dict[int, Encode], not_ours: Sequence[int], log: int, end_mark: bytes) -> None:
    """Write line by line until each pipe has its mark or its end; a line without an end is ended."""
    for target in not_ours:
        os.close(target)
    waiting = select.poll()
    for source in sources:
        waiting.register(source, select.POLLIN)
    left = dict.fromkeys(sources, b"")
    while left:
        for source, _ in waiting.poll():
            piece = os.read(source, PIECE)
            rest, mark, _ = (left[source] + piece).partition(end_mark)
            ended = bool(mark) or not piece
            *lines, rest = rest.split(b"\n")
            if rest and (ended or len(rest) > LONGEST_LINE):
                lines, rest = [*lines, rest], b""
            _write(log, sources[source](lines))
            left[source] = rest
            if ended:
                waiting.unregister(source)
                del left[source]


def _write(log: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(log, left) :]
