"""Where the lines of a process and all its tasks print go: to its log file first, then to the real stdout."""

from __future__ import annotations

import errno
import io
import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
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
from taskrunner.runner.messages import NOTHING
from taskrunner.task import flush_output

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import TextIO

    from taskrunner.runner.console import Console, ProgressLine
    from taskrunner.runner.log_file import LogFile
    from taskrunner.runner.messages import JsonFormat, PlainFormat

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS})
"""What is wrong with the file that is printed to, not with who prints."""


@dataclass(slots=True)
class Redirection:
    """Descriptors 1 and 2, and the streams of Python above them, sent elsewhere from `begin` to `end`.

    It is kept from task to task: making it takes longer than most tasks take to print. `error`: why a part
    of what was printed last is lost, as on a full disk, which is not an error of who prints.
    """

    error: OSError | None = None
    _copies: list[OwnedDescriptor] = field(default_factory=list)
    _streams: list[TextIO] = field(default_factory=list)
    _outer: tuple[TextIO, TextIO] = field(default_factory=lambda: (sys.stdout, sys.stderr))

    def begin(self, target: int, errors: int | None = None) -> None:
        """Send what is printed to a file descriptor; stderr to `errors` if that is given."""
        flush_output()
        self.error, self._outer = None, (sys.stdout, sys.stderr)
        if not self._copies:
            self._copies = [copy_of(1), copy_of(2)]
            KEPT_FROM_CHILDREN.update(self._copies)
        os.dup2(target, 1)
        os.dup2(target if errors is None else errors, 2)
        # They write at once, so that nothing is lost when the process dies.
        self._streams = self._streams or [
            io.TextIOWrapper(DescriptorWriter(number, self), "utf-8", "backslashreplace", write_through=True)
            for number in (1, 2)
        ]
        sys.stdout, sys.stderr = self._streams

    def end(self) -> None:
        """Send what is printed to where it went before, and prepare for the next time."""
        flush_output()
        are_intact = [_put_back(copy, number) for number, copy in enumerate(self._copies, 1)]
        sys.stdout, sys.stderr = self._outer
        if not all(are_intact):
            self.close()
        if not all(map(_is_as_made, self._streams)):
            self._streams = []

    def close(self) -> None:
        """Let go of the real stdout and stderr."""
        KEPT_FROM_CHILDREN.difference_update(self._copies)
        for copy in self._copies:
            copy.close()
        self._copies = []


@contextmanager
def printing_to(target: int) -> Iterator[None]:
    """Send what is printed inside the block to another file descriptor."""
    redirection = Redirection()
    redirection.begin(target)
    try:
        yield
    finally:
        redirection.end()
        redirection.close()


def _put_back(copy: OwnedDescriptor, number: int) -> bool:
    """Put a descriptor back; return whether its copy was there, and not closed by what ran.

    Where it is gone, nothing is better than a file of its own.
    """
    if copy.is_intact():
        os.dup2(copy.number, number)
        return True
    null = os.open(os.devnull, os.O_RDWR)
    if null != number:
        os.dup2(null, number)
        os.close(null)
    return False


def _is_as_made(stream: Any) -> bool:
    """Return whether a task has neither closed a stream nor changed how it writes."""
    try:
        settings = (stream.encoding, stream.errors, stream.line_buffering, stream.write_through)
        is_ours = settings == ("utf-8", "backslashreplace", False, True) and not stream.closed
        return is_ours and not vars(stream) and vars(stream.buffer).keys() == {"name", "_redirection"}
    except Exception:  # detached, say
        return False


class DescriptorWriter(io.FileIO):
    """A descriptor that is written to until all is written, or there is no room."""

    def __init__(self, descriptor: int, redirection: Redirection) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self._redirection = redirection

    def write(self, data: Any, /) -> int:
        """Write all of it; return how much that was."""
        try:
            written = super().write(data) or 0
            if type(data) is bytes and written == len(data):
                return written  # as nearly always
            left = memoryview(data).cast("B")[written:]
            while left:
                left = left[super().write(left) or 0 :]
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise
            self._redirection.error = error
        return memoryview(data).nbytes


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
        self._redirection = Redirection()
        self._echo: Echo | None = None
        self._writer: LineWriter | None = None
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
        self._redirection.close()
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

    def begin_capture(self) -> OutputRange:
        """Send what is printed to the log file, before the process can die, and show it, until `end_capture`.

        The range returned has its end only after that.
        """
        if self._is_lossy:  # the anonymous file has the output of one run at a time
            self.log.clear()
        elif self.log.is_gone:
            self._complain(f"{self.log_path} was deleted while it was written; a new one was started")
            self._log = self._open()
        printed = OutputRange(self.log, self.log.size(), 0)
        self._echoing = self.shown == "all" and self._live
        try:
            if self._echoing:
                self._echo = Echo(self.log.descriptor, printed.start, self._console, self._progress_line)
            if encoders := self._format.encoders(self.about):
                self._writer = LineWriter(self.log.descriptor, encoders)
            targets = self._writer.targets if self._writer else [self.log.descriptor]
            self._redirection.begin(*targets)
        except BaseException:
            self.end_capture(printed)
            raise
        return printed

    def end_capture(self, printed: OutputRange) -> None:
        """Print to where it was printed before, and put in order what a task may have closed."""
        self._redirection.end()
        if self._writer is not None:
            self._writer.stop()
            self._writer = None
        if not self.log.reopen():
            self.lost.add("it closed the log file of this process")
        if not self._console.reopen():
            self.lost.add("it closed the stdout of this process")
        printed.end = printed.log.size()
        printed.start = min(printed.start, printed.end)  # a file begun anew has lost what it had
        if printed.end > printed.start:
            try:
                last = os.pread(printed.log.descriptor, 1, printed.end - 1)
            except OSError:  # better one line break too many than a run that is lost
                last = b""
            if last != b"\n":
                self._keep(b"\n")  # a line that the task left open, so that our next one begins one
        self._echoing = False
        if self._echo is not None:
            self._echo.stop()
            self._echo = None
        elif self.shown == "all":
            self._show(printed)
        if self._redirection.error:
            self._log = self._do_without(self._redirection.error)

    def _show(self, printed: OutputRange) -> None:
        try:
            self._console.copy(printed.log.descriptor, printed.start, printed.log.size())
        except OSError as error:
            self._complain(f"cannot read {self.log_path}: {error.strerror}; the output of a run is not shown")
