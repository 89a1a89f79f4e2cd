"""Putting the time before each line on its way to the log file."""

from __future__ import annotations

import contextlib
import os
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from taskrunner.runner.output.companion import PIECE, Companion

if TYPE_CHECKING:
    from datetime import tzinfo

LONGEST_LINE = 1024 * 1024
"""Bytes after which a line is written although it has not ended."""


def stamped(line: str, zone: tzinfo) -> str:
    """Return a line with the present time before it."""
    return f"{datetime.now(zone):%Y-%m-%d %H:%M:%S} {line}"


class Stamper:
    """What is written to `target` ends in the log file, stamped, also if this process dies meanwhile."""

    def __init__(self, log: int, zone: tzinfo) -> None:
        reading, self.target = os.pipe()
        self._end_mark = os.urandom(32).hex().encode()
        self._companion = Companion(partial(_stamp_all, reading, self.target, log, self._end_mark, zone))
        os.close(reading)

    def stop(self) -> None:
        """Return when all that was written is in the log file."""
        with contextlib.suppress(OSError):  # a task may have closed it
            os.write(self.target, self._end_mark)
            os.close(self.target)
        self._companion.wait()


def _stamp_all(source: int, not_ours: int, log: int, end_mark: bytes, zone: tzinfo) -> None:
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
    stamp = stamped("", zone).encode()
    data = b"".join(stamp + line + b"\n" for line in lines)
    while data:
        data = data[os.write(log, data) :]
