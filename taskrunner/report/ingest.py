"""Log files into the tables: each once, whatever it is called, and again when it has grown."""

from __future__ import annotations

import csv
import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from taskrunner.errors import TaskrunnerError
from taskrunner.report.clock import LogClock, from_file_name
from taskrunner.report.drafts import shown
from taskrunner.report.files import LONGEST_LINE, look_at, read_name
from taskrunner.report.parse import Parser
from taskrunner.store.imports import CronRun, ReportFile, TaskRun

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import tzinfo

    from taskrunner.report.files import LogText
    from taskrunner.store import Store

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

    def drop(self) -> None:
        """Take back the file begun last, of which nothing was kept."""
        self._steps.pop()

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
    """What files tell: `files` by new, grown, unchanged; cron processes by state; runs by outcome.

    `unrecognised` are the files that are no logs of a cron, as far as can be seen.
    """

    files: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    unrecognised: list[Path] = field(default_factory=list)


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
        if self._read_anew(text, replaces=[file.id for file in known]):
            self.tally.files["grown" if known else "new"] += 1
        else:
            self.tally.unrecognised.append(path)

    def _known(self, text: LogText) -> list[ReportFile]:
        """Return what was read of this file before, the longest first."""
        path = str(text.path.absolute())
        self._writer.flush_if_it_has(text.first_line)
        candidates = self._store.reports.find_files(first_line=text.first_line, path=path)
        return [file for file in candidates if _is_same(file, text)]

    def _read_anew(self, text: LogText, *, replaces: list[int]) -> bool:
        """Read a file; return whether it is the log of a cron."""
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
        parser = self._parse(text)
        rest = parser.take()
        if not text.size:
            rest = [_process(text, "empty")]
        elif not parser.recognised:
            if not parser.fatal_end or read_name(text.path.name) is None:
                self._writer.drop()
                return False
            rest = [_process(text, "truncated")]  # it died before it could say anything else
        self._keep(rest)
        self._writer.end(settled=int(not any(map(_is_running, rest))))
        return True

    def _parse(self, text: LogText) -> Parser:
        """Hand what the text tells to the writer, but for what its end settles."""
        name = read_name(text.path.name)
        begins_at, source = text.changed_at, "file time"
        if name is not None and name.time is not None:
            begins_at = from_file_name(*name.time, changed_at=text.changed_at, zone=self._zone)
            source = "file name"
        pid = name.pid if name else None
        clock = LogClock(self._zone, begins_at=begins_at, source=source, changed_at=text.changed_at)
        parser = Parser(clock, pid=pid, changed_at=text.changed_at)
        for number, line in enumerate(text.lines()):
            parser.feed(line)
            if number % 1000 == 999:
                self._keep(parser.take())
        parser.finish(lives=self._lives(text, pid))
        return parser

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
    """Return whether what was read before has all that this file has."""
    return file.size > text.size or (file.size == text.size and bool(file.settled))


def _is_same(file: ReportFile, text: LogText) -> bool:
    """Return whether a file read before is this one, perhaps shorter then."""
    if file.size == 0:
        return file.path == str(text.path.absolute()) and text.changed_at - file.changed_at < SAME_START
    return text.begins_like(file.head_hash, file.head_size)


def _is_running(row: CronRun | TaskRun) -> bool:
    return "running" in (row.outcome if isinstance(row, TaskRun) else row.state)


def _process(text: LogText, state: str) -> CronRun:
    """Return the process that wrote no header: the shell could not start it, or it died at once."""
    lines = [line for line in text.lines() if line.strip()] if text.size < LONGEST_LINE else []
    return CronRun(
        number=1,
        line=len(lines),
        started_at=text.changed_at,
        ended_at=text.changed_at,
        state=state,
        time_source="file time",
        hostname="",
        pid=None,
        last_line=shown(lines[-1].rstrip()) if lines else "",
    )


PROC = Path("/proc")
STARTED = 19
"""Where, behind the name in /proc/PID/stat, the start is, in clock ticks since the machine's (proc(5))."""


def is_at_work(pid: int, wrote_at: float, *, proc: Path = PROC) -> bool:
    """Return whether a cron process with this pid lives that was there when the file was written.

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
    names = [name for name in kind._fields if name != "id"]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        for row in rows:
            writer.writerow([_cell(getattr(row, name)) for name in names])


def _cell(value: object) -> object:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
