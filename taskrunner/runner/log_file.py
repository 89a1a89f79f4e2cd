"""The log file of one process: one text, everything its tasks print, in order."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import re
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from taskrunner.errors import ConfigError
from taskrunner.files import make_folder, open_file
from taskrunner.zones import get_zone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import tzinfo
    from pathlib import Path

    from taskrunner.config import Config

OUT_OF_THE_WAY = 64
"""Number from which on they lie: what a task closes by number is most often a small one."""


@dataclass(frozen=True, slots=True, eq=False)
class OwnedDescriptor:
    """A descriptor, and the device and inode it was opened on."""

    number: int
    device: int
    inode: int

    def is_intact(self) -> bool:
        """Whether it is still what it was: not closed, nor given to another file since."""
        try:
            status = os.fstat(self.number)
        except OSError:
            return False
        return (status.st_dev, status.st_ino) == (self.device, self.inode)

    def close(self) -> None:
        """Close it, unless it is not ours any more."""
        if self.is_intact():
            os.close(self.number)


def moved(descriptor: int) -> OwnedDescriptor:
    """Return a new descriptor of our own, moved out of the way of others."""
    copy = copy_of(descriptor)
    os.close(descriptor)
    return copy


def copy_of(descriptor: int) -> OwnedDescriptor:
    """Return a copy of a descriptor, closed in programs that are started."""
    try:
        number = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, OUT_OF_THE_WAY)
    except OSError:  # EINVAL: so many may not be open
        number = os.dup(descriptor)
    status = os.fstat(number)
    return OwnedDescriptor(number, status.st_dev, status.st_ino)


KEPT_FROM_CHILDREN: set[OwnedDescriptor] = set()
"""What is closed in every process that is forked: copies of the real stdout and stderr. A child of a task,
that becomes a daemon, would keep them open for as long as it lives, and whoever reads them waiting."""


_sharing = False


@contextmanager
def shared_with_child() -> Iterator[None]:
    """Fork inside the block a child that keeps all descriptors."""
    global _sharing
    _sharing = True
    try:
        yield
    finally:
        _sharing = False


def _close_in_child() -> None:
    if not _sharing:
        for descriptor in KEPT_FROM_CHILDREN:
            descriptor.close()
        KEPT_FROM_CHILDREN.clear()


os.register_at_fork(after_in_child=_close_in_child)


def open_anonymous_file() -> int:
    """Return the descriptor of a new empty file, for reading and appending. Raises OSError."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("taskrun", os.MFD_CLOEXEC)
    else:
        import tempfile  # late: it loads OpenSSL

        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    fcntl.fcntl(descriptor, fcntl.F_SETFL, os.O_APPEND)
    return descriptor


KEPT_BYTES = 1024 * 1024
"""How much of a run's output its log row keeps: the head and the tail of it."""


class LogFile:
    """An open log file, only ever appended to."""

    def __init__(self, path: Path, opened: OwnedDescriptor, *, is_anonymous: bool = False) -> None:
        self.path = path
        self.is_anonymous = is_anonymous
        """Whether it stands in for the file at the path, which cannot be written, in memory."""
        self._opened = opened
        self.descriptor = opened.number
        """The file descriptor; another one when a task had closed it."""

    def reopen(self) -> bool:
        """After a task: open again what it has closed, and return whether nothing was lost. Raises OSError.

        Where the file itself is gone, a new one is begun in its place.
        """
        if self._opened.is_intact():
            return True
        self._opened = open_log_file(self.path)._opened
        self.descriptor = self._opened.number
        return False

    @property
    def is_gone(self) -> bool:
        """Whether the file was deleted while it is open."""
        return os.fstat(self.descriptor).st_nlink == 0

    def write(self, data: bytes) -> None:
        """Append all of it. Raises OSError."""
        written = os.write(self.descriptor, data)  # all of it, as nearly always
        left = memoryview(data)[written:]  # cutting bytes would copy the rest with each piece
        while left:
            left = left[os.write(self.descriptor, left) :]

    def size(self) -> int:
        """Return the length in bytes."""
        return os.lseek(self.descriptor, 0, os.SEEK_END)  # a tenth of what fstat takes to tell the same

    def clear(self) -> None:
        """Forget all of it."""
        os.ftruncate(self.descriptor, 0)

    def close(self) -> None:
        """Close it."""
        self._opened.close()


BEGINNING = b'{"at":"'
"""How each line of JSON begins."""


def text_of(data: bytes) -> bytes:
    """Return what lines of JSON say; a line that is none of ours, or that was cut, stays as it is.

    >>> text_of(b'{"at":"2026-11-30T06:00:00.000+00:00","stream":"stdout","text":"to Ada"}\\nhalf a li')
    b'to Ada\\nhalf a li'
    """
    return b"".join(map(_text_of_line, data.splitlines(keepends=True)))


def _text_of_line(line: bytes) -> bytes:
    if not line.startswith(BEGINNING):
        return line
    try:
        text = json.loads(line)["text"]
    except (ValueError, KeyError):
        return line
    return f"{text}\n".encode("utf-8", "backslashreplace")


def read_output(
    descriptor: int, start: int, end: int, *, room: int = KEPT_BYTES, is_json: bool | None = None
) -> str:
    """Return a range of a file as text a database can hold, cut in the middle to `room` bytes.

    `is_json`: it is lines of JSON, whose text is returned; None: that is seen from the line before it.
    """
    if is_json is None:
        is_json = _follows_json(descriptor, start)
    read = text_of if is_json else bytes
    if end - start <= room:
        return as_text(read(os.pread(descriptor, end - start, start)))
    half = room // 2
    head, tail = read(os.pread(descriptor, half, start)), read(os.pread(descriptor, half, end - half))
    cut = end - start - 2 * half
    return f"{as_text(head)}\n... {cut} bytes are cut here; the log file has them ...\n{as_text(tail)}"


LONGEST_OWN_LINE = 4096
"""Bytes of the line before the output of a run, at most."""


def _follows_json(descriptor: int, start: int) -> bool:
    """Return whether the line before a place in a log file, which names a run, is JSON."""
    before = os.pread(descriptor, min(start, LONGEST_OWN_LINE), max(0, start - LONGEST_OWN_LINE))
    return before[:-1].rpartition(b"\n")[2].startswith(BEGINNING)


def cut_middle(text: str, room: int) -> str:
    """Return a text, cut in the middle to some characters.

    >>> cut_middle("a" * 50 + "b" * 50, 10)
    'aaaaa\\n... 90 characters are cut here ...\\nbbbbb'
    """
    if len(text) <= room:
        return text
    half = room // 2
    return f"{text[:half]}\n... {len(text) - 2 * half} characters are cut here ...\n{text[-half:]}"


def as_text(data: bytes) -> str:
    """Return bytes as text; what is not UTF-8 and NUL, which PostgreSQL cannot store, become U+FFFD."""
    return data.decode("utf-8", "replace").replace("\0", "\ufffd")


def storable(text: str) -> str:
    r"""Return text that both databases can store: halves of characters and NUL become what stands for them.

    >>> storable("gone-\udcff\0")
    'gone-\\udcff\ufffd'
    """
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\ufffd")


def log_path(
    config: Config, *, started_at: float, zone: tzinfo, pid: int, complain: Callable[[str], None]
) -> Path:
    """Return where a process keeps its log, the empty file made; `complain` hears what is wrong with that.

    Where the log directory cannot be used it is below the state directory: a run must not be lost because its
    log cannot be kept where it should be.
    """
    name = log_name(config, started_at=started_at, zone=zone, pid=pid)
    wanted, instead = config.log_dir / name, config.state_dir / "log" / name
    reason = _why_unusable(wanted)
    if reason is None:
        return _made_anew(wanted)
    if (worse := _why_unusable(instead)) is not None:
        raise ConfigError(f"log_dir: cannot write {wanted}: {reason}; nor {instead}: {worse}")
    complain(f"log_dir: cannot write {wanted}: {reason}; the log of this process is {instead}")
    return _made_anew(instead)


def log_name(config: Config, *, started_at: float, zone: tzinfo | None = None, pid: int = 0) -> str:
    """Return the name, below the log directory, of the log of a process; `zone` by default the config's."""
    zone = zone or get_zone(config.timezone)
    name = datetime.fromtimestamp(started_at, zone).strftime(config.log.file)
    return name.replace("{host}", os.uname().nodename.replace("/", "_")).replace("{pid}", str(pid))


MOST_OF_A_NAME = 10_000
"""Files that may have one name and a number behind it."""


def _made_anew(wanted: Path) -> Path:
    """Return the path of an empty file that only this process writes, of this name or with a number.

    Two containers that share a folder have processes of one pid, and of one host name perhaps. A file that
    cannot be made for another reason is the affair of whoever opens it.
    """
    for number in range(1, MOST_OF_A_NAME):
        path = wanted if number == 1 else wanted.with_name(f"{wanted.stem}-{number}{wanted.suffix}")
        try:
            os.close(open_file(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640))
        except FileExistsError:
            continue
        except OSError:
            break
        return path
    return wanted


def open_log_file(path: Path) -> LogFile:
    """Open a log file for appending, never through a link. Raises OSError."""
    make_folder(path.parent)
    return LogFile(path, moved(open_file(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o640)))


def remove_if_empty(path: Path) -> None:
    """Remove a log file that was made, and had nothing to keep."""
    with contextlib.suppress(OSError):  # also of folders of others: an empty file does no harm
        if not path.stat().st_size:
            path.unlink()


def anonymous_log_file(path: Path) -> LogFile:
    """Return a log file in memory, for a process that cannot write the one it should. Raises OSError."""
    return LogFile(path, moved(open_anonymous_file()), is_anonymous=True)


def _why_unusable(path: Path) -> str | None:
    try:
        make_folder(path.parent)
    except OSError as error:
        return error.strerror or type(error).__name__
    if not os.access(path.parent, os.W_OK | os.X_OK):
        return os.strerror(errno.EACCES)
    is_something_else = os.path.lexists(path) and (path.is_symlink() or not path.is_file())
    return "it is not a regular file" if is_something_else else None


PIECE = 1024 * 1024

AFTERWARDS = re.compile(
    rb"^[^\n]{0,128}(?:Execute (?:scheduled|adhoc) task: |Ran \d{1,9} adhoc tasks found at |Cron run comp"
    rb"|\d\d:\d\d:\d\d (?:scheduled|adhoc) \S{1,128} (?:\d{1,20} )?started, run id )",
    re.MULTILINE,
)
"""How lines behind those of a run begin, perhaps after a time: the next run, the end of the process."""


def before_next_run(output: str) -> str:
    r"""Return what a run has printed, without the runs behind it.

    >>> before_next_run("one\nExecute adhoc task: forum.Mail\nAdhoc task id: 2\n")
    'one\n'
    """
    data = output.encode("utf-8", "surrogateescape")
    following = AFTERWARDS.search(data)
    return data[: following.start()].decode("utf-8", "surrogateescape") if following else output


def start_of_run(descriptor: int, run_id: str) -> int | None:
    """Return where in a log file the output of a run begins, or None if it is not in there (yet)."""
    own = re.compile(rb" run id %s(?:\"\})?\n" % re.escape(run_id.encode()))
    offset = 0
    while piece := os.pread(descriptor, PIECE + LONGEST_OWN_LINE, offset):
        if found := own.search(piece):
            return offset + found.end()
        offset += PIECE
    return None


@dataclass(slots=True)
class Tail:
    """Reads what is appended to a log file from `offset` on."""

    descriptor: int
    offset: int
    _is_json: bool = False
    _begun: bytes = b""

    def __post_init__(self) -> None:
        """See from the line before the output how it is written."""
        self._is_json = _follows_json(self.descriptor, self.offset)

    def read(self, end: int) -> bytes:
        """Return what was written since the last time, up to an offset; of JSON the text of whole lines."""
        read = self._read(end)
        if not self._is_json:
            return read
        whole, line_break, self._begun = (self._begun + read).rpartition(b"\n")
        return text_of(whole + line_break)

    def _read(self, end: int) -> bytes:
        pieces = []
        while piece := os.pread(self.descriptor, min(PIECE, max(0, end - self.offset)), self.offset):
            self.offset += len(piece)
            pieces.append(piece)
        return b"".join(pieces)

    def rest(self) -> bytes:
        """Return what is left of a run that has ended: not what its process wrote afterwards."""
        left = self.read(self.size())
        following = AFTERWARDS.search(left)
        return left[: following.start()] if following else left

    def size(self) -> int:
        """Return how long the file is by now."""
        return os.fstat(self.descriptor).st_size
