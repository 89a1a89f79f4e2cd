"""Taking over file descriptors 1 and 2, and with them all that prints: Python, C code, subprocesses."""

from __future__ import annotations

import io
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from taskrunner.runner.output.held import Held, copy_of
from taskrunner.trace import flush_output

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def printing_to(target: int) -> Iterator[None]:
    """Send what is printed inside the block to another file descriptor."""
    flush_output()
    kept_streams, kept = (sys.stdout, sys.stderr), (copy_of(1), copy_of(2))
    os.dup2(target, 1)
    os.dup2(target, 2)
    sys.stdout, sys.stderr = _stream(1), _stream(2)
    try:
        yield
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


def _stream(descriptor: int) -> TextIO:
    """Return a text stream that writes at once, so that nothing is lost when the process dies."""
    raw = io.FileIO(descriptor, "w", closefd=False)
    return io.TextIOWrapper(raw, "utf-8", errors="backslashreplace", write_through=True)
