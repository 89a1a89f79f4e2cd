"""Taking over file descriptors 1 and 2, and with them all that prints: Python, C code, subprocesses."""

from __future__ import annotations

import io
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from taskrunner.trace import flush_output

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def printing_to(target: int) -> Iterator[None]:
    """Send what is printed inside the block to another file descriptor."""
    flush_output()
    kept_streams, kept = (sys.stdout, sys.stderr), (os.dup(1), os.dup(2))
    os.dup2(target, 1)
    os.dup2(target, 2)
    sys.stdout, sys.stderr = _stream(1), _stream(2)
    try:
        yield
    finally:
        flush_output()
        for number, copy in zip((1, 2), kept, strict=True):
            os.dup2(copy, number)
            os.close(copy)
        sys.stdout, sys.stderr = kept_streams


def _stream(descriptor: int) -> TextIO:
    """Return a text stream that writes at once, so that nothing is lost when the process dies."""
    raw = io.FileIO(descriptor, "w", closefd=False)
    return io.TextIOWrapper(raw, "utf-8", errors="backslashreplace", write_through=True)
