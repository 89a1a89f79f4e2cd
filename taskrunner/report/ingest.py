"""Log files into the tables: each once, whatever it is called, and again when it has grown."""

from __future__ import annotations

import csv
import gzip
import hashlib
import os
import re
import zlib
from collections import Counter
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from taskrunner.errors import TaskrunnerError
from taskrunner.records import CronRun, ReportFile, TaskRun
from taskrunner.report.lines import LogClock, from_file_name
from taskrunner.report.parse import Parser

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import tzinfo

    from taskrunner.store import Store

NAME = re.compile(
    r"cron_(?P<hour>[01][0-9]|2[0-3])(?P<minute>[0-5][0-9])(?:_(?P<pid>[0-9]{1,10}))?\.log"
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


ROWS_AT_ONCE = 5000
FILES_AT_ONCE = 500


class Writer:
    """Keeps rows of one file after the other. A file stays unsettled until all of it is written."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._steps: list[Callable[[], None]] = []
        self._rows = 0
        self._first_lines: set[str] = set()
        self._file_id = 0

    def begin(self, file: ReportFile, *, replaces: list[int]) -> None:
        """Begin a file, in the place of what was read of it before."""
        self._first_lines.add(file.first_line)
        self._steps.append(lambda: self._begin(file, replaces))

    def add(self, rows: list[CronRun | TaskRun]) -> None:
        """Keep rows of the file begun last."""
        if rows:
            self._rows += len(rows)
            self._steps.append(lambda: self._store.reports.add(self._file_id, rows))
        if self._rows > ROWS_AT_ONCE:
            self.flush()

    def end(self, *, settled: int) -> None:
        """End the file begun last."""
        self._steps.append(lambda: self._store.reports.settle_file(self._file_id, settled=settled))
        if len(self._first_lines) > FILES_AT_ONCE:
            self.flush()

    def flush_if_it_has(self, first_line: str) -> None:
        """Write now, if a file with this first line is among what is not written yet."""
        if first_line in self._first_lines:
            self.flush()

    def flush(self) -> None:
        """Write what is not written yet."""
        if self._steps:
            with self._store.transaction():
                for step in self._steps:
                    step()
        self._steps, self._rows, self._first_lines = [], 0, set()

    def _begin(self, file: ReportFile, replaces: list[int]) -> None:
        for file_id in replaces:
            self._store.reports.remove_file(file_id)
        self._file_id = self._store.reports.add_file(file)


STILL_WRITTEN = 120.0
"""Seconds after its last change in which a file may belong to a process at work."""

SAME_START = 3600.0
"""Seconds after which an empty file that was filled is another process's."""


@dataclass(slots=True)
class Tally:
    """What files tell: `files` by new, grown, unchanged; cron processes by state; runs by outcome."""

    files: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)


class Importer:
    """Reads files into a store. `zone`: of times without an offset; `now`: epoch seconds.

    `is_at_work` is asked whether the process with a pid, that wrote at a moment, lives.
    """

    def __init__(
        self, store: Store, *, zone: tzinfo, now: float, is_at_work: Callable[[int, float], bool]
    ) -> None:
        self._store = store
        self._zone = zone
        self._now = now
        self._is_at_work = is_at_work
        self._writer = Writer(store)
        self.tally = Tally()

    def read_all(self, paths: Iterable[Path], *, progress: Callable[[], object]) -> Tally:
        """Read files, and return what they tell; `progress` is called after each. Raises TaskrunnerError."""
        for path in paths:
            self.read(path)
            progress()
        self._writer.flush()
        return self.tally

    def read(self, path: Path) -> None:
        """Read one file, unless it was read before and has not changed."""
        text = look_at(path)
        known = self._known(text)
        if known and _covers(known[0], text):
            self.tally.files["unchanged"] += 1
            self.tally.states.update(self._store.reports.states(known[0].id))
            self.tally.outcomes.update(self._store.reports.outcomes(known[0].id))
            return
        self.tally.files["grown" if known else "new"] += 1
        self._read_anew(text, replaces=[file.id for file in known])

    def _known(self, text: LogText) -> list[ReportFile]:
        """Return what was read of this file before, the longest first."""
        path = str(text.path.absolute())
        self._writer.flush_if_it_has(text.first_line)
        candidates = self._store.reports.find_files(first_line=text.first_line, path=path)
        return [file for file in candidates if _is_same(file, text)]

    def _read_anew(self, text: LogText, *, replaces: list[int]) -> None:
        file = ReportFile(
            id=0,
            path=str(text.path.absolute()),
            first_line=text.first_line,
            head_hash=text.head_hash,
            head_size=len(text.head),
            size=text.size,
            changed_at=text.changed_at,
            settled=0,
        )
        self._writer.begin(file, replaces=replaces)
        is_running = self._parse(text)
        self._writer.end(settled=int(not is_running))

    def _parse(self, text: LogText) -> bool:
        """Hand what the text tells to the writer; return whether a process in it is still at work."""
        parser, pid = self._parser(text)
        is_running = False
        for number, line in enumerate(text.lines()):
            parser.feed(line)
            if number % 1000 == 999:
                self._keep(parser.take())
        parser.finish(changed_at=text.changed_at, lives=self._lives(text, pid))
        rest: list[CronRun | TaskRun] = parser.take() if text.size else [_empty(text)]
        self._keep(rest)
        for row in rest:
            is_running |= "running" in (row.outcome if isinstance(row, TaskRun) else row.state)
        return is_running

    def _parser(self, text: LogText) -> tuple[Parser, int | None]:
        name = read_name(text.path.name)
        begins_at, source = text.changed_at, "file time"
        if name is not None and name.time is not None:
            begins_at = from_file_name(*name.time, changed_at=text.changed_at, zone=self._zone)
            source = "file name"
        pid = name.pid if name else None
        return Parser(LogClock(self._zone, begins_at=begins_at, source=source), pid=pid), pid

    def _lives(self, text: LogText, pid: int | None) -> bool:
        if 0 <= self._now - text.changed_at < STILL_WRITTEN:
            return True
        return pid is not None and self._is_at_work(pid, text.changed_at)

    def _keep(self, rows: list[CronRun | TaskRun]) -> None:
        for row in rows:
            if isinstance(row, TaskRun):
                self.tally.outcomes[row.outcome] += 1
            else:
                self.tally.states[row.state] += 1
        self._writer.add(rows)


def _covers(file: ReportFile, text: LogText) -> bool:
    """Say whether what was read before has all that this file has."""
    return file.size > text.size or (file.size == text.size and bool(file.settled))


def _is_same(file: ReportFile, text: LogText) -> bool:
    """Say whether a file read before is this one, perhaps shorter then."""
    if file.size == 0:
        return file.path == str(text.path.absolute()) and text.changed_at - file.changed_at < SAME_START
    return text.begins_like(file.head_hash, file.head_size)


def _empty(text: LogText) -> CronRun:
    """Return the process that wrote nothing: the shell could not start it, or the disk was full."""
    return CronRun(
        number=1,
        line=0,
        started_at=text.changed_at,
        ended_at=text.changed_at,
        state="empty",
        time_source="file time",
        hostname="",
        pid=None,
        last_line="",
    )


PROC = Path("/proc")
STARTED = 19
"""Where, behind the name in /proc/PID/stat, the start is, in clock ticks since the machine's (proc(5))."""


def is_at_work(pid: int, wrote_at: float, *, proc: Path = PROC) -> bool:
    """Say whether a cron process with this pid lives that was there when the file was written.

    A pid is used again: a process that started after the last write, or runs no cron, is another one. Where
    there is no /proc nobody can tell.
    """
    try:
        command = (proc / str(pid) / "cmdline").read_bytes()
        started_at = _started_at(proc, pid)
    except (OSError, ValueError, IndexError, StopIteration):
        return False
    return started_at <= wrote_at + 1 and (b"cron" in command or b"taskrun" in command)


def _started_at(proc: Path, pid: int) -> float:
    ticks = int((proc / str(pid) / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()[STARTED])
    lines = (proc / "stat").read_text("utf-8").splitlines()
    booted_at = int(next(line for line in lines if line.startswith("btime ")).split()[1])
    return booted_at + ticks / os.sysconf("SC_CLK_TCK")


ALL_TIME = {"since": -1e15, "until": 1e15}
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_csv(store: Store, folder: Path) -> None:
    """Write runs.csv, the cron processes, and tasks.csv, the runs, into a folder. Raises TaskrunnerError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / "runs.csv", CronRun, store.reports.runs(**ALL_TIME))
        _write(folder / "tasks.csv", TaskRun, store.reports.tasks(**ALL_TIME, name=""))
    except OSError as error:
        raise TaskrunnerError(f"cannot write {error.filename}: {error.strerror}") from error


def _write(path: Path, kind: type[CronRun | TaskRun], rows: Iterable[CronRun | TaskRun]) -> None:
    names = [field.name for field in fields(kind) if field.name != "id"]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        for row in rows:
            writer.writerow([_cell(getattr(row, name)) for name in names])


def _cell(value: object) -> object:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
