"""Where the lines of a process and all its tasks print go: to its log file first, then to the real stdout."""

from __future__ import annotations

import errno
import io
import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from taskrunner.runner.console import Echo, LineWriter
from taskrunner.runner.log_file import (
    KEPT_FROM_CHILDREN,
    OwnedDescriptor,
    anonymous_log_file,
    copy_of,
    open_log_file,
    remove_if_empty,
    text_of,
)
from taskrunner.runner.log_format import NOTHING
from taskrunner.trace import flush_output

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from taskrunner.runner.console import Console, ProgressLine
    from taskrunner.runner.log_file import LogFile
    from taskrunner.runner.log_format import JsonFormat, PlainFormat

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS})
"""What is wrong with the file that is printed to, not with who prints."""


@dataclass(slots=True)
class Redirection:
    """Redirection that is sent elsewhere; because of `error`, if there was one, some of it is lost."""

    error: OSError | None = None


@contextmanager
def printing_to(target: int, errors: int | None = None) -> Iterator[Redirection]:
    """Send what is printed inside the block to another file descriptor; stderr to `errors` if that is given.

    A full disk is noted in what is given, and is not an error of who prints.
    """
    flush_output()
    kept_streams, kept = (sys.stdout, sys.stderr), (copy_of(1), copy_of(2))
    KEPT_FROM_CHILDREN.update(kept)
    os.dup2(target, 1)
    os.dup2(target if errors is None else errors, 2)
    redirection = Redirection()
    sys.stdout, sys.stderr = (
        # They write at once, so that nothing is lost when the process dies.
        io.TextIOWrapper(
            DescriptorWriter(number, redirection), "utf-8", "backslashreplace", write_through=True
        )
        for number in (1, 2)
    )
    try:
        yield redirection
    finally:
        flush_output()
        for number, copy in zip((1, 2), kept, strict=True):
            _put_back(copy, number)
            KEPT_FROM_CHILDREN.discard(copy)
        sys.stdout, sys.stderr = kept_streams


def _put_back(copy: OwnedDescriptor, number: int) -> None:
    """Where the copy is gone, closed by what ran, nothing is better than a file of its own."""
    if copy.is_intact():
        os.dup2(copy.number, number)
        os.close(copy.number)
        return
    null = os.open(os.devnull, os.O_RDWR)
    if null != number:
        os.dup2(null, number)
        os.close(null)


class DescriptorWriter(io.FileIO):
    """A descriptor that is written to until all is written, or there is no room."""

    def __init__(self, descriptor: int, redirection: Redirection) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self._redirection = redirection

    def write(self, data: Any, /) -> int:
        """Write all of it; return how much that was."""
        left = memoryview(data).cast("B")
        size = len(left)
        try:
            while left:
                left = left[super().write(left) or 0 :]
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise
            self._redirection.error = error
        return size


@dataclass(slots=True)
class OutputRange:
    """Where the output of one run lies: in which log file, from which byte to which."""

    log: LogFile
    start: int
    end: int


class Output:
    """The log file, made when there is something to write, and what stdout shows of it.

    `choose_path` is asked once, when the path is needed; `complain` hears what is wrong with the file.
    `shown`: "all", "failures" (only what `tell` prints) or "none". `live`: while a task runs, as on a
    terminal, and where stdout is a file: what a task has printed is then there although it kills the process.
    `always_shown`: also an idle minute. `log_format`: that of its lines. `progress_line`: where
    tasks note how far they have come, to be shown live.
    """

    def __init__(
        self,
        choose_path: Callable[[], Path],
        complain: Callable[[str], None],
        console: Console,
        *,
        shown: str,
        live: bool,
        always_shown: bool,
        log_format: PlainFormat | JsonFormat,
        progress_line: ProgressLine | None = None,
    ) -> None:
        self._choose_path = choose_path
        self._complain = complain
        self._console = console
        self.shown = shown
        self._live = live or console.is_terminal or console.is_file
        self._idle_shown = always_shown or console.is_terminal
        self._format = log_format
        console.reads_json = log_format.is_json and console.is_terminal
        self.about = NOTHING
        """What our own lines are about, for a format that says so."""
        self._progress_line = progress_line
        self._held_back: list[str] = []
        self._path: Path | None = None
        self._log: LogFile | None = None
        self._echoing = False
        self._is_lossy = False
        self.lost: set[str] = set()
        """What tasks have closed of this process."""

    @property
    def is_lossy(self) -> bool:
        """Whether the log file cannot be written any more."""
        return self._is_lossy

    @property
    def log_path(self) -> Path:
        """Where the log file is, or will be."""
        if self._path is None:
            self._path = self._choose_path()
        return self._path

    @property
    def log(self) -> LogFile:
        """The log file, made now if it was not yet."""
        if self._log is None:
            self._log = self._open()
            held_back, self._held_back = self._held_back, []
            about, self.about = self.about, NOTHING  # they were said before this run began
            for line in held_back:
                self.say(line)
            self.about = about
        return self._log

    def begin(self) -> None:
        """Make the log file although nothing is to be written yet."""
        self._log = self._log or self._open()

    def close(self) -> None:
        """Let go of the log file and of stdout."""
        self._console.close()
        if self._log is not None:
            self._log.close()
        elif self._path is not None:
            remove_if_empty(self._path)

    def note(self, line: str) -> None:
        """Write a line that does not deserve a file of its own: held back until something else is written."""
        if self._log is not None:
            self.say(line)
        else:
            self._held_back.append(line)

    def say(self, line: str) -> None:
        """Write a line of the runner itself."""
        data = self._format.own(line, self.about)
        self._keep(data)
        if self.shown == "all" and not self._echoing:
            self._console.write(text_of(data) if self._console.reads_json else data)

    def _keep(self, data: bytes) -> None:
        """Write to the log file; when it cannot be written, on a full disk say, go on without it."""
        try:
            self.log.write(data)
        except OSError as error:
            self._log = self._do_without(error)

    def _open(self) -> LogFile:
        try:
            return open_log_file(self.log_path)
        except OSError as error:
            return self._do_without(error)

    def _do_without(self, error: OSError) -> LogFile:
        """Tell once that the log of this process ends here; what tasks print is in their kept runs alone."""
        if not self._is_lossy:
            self._complain(
                f"cannot write {self.log_path}: {error.strerror}; from here on this log is lost,"
                " what tasks print is kept with their runs"
            )
        self._is_lossy = True
        return anonymous_log_file(self.log_path)

    def tell(self, text: str) -> None:
        """Show a text on stdout alone, unless stdout is switched off."""
        if self.shown == "none":
            return
        if self._format.is_json and not self._console.reads_json:
            self._console.write(self._format.own(text.rstrip("\n"), self.about))
        else:
            self._console.write(text.encode("utf-8", "backslashreplace"))

    def show_idle(self) -> None:
        """Show the lines held back to a person who is watching; no file is made for them."""
        if self._idle_shown and self.shown == "all" and self._held_back:
            self.tell("".join(f"{line}\n" for line in self._held_back))

    @contextmanager
    def captured(self) -> Iterator[OutputRange]:
        """Send what is printed to the log file, before the process can die, and show it.

        The range given has its end only after the block.
        """
        if self._is_lossy:  # the anonymous file has the output of one run at a time
            self.log.clear()
        elif self.log.is_gone:
            self._complain(f"{self.log_path} was deleted while it was written; a new one was started")
            self._log = self._open()
        log, is_shown = self.log.descriptor, self.shown == "all"
        printed = OutputRange(self.log, self.log.size(), 0)
        self._echoing = is_shown and self._live
        echo = Echo(log, printed.start, self._console, self._progress_line) if self._echoing else None
        writer = None
        try:
            if encoders := self._format.encoders(self.about):
                writer = LineWriter(log, encoders)
            with printing_to(*(writer.targets if writer else [log])) as redirection:
                yield printed
        finally:
            if writer is not None:
                writer.stop()
            self._end_capture(printed)
            if echo is not None:
                echo.stop()
            elif is_shown:
                self._show(printed)
        if redirection.error:
            self._log = self._do_without(redirection.error)

    def _end_capture(self, printed: OutputRange) -> None:
        """Put in order what a task may have closed, and note where its output ends."""
        if not self.log.reopen():
            self.lost.add("it closed the log file of this process")
        if not self._console.reopen():
            self.lost.add("it closed the stdout of this process")
        printed.end = printed.log.size()
        printed.start = min(printed.start, printed.end)  # a file begun anew has lost what it had
        if printed.end > printed.start and _last_byte(printed) != b"\n":
            self._keep(b"\n")  # a line that the task left open, so that our next one begins one
        self._echoing = False

    def _show(self, printed: OutputRange) -> None:
        try:
            self._console.copy(printed.log.descriptor, printed.start, printed.log.size())
        except OSError as error:
            self._complain(f"cannot read {self.log_path}: {error.strerror}; the output of a run is not shown")


def _last_byte(printed: OutputRange) -> bytes:
    try:
        return os.pread(printed.log.descriptor, 1, printed.end - 1)
    except OSError:  # better one line break too many than a run that is lost
        return b""
