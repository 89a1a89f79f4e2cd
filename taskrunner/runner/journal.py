"""The run journal: a file of one runner that tells which of its runs have started, and how they ended.

It is only ever appended to, one line with one write: `S run started left` before a run starts (`left`: how
many claimed tasks wait behind it), `E run outcome …` when its code has ended, before the database is written.
`X` is written by the helper process when nothing has moved for a moment: what has not started by then is
given back. The order of the lines is the kernel's, so that no clock decides who has a task: a start that
stands behind an `X` is none.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from taskrunner.files import make_folder, open_file
from taskrunner.records import Run
from taskrunner.runner.job import FinishedRun, Usage, running_job
from taskrunner.runner.log_file import OwnedDescriptor, moved, read_output

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from taskrunner.records import RunningRow
    from taskrunner.runner.output import OutputRange

FOLDER = "ended"  # as in the state directories of earlier versions
LONG = 1024 * 1024
"""Bytes from which on a journal is begun anew, once all that it tells of is settled."""

LARGEST = 64 * LONG
LONGEST_BACKTRACE = 64 * 1024
GIVEN_BACK = b"X\n"
OUTPUT_LOST = "(its output is lost: its log file could not be written)\n"
ASKED = tuple(name for name in FinishedRun._fields if name not in ("run", "fail_delay", "attempts_left"))
"""What a run may have asked for: it is noted where it is set."""


@dataclass(slots=True)
class RunJournal:
    """The journal of a runner, as the runner itself writes it."""

    state_dir: Path
    runner_id: str
    is_disturbed: bool = False
    """Whether a line could not be written, as on a full disk, or somebody else has written: then the helper
    process has given back what had not started."""
    _is_torn: bool = False
    _end: int = 0
    _position: int = 0
    """Where the descriptor stands, behind our last line: by this it is known again."""
    _opened: OwnedDescriptor | None = None

    @property
    def path(self) -> Path:
        """Where the file is, once something has been written."""
        return _path(self.state_dir, self.runner_id)

    def start(self, run_id: str, started_at: float, *, left: int) -> bool:
        """Note that a run starts; return whether that is noted, and the run has not been given back."""
        self._append(f"S {run_id} {started_at!r} {left}\n".encode("ascii"))
        return not self.is_disturbed

    def write(self, finished: FinishedRun, printed: OutputRange, backtrace: str) -> None:
        """Note that a run has ended, its output a range of its log file and the backtrace.

        Where that cannot be written, on a full disk say, a run whose process dies now counts as crashed.
        """
        run, start, end = finished.run, printed.start, printed.end
        if printed.log.is_anonymous:
            start, end, backtrace = 0, 0, OUTPUT_LOST + backtrace
        rest = {name: value for name in ASKED if (value := getattr(finished, name))}
        if run.message is not None:
            rest["message"] = run.message
        if backtrace:
            rest["backtrace"] = backtrace[:LONGEST_BACKTRACE]
        self._append(
            f"E {run.run_id} {run.outcome} {run.started_at!r} {run.ended_at!r} {run.db_reads} {run.db_writes}"
            f" {run.cpu_seconds!r} {run.max_rss} {start} {end}"
            f" {json.dumps(rest) if rest else ''}\n".encode("ascii")
        )

    def open(self) -> None:
        """Open the file before a task runs, which may leave no descriptor free."""
        if self._opened is None:
            with contextlib.suppress(OSError):
                self._descriptor()

    def secure(self) -> None:
        """Let what is noted survive a loss of power as well."""
        with contextlib.suppress(OSError):
            os.fsync(self._descriptor())

    def keep(self) -> None:
        """Let the file itself survive a loss of power, so that what it does not tell of has not started."""
        self.secure()
        with contextlib.suppress(OSError):
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    @property
    def is_long(self) -> bool:
        """Whether it is time to begin it anew."""
        return self._end > LONG

    def begin_anew(self) -> None:
        """Forget all that is noted: it is settled, no task waits behind another, and no helper looks on."""
        with contextlib.suppress(OSError):
            os.ftruncate(self._descriptor(), 0)
            self._end, self._is_torn, self.is_disturbed = 0, False, False

    def forget(self) -> None:
        """Remove the file: all runs of this runner are settled, and it runs nothing more."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None
        remove_journal(self.state_dir, self.runner_id)

    def _append(self, line: bytes) -> None:
        """Append a line; where it does not stand right behind our last one, somebody else has written."""
        if self._is_torn:
            line = b"\n" + line  # behind half a line, perhaps
        self._end += len(line)
        try:
            descriptor = self._descriptor()
            self._is_torn = os.write(descriptor, line) != len(line)
            self._position = os.lseek(descriptor, 0, os.SEEK_CUR)
        except OSError:
            self.is_disturbed = self._is_torn = True
        else:
            self.is_disturbed = self.is_disturbed or self._position != self._end

    def _descriptor(self) -> int:
        """Return the descriptor of the file, opened anew if a task has closed it or taken its number."""
        if self._opened is not None:
            try:  # no other file stands at our place; asking for the inode takes ten times as long
                is_at_its_place = os.lseek(self._opened.number, 0, os.SEEK_CUR) == self._position
            except OSError:
                is_at_its_place = False
            if is_at_its_place and (self._position or self._opened.is_intact()):
                return self._opened.number
        make_folder(self.path.parent)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        self._opened, self._position = moved(open_file(self.path, flags)), 0
        return self._opened.number


class Ended(NamedTuple):
    """How a run ended, as its journal has it; `asked` are fields of FinishedRun."""

    outcome: str
    started_at: float
    ended_at: float
    usage: Usage
    start: int
    end: int
    message: str | None
    backtrace: str
    asked: dict[str, object]

    def finished_run(self, running: RunningRow) -> FinishedRun:
        """Return the run to settle, with its output."""
        run = (
            running_job(running)
            ._replace(started_at=self.started_at)
            .run(
                outcome=self.outcome,
                ended_at=self.ended_at,
                message=self.message,
                output=_output(running.log_file, self.start, self.end) + self.backtrace,
                log_file=running.log_file,
                usage=self.usage,
            )
        )
        return FinishedRun(run, running.fail_delay, running.attempts_left, **self.asked)  # type: ignore[arg-type]


@dataclass(slots=True)
class Journal:
    """What the journal of a runner tells, to whoever settles its runs.

    `started`: when each run of it started; `left`: how many tasks wait behind the last one that started.
    """

    is_there: bool
    started: dict[str, float] = field(default_factory=dict)
    ended: dict[str, Ended] = field(default_factory=dict)
    left: int = 0
    _was_given_back: bool = False
    _earlier: dict[str, FinishedRun] = field(default_factory=dict)

    def finished_run(self, running: RunningRow) -> FinishedRun | None:
        """Return a claimed run as it is noted, with its output, or None if it had not ended."""
        ended = self.ended.get(running.run_id)
        return self._earlier.get(running.run_id) if ended is None else ended.finished_run(running)

    def has_started(self, running: RunningRow) -> bool:
        """Return whether a claimed run has started, as far as this can be known.

        One that was claimed alone, or is the first of its batch, counts as started; so does each of them
        where there is no journal to ask.
        """
        return not (running.behind and self.is_there) or running.run_id in self.started

    def read(self, line: str) -> None:
        """Take in one line; one that is not whole, or is not of a journal, tells nothing."""
        kind, *words = line.split(" ", 10) if not line.startswith("{") else ("{", line)
        try:
            if kind == "S" and not self._was_given_back:
                run_id, started_at, left = words
                self.started[run_id], self.left = float(started_at), int(left)
            elif kind == "X":
                self._was_given_back = True
            elif kind == "E":
                self.ended[words[0]] = _ended(words)
            elif kind == "{":
                finished = _of_earlier_version(line)
                self._earlier[finished.run.run_id] = finished
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return


def _ended(words: list[str]) -> Ended:
    _, outcome, started_at, ended_at, reads, writes, cpu_seconds, max_rss, start, rest = words
    end, _, noted = rest.partition(" ")
    asked = json.loads(noted) if noted else {}
    message, backtrace = asked.pop("message", None), asked.pop("backtrace", "")
    if not (asked.keys() <= set(ASKED) and isinstance(backtrace, str) and isinstance(message, str | None)):
        raise ValueError(noted)
    usage = Usage(int(reads), int(writes), float(cpu_seconds), int(max_rss))
    moments = float(started_at), float(ended_at)
    return Ended(outcome, *moments, usage, int(start), int(end), message, backtrace, asked)


def _of_earlier_version(line: str) -> FinishedRun:
    noted = json.loads(line)
    run = Run(**noted.pop("run"))
    (start, end), backtrace = noted.pop("output"), noted.pop("backtrace")
    return FinishedRun(run._replace(output=_output(run.log_file, start, end) + backtrace), **noted)


def read_journal(state_dir: Path, runner_id: str) -> Journal:
    """Return what the journal of a runner tells; nothing where there is none, as on another host."""
    for path in (_path(state_dir, runner_id), _path(state_dir, runner_id).with_suffix(EARLIER)):
        try:
            with open(open_file(path, os.O_RDONLY), "rb") as file:
                text = file.read(LARGEST).decode("utf-8", "replace")
        except OSError:
            continue
        journal = Journal(is_there=path.suffix != EARLIER)
        for line in text.split("\n")[:-1]:  # behind the last end of a line nothing is whole
            journal.read(line)
        return journal
    return Journal(is_there=False)


def give_back(path: Path) -> None:
    """Write, from another process, that what has not started is given back. Raises OSError."""
    descriptor = open_file(path, os.O_WRONLY | os.O_APPEND)
    try:
        os.write(descriptor, GIVEN_BACK)
    finally:
        os.close(descriptor)


def remove_journal(state_dir: Path, runner_id: str) -> None:
    """Remove the journal of a runner whose runs are all settled."""
    for suffix in (SUFFIX, EARLIER):
        with contextlib.suppress(OSError):
            os.unlink(_path(state_dir, runner_id).with_suffix(suffix))


SUFFIX = ".journal"
EARLIER = ".json"
"""What an earlier version wrote: the end of one run as JSON."""

REFUSED = ".refused"


def set_journal_aside(state_dir: Path, runner_id: str) -> None:
    """Keep the journal of a run whose end the database has refused, under a name that no cron reads."""
    path = _path(state_dir, runner_id)
    for suffix in (SUFFIX, EARLIER):
        with contextlib.suppress(OSError):
            os.replace(path.with_suffix(suffix), path.with_suffix(REFUSED))


def journals_set_aside(state_dir: Path) -> list[Path]:
    """Return the journals that were kept because the database has refused what they say."""
    return sorted((state_dir / FOLDER).glob(f"*{REFUSED}"))


def remove_old_journals(state_dir: Path, known: Collection[str], *, before: float) -> None:
    """Remove the old journals of runners that are not known any more: they were killed while they left."""
    for path in (state_dir / FOLDER).iterdir() if (state_dir / FOLDER).is_dir() else ():
        with contextlib.suppress(OSError):
            is_old = path.suffix in (SUFFIX, EARLIER) and path.lstat().st_mtime < before
            if is_old and path.stem not in known:
                path.unlink()


def _path(state_dir: Path, runner_id: str) -> Path:
    return state_dir / FOLDER / f"{runner_id}{SUFFIX}"


def _output(log_file: str | None, start: int, end: int) -> str:
    try:
        descriptor = open_file(log_file or "", os.O_RDONLY)
    except OSError as error:
        return f"(its log file {log_file} cannot be read: {error.strerror})\n"
    try:
        return read_output(descriptor, start, end)
    finally:
        os.close(descriptor)
