"""Log files into the tables: each once, whatever it is called, and again when it has grown."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from taskrunner.report.clock import LogClock, from_file_name
from taskrunner.report.file_names import read_name
from taskrunner.report.log_text import look_at
from taskrunner.report.parser import Parser
from taskrunner.report.writing import Writer
from taskrunner.report_records import CronRun, ReportFile, TaskRun

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import tzinfo
    from pathlib import Path

    from taskrunner.report.log_text import LogText
    from taskrunner.store import Store

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
