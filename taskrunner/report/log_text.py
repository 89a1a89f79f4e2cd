"""The bytes of a log file, packed or not, line by line in bounded memory."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, cast

from taskrunner.errors import TaskrunnerError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HEAD = 4096
"""Bytes that tell one log from another."""

LONGEST_LINE = 65_536
"""Bytes of a line that are looked at."""

PIECE = 1024 * 1024
GZIP_MAGIC = b"\x1f\x8b"
DAMAGE = (EOFError, zlib.error, gzip.BadGzipFile)
"""What reading a packed file that was cut or damaged raises."""


@dataclass(frozen=True, slots=True)
class LogText:
    """A log file's text as it was when first looked at: its first bytes, its length, when it last changed."""

    path: Path
    head: bytes
    size: int
    changed_at: float
    is_packed: bool

    @property
    def first_line(self) -> str:
        """The hash of the first line, the same under another name and when the file has grown."""
        return _hash(self.head.partition(b"\n")[0])

    def begins_like(self, head_hash: str, head_size: int) -> bool:
        """Whether the first `head_size` bytes have this hash."""
        return len(self.head) >= head_size and _hash(self.head[:head_size]) == head_hash

    @property
    def head_hash(self) -> str:
        """The hash of the first bytes."""
        return _hash(self.head)

    def lines(self) -> Iterator[bytes]:
        """Yield the lines with their ends, of a very long one the beginning; a damaged rest is left out."""
        with self.path.open("rb") as file:
            stream = cast("IO[bytes]", gzip.GzipFile(fileobj=file)) if self.is_packed else file
            yield from _lines(stream, self.size)


def look_at(path: Path) -> LogText:
    """Look at a log file. Raises TaskrunnerError: it cannot be read."""
    try:
        with path.open("rb") as file:
            changed_at = path.stat().st_mtime
            is_packed = file.read(2) == GZIP_MAGIC
            file.seek(0)
            stream = cast("IO[bytes]", gzip.GzipFile(fileobj=file)) if is_packed else file
            head, size = _measure(stream)
    except OSError as error:
        raise TaskrunnerError(f"cannot read {path}: {error.strerror or error}") from error
    return LogText(path, head, size, changed_at, is_packed)


def _measure(stream: IO[bytes]) -> tuple[bytes, int]:
    """Return the first bytes of a text and its length; a damaged packed one ends where the damage is."""
    head, size = b"", 0
    try:
        head = stream.read(HEAD)
        size = len(head)
        if not isinstance(stream, gzip.GzipFile):
            return head, stream.seek(0, 2)
        while piece := stream.read(PIECE):
            size += len(piece)
    except DAMAGE:
        pass
    return head, size


def _lines(stream: IO[bytes], size: int) -> Iterator[bytes]:
    """Yield lines up to a size: what is written while the file is read belongs to the next time."""
    left, goes_on = size, False
    while left > 0:
        try:
            line = stream.readline(min(LONGEST_LINE, left))
        except DAMAGE:
            return
        if not line:
            return
        left -= len(line)
        if not goes_on:
            yield line
        goes_on = not line.endswith(b"\n") and len(line) == LONGEST_LINE


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
