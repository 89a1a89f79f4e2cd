"""Taking over file descriptors 1 and 2, and with them all that prints: Python, C code, subprocesses."""

from __future__ import annotations

import errno
import io
import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

from taskrunner.runner.output.held import Held, copy_of
from taskrunner.trace import flush_output

if TYPE_CHECKING:
    from collections.abc import Iterator


NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS})
"""What is wrong with the file that is printed to, not with who prints."""


@dataclass(slots=True)
class Printing:
    """What became of what was printed: `error`, because of which some of it is lost."""

    error: OSError | None = None


@contextmanager
def printing_to(target: int) -> Iterator[Printing]:
    """Send what is printed inside the block to another file descriptor.

    That there is no room for it is no error of who prints, but noted.
    """
    flush_output()
    kept_streams, kept = (sys.stdout, sys.stderr), (copy_of(1), copy_of(2))
    os.dup2(target, 1)
    os.dup2(target, 2)
    printing = Printing()
    sys.stdout, sys.stderr = _stream(1, printing), _stream(2, printing)
    try:
        yield printing
    finally:
        flush_output()
        for number, copy in zip((1, 2), kept, strict=True):
            _put_back(copy, number)
        sys.stdout, sys.stderr = kept_streams


def _put_back(copy: Held, number: int) -> None:
    """Where the copy is gone, closed by what ran, nothing is better than a file of its own."""
    if copy.is_intact():
        os.dup2(copy.number, number)
        os.close(copy.number)
        return
    null = os.open(os.devnull, os.O_RDWR)
    if null != number:
        os.dup2(null, number)
        os.close(null)


def _stream(descriptor: int, printing: Printing) -> TextIO:
    """Return a text stream that writes at once, so that nothing is lost when the process dies."""
    return io.TextIOWrapper(
        Paper(descriptor, printing), "utf-8", errors="backslashreplace", write_through=True
    )


class Paper(io.FileIO):
    """A descriptor that is written to until all is written, or there is no room."""

    def __init__(self, descriptor: int, printing: Printing) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self._printing = printing

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
            self._printing.error = error
        return size
