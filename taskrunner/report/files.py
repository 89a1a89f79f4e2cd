"""Log files: which there are, what their names say, and their text line by line.

What other programs put around the lines of a cron log is taken off: prefixes, JSON, colour, HTML.
"""

from __future__ import annotations

import codecs
import gzip
import hashlib
import io
import json
import os
import re
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple, cast

from taskrunner.errors import TaskrunnerError
from taskrunner.report.clock import TIMES, Timestamp, read_timestamp

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LONGEST_PREFIX = 300
MOST_PREFIXES = 30
"""Prefixes of one file that are kept in mind: each host or container may have its own."""

CORE = re.compile(
    rb"Server Time: (?=(?:[A-Z][a-z]{2}, )?[0-9]{1,2} [A-Z][a-z]{2} [0-9]{4} )"
    rb"|Execute (?:scheduled|adhoc) task: \S"
    rb"|Cron (?:run|script) completed correctly"
    rb"|Cron completed at (?=[0-9][0-9]:[0-9][0-9]:[0-9][0-9])"
)
"""What nobody but a cron process writes: text before it is a prefix, and nothing before it is known."""

ENDS_OF_PREFIX = b" \t|]:>"
COLOUR = re.compile(
    rb"\x1b(?:\[[0-?]{0,60}[ -/]{0,4}[@-~]|\][^\x07\x1b]{0,2000}(?:\x07|\x1b\\)|[@-Z\\-_=>]|[()][0AB])"
)
LINE_BREAK = re.compile(rb"<br ?/?>", re.IGNORECASE)
TAG = re.compile(
    rb"</?(?:html|head|body|title|pre|p|div|span|font|code|tt|b|i|em|strong|h[1-6])(?: [^<>]{0,300})?>"
    rb"|<!DOCTYPE[^<>]{0,200}>",
    re.IGNORECASE,
)
ENTITY = re.compile(rb"&(?:amp|lt|gt|quot|apos|nbsp|#[0-9]{1,6}|#x[0-9a-fA-F]{1,6});")

TEXT_KEYS = ("log", "message", "MESSAGE", "msg", "line", "text")
TIME_KEYS = ("at", "time", "timestamp", "@timestamp", "ts", "__REALTIME_TIMESTAMP")
WRITER = re.compile(
    rb"(?P<host>[^\s:\[\]|]{1,255}):(?P<pid>[0-9]{1,10})[ \t]"
    rb"|(?:^|[ \t])(?P<loghost>[^\s\[\]:|]{1,255}) [^\s\[\]:|]{1,100}\[(?P<logpid>[0-9]{1,10})\]:[ \t]?$"
)
"""HOST:PID before a line, or `host program[pid]:` as syslog and journald have it."""


class Line(NamedTuple):
    """A line without what stood around it.

    `is_own` is false for a line that has no prefix although the lines of the file have one: the text of a
    task, or of something else. `host` and `pid` are None where the prefix names none.
    """

    text: bytes
    timestamp: Timestamp | None = None
    host: str | None = None
    pid: int | None = None
    is_own: bool = True


class Prefix:
    """What stands before each line of a file, learned from one line; digits and times in it vary."""

    def __init__(self, sample: bytes) -> None:
        found = TIMES.search(sample)
        if found is None:
            pattern = _varying(sample)
        else:
            time = rb"(?P<time>" + TIMES.pattern + rb")"
            pattern = _varying(sample[: found.start()]) + time + _varying(sample[found.end() :])
        self._pattern = re.compile(pattern)

    def match(self, line: bytes) -> re.Match[bytes] | None:
        """Return the prefix of a line, or None if it has another one or none."""
        return self._pattern.match(line)


class Unwrapper:
    """Takes off what stands around the lines of one file, as it finds out what that is.

    `changed_at` is when the file changed last: it tells the year of times that have none.
    """

    def __init__(self, *, changed_at: float) -> None:
        self._changed_at = changed_at
        self._prefixes: list[Prefix] = []
        self._is_plain: bool | None = None
        self._is_json: bool | None = None
        self._is_html = False
        self._begun = b""
        self._writers: dict[bytes, tuple[str | None, int | None]] = {}

    def unwrap(self, line: bytes, *, in_task: bool) -> list[Line]:
        """Return the line without what stood around it: none if more of it follows, several out of HTML.

        `in_task`: a task is open, whose own text may look like anything.
        """
        if b"\x1b" in line:
            line = COLOUR.sub(b"", line)
        timestamp: Timestamp | None = None
        if self._is_json is not False and line.startswith(b"{"):
            taken = self._out_of_json(line)
            if taken is None:
                return []
            line, timestamp = taken
        unwrapped = self._without_prefix(line, in_task=in_task)
        if unwrapped is None:
            return []
        if timestamp is not None and unwrapped.timestamp is None:
            unwrapped = unwrapped._replace(timestamp=timestamp)
        if self._is_html or b"<" in line:
            return self._out_of_html(unwrapped)
        return [unwrapped]

    def _out_of_json(self, line: bytes) -> tuple[bytes, Timestamp | None] | None:
        """Return text and time of a line of JSON, or None if the text continues in the next one."""
        try:
            said = json.loads(line)
        except ValueError:
            return line, None
        if not isinstance(said, dict):
            return line, None
        key = next((key for key in TEXT_KEYS if isinstance(said.get(key), str)), None)
        if key is None:
            return line, None
        self._is_json = True
        text = self._begun + said[key].encode("utf-8", "surrogateescape")
        if key == "log" and not text.endswith(b"\n") and len(text) < 65_536:  # docker cuts at 16 KB
            self._begun = text
            return None
        self._begun = b""
        return text.rstrip(b"\r\n"), _json_timestamp(said)

    def _without_prefix(self, line: bytes, *, in_task: bool) -> Line | None:
        core = CORE.search(line, 0, LONGEST_PREFIX + 40)
        if core is not None and core.start() == 0 and not (self._prefixes and in_task):
            self._is_plain, self._is_json = True, bool(self._is_json)
            return Line(line)
        if self._prefixes:
            for number, prefix in enumerate(self._prefixes):
                if found := prefix.match(line):
                    if number:
                        self._prefixes.insert(0, self._prefixes.pop(number))
                    return self._unprefixed(line, found)
        may_learn = not in_task if self._is_plain else True
        if core is not None and may_learn and (found := self._learn(line, core.start())):
            return self._unprefixed(line, found)
        return Line(line, is_own=not self._prefixes or bool(self._is_plain))

    def _learn(self, line: bytes, end: int) -> re.Match[bytes] | None:
        """Take what stands before a line that only a cron process writes for the prefix of the others."""
        sample = line[:end]
        if not 0 < end <= LONGEST_PREFIX or sample[-1] not in ENDS_OF_PREFIX:
            return None
        if self._is_plain and not TIMES.search(sample):
            return None
        prefix = Prefix(sample)
        self._prefixes = [prefix, *self._prefixes[: MOST_PREFIXES - 1]]
        self._is_json = bool(self._is_json)
        return prefix.match(line)

    def _unprefixed(self, line: bytes, found: re.Match[bytes]) -> Line | None:
        groups = found.groupdict()
        text = line[found.end() :]
        if groups.get("part") is not None:
            text, self._begun = self._begun + text, b""
            if groups["part"] == b"P" and len(text) < 65_536:  # the container's runtime cuts long lines
                self._begun = text
                return None
        time = groups.get("time")
        host, pid = self._writer(found[0], time)
        return Line(text, read_timestamp(time, changed_at=self._changed_at) if time else None, host, pid)

    def _writer(self, prefix: bytes, time: bytes | None) -> tuple[str | None, int | None]:
        """Return host and pid that a prefix names."""
        names = prefix.replace(time, b" ", 1).strip() + b" " if time else prefix
        if names not in self._writers:
            if len(self._writers) > 1000:
                self._writers.clear()
            found = WRITER.search(names)
            host = found and (found["host"] or found["loghost"])
            pid = found and (found["pid"] or found["logpid"])
            self._writers[names] = (
                host.decode("utf-8", "replace") if host else None,
                int(pid) if pid else None,
            )
        return self._writers[names]

    def _out_of_html(self, line: Line) -> list[Line]:
        """Return the lines that a browser would show."""
        if not self._is_html and not LINE_BREAK.search(line.text):
            return [line]
        self._is_html = True
        parts = LINE_BREAK.split(line.text)
        shown = [_without_markup(part) for part in (parts if parts[-1].strip() else parts[:-1])]
        return [line._replace(text=part.strip(b"\r\n")) for part in shown] or [line._replace(text=b"")]


def _varying(text: bytes) -> bytes:
    """Return a pattern for a text in which numbers, what is made of them, and blanks may differ.

    >>> re.fullmatch(_varying(b"cron-2841-x7k2p | "), b"cron-99-a1  | ") is not None
    True
    """
    parts = re.findall(rb"(?:stdout|stderr) [FP] |[ \t]+|[A-Za-z0-9]+|[^A-Za-z0-9 \t]", text)
    return b"".join(map(_varying_part, parts))


def _varying_part(part: bytes) -> bytes:
    if part.startswith((b"stdout ", b"stderr ")):
        return rb"(?:stdout|stderr) (?P<part>[FP]) "
    if part.isspace():
        return rb"[ \t]+" if part != b" " else b" +"
    if part.isdigit():
        return rb"[0-9]+"
    return rb"[A-Za-z0-9]+" if any(48 <= byte < 58 for byte in part) else re.escape(part)


def _without_markup(text: bytes) -> bytes:
    text = TAG.sub(b"", text)
    if b"&" in text:
        text = ENTITY.sub(_character, text)
    return text


def _character(found: re.Match[bytes]) -> bytes:
    from html import unescape

    return unescape(found[0].decode("ascii")).encode("utf-8", "replace")


def _json_timestamp(said: dict[str, object]) -> Timestamp | None:
    for key in TIME_KEYS:
        value = said.get(key)
        if isinstance(value, str) and value.isdigit() and len(value) == 16:  # journald's microseconds
            return int(value) / 1e6
        if isinstance(value, int | float) and 1e9 < value < 1e13:
            return value / 1000 if value > 1e11 else float(value)
        if isinstance(value, str) and (found := TIMES.match(value.encode())):
            return read_timestamp(found[0], changed_at=None)
    return None


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
