"""Log files: which there are, what their names say, and their text line by line."""

from __future__ import annotations

import codecs
import gzip
import hashlib
import io
import os
import re
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from taskrunner.errors import TaskrunnerError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

NAME = re.compile(
    r"cron_(?P<hour>[01][0-9]|2[0-3])(?P<minute>[0-5][0-9])(?:_(?P<pid>[0-9]{1,10})(?:-[0-9]{1,4})?)?\.log"
    r"(?:\.[0-9]{1,4})?(?:-[0-9]{8,14})?(?:\.[A-Za-z0-9_-]{1,40})?(?:\.gz)?"
)
"""cron_HHMM.log, ours with the pid, and what rotation makes of them."""


@dataclass(frozen=True, slots=True)
class FileName:
    """The time of day in a file's name, and the pid; None where it does not say."""

    time: tuple[int, int] | None
    pid: int | None


def read_name(name: str) -> FileName | None:
    """Return what the name of a log file says, None if it is not named as one.

    >>> read_name("cron_1357_4711.log.2-2026112103.gz")
    FileName(time=(13, 57), pid=4711)
    >>> read_name("cron_2460.log"), read_name("error.log")
    (None, None)
    """
    found = NAME.fullmatch(name)
    if found is None:
        return None
    return FileName((int(found["hour"]), int(found["minute"])), int(found["pid"]) if found["pid"] else None)


def find_logs(paths: Iterable[Path]) -> tuple[list[Path], int]:
    """Return the log files named, or found in folders named, and how many others lie in these folders.

    A file that is named itself is taken whatever it is called. Raises TaskrunnerError: nothing there.
    """
    files: dict[Path, None] = {}
    others = 0
    for path in paths:
        if not path.exists():
            raise TaskrunnerError(f"there is no {path}", hint="name log files, or the folder they lie in")
        if path.is_dir():
            for file in _files_in(path):
                if read_name(file.name):
                    files[file] = None
                else:
                    others += 1
        else:
            files[path] = None
    return list(files), others


def _files_in(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            file = Path(parent, name)
            if file.is_file() and not file.is_symlink():
                yield file


HEAD = 4096
"""Bytes that tell one log from another."""

LONGEST_LINE = 65_536
"""Bytes of a line that are looked at."""

PIECE = 1024 * 1024
MARK = b"\xef\xbb\xbf"
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
            yield from _lines(stream, self.size, encoding_of(self.head))


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


def text_lines(data: bytes) -> Iterator[bytes]:
    """Yield the lines of a whole text, as those of a file."""
    yield from _lines(io.BytesIO(data), len(data), encoding_of(data[:HEAD]))


def encoding_of(head: bytes) -> str:
    """Return the encoding of a text that begins so: that of its mark, or UTF-16 if half of it is zeros.

    >>> encoding_of("Ã".encode("utf-16")), encoding_of("Server".encode("utf-16-be")), encoding_of(b"Server")
    ('utf-16-le', 'utf-16-be', 'utf-8')
    """
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16-le" if head[0] == 0xFF else "utf-16-be"
    odd, even = head[1:512:2], head[0:512:2]
    if len(odd) > 2 and odd.count(0) > len(odd) * 0.8 and not even.count(0):
        return "utf-16-le"
    if len(odd) > 2 and even.count(0) > len(even) * 0.8 and not odd.count(0):
        return "utf-16-be"
    return "utf-8"


def _lines(stream: IO[bytes], size: int, encoding: str) -> Iterator[bytes]:
    """Yield lines up to a size: what is written while the file is read belongs to the next time."""
    if encoding != "utf-8":
        reader = io.BufferedReader(_Recoded(stream, size, encoding), 65_536)
        yield from _lines(reader, sys.maxsize, "utf-8")
        return
    left, goes_on, is_first = size, False, True
    while left > 0:
        try:
            line = stream.readline(min(LONGEST_LINE, left))
        except DAMAGE:
            return
        if not line:
            return
        left -= len(line)
        if not goes_on:
            yield line.removeprefix(MARK) if is_first else line
        is_first, goes_on = False, not line.endswith(b"\n") and len(line) == LONGEST_LINE


class _Recoded(io.RawIOBase):
    """The first bytes of a stream in another encoding, as UTF-8."""

    def __init__(self, stream: IO[bytes], size: int, encoding: str) -> None:
        self._stream, self._left = stream, size
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        self._ready = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready and self._left > 0:
            piece = self._stream.read(min(PIECE, self._left))
            self._left = self._left - len(piece) if piece else 0
            self._ready = self._decoder.decode(piece).encode()
        given, self._ready = self._ready[: len(buffer)], self._ready[len(buffer) :]
        buffer[: len(given)] = given
        return len(given)


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
