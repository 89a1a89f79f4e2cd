"""Reports from log files and from the log table.

A log file is read by `files` (its text, and what stands around a line) and `parse` (with `clock` and
`drafts`), and kept by `ingest`. Each report is a module that makes frozen results of an iterable of runs,
wherever these come from. `charts` draws for a terminal and for the page, which `html` and `markup` make.

The shapes of the lines that cron processes write, Moodle's and our own, are here: all sources need them.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from taskrunner.store.imports import BriefRun

if TYPE_CHECKING:
    from collections.abc import Iterator

    from taskrunner.store import Store
    from taskrunner.store.imports import CronRun, Lengths, TaskRun

SHAPES = {
    "header": "Server Time: ",
    "scheduled_start": "Execute scheduled task: ",
    "adhoc_start": "Execute adhoc task: ",
    "adhoc_id": "Adhoc task id: ",
    "adhoc_data": "Adhoc task custom data: ",
    "started": r"\.\.\. started (?=[0-9][0-9]:[0-9][0-9]:[0-9][0-9]\. )",
    "run_id": r"\.\.\. run id (?=[0-9A-Z]{26}$)",
    "fail_delay": "Debugging increased temporarily due to faildelay of ",
    "complete": "(?:Scheduled|Adhoc) task complete: ",
    "failed": "(?:Scheduled|Adhoc) task failed: ",
    "delayed": "(?:Scheduled|Adhoc) task delayed: ",
    "user": "User ",
    "between": r"(?:Skipping|Stopping) processing of (?:scheduled|adhoc) tasks[ .]"
    r"|Skipping (?=\S{1,500} adhoc task class as the per-task limit)"
    r"|Waiting for more adhoc tasks to be queued",
    "ran": "Ran [0-9]{1,9} adhoc tasks found at ",
    "correctly": "Cron (?:run|script) completed correctly$",
    "completed": r"Cron completed at (?=[0-9][0-9]:[0-9][0-9]:[0-9][0-9])",
    "took": "Execution took (?=[0-9.,]{1,30} sec)",
    "refused": "CLI maintenance mode active, cron execution suspended|Cron is disabled"
    "|(?=[^,]{1,80} upgrade pending, cron execution)",
    "trace": r"Debug info:|Backtrace:|\* line [0-9?]{1,9} of ",
    "fatal": "PHP Fatal error: |Fatal error: |!!! |Default exception handler: |Killed$|Terminated$"
    r"|Segmentation fault|Traceback \(most recent call last\):|Allowed memory size of ",
}
"""Shape -> how its lines begin. What follows stays to be read; every repetition is bounded."""

ANY = re.compile("|".join(f"(?P<{name}>{shape})" for name, shape in SHAPES.items()).encode())
USED = b"... used "
CANCELLED = b". Cancelling task."


def recognise(line: bytes) -> tuple[str, bytes]:
    r"""Return the shape of a line and what follows its beginning; ("", line) for any other text.

    A usage line may stand behind text that a task left without a line end.

    >>> recognise(b"Execute adhoc task: backup.CourseBackup")
    ('adhoc_start', b'backup.CourseBackup')
    >>> recognise(b"half a line... used 27 dbqueries"), recognise(b" Execute adhoc task: x")
    (('used', b'27 dbqueries'), ('', b' Execute adhoc task: x'))
    """
    if not line.startswith(b" ") and (found := ANY.match(line)):
        return found.lastgroup or "", line[found.end() :]
    at = line.rfind(USED)
    return ("used", line[at + len(USED) :]) if at >= 0 else ("", line)


def kind_of_end(line: str) -> str:
    """Return what a line that tells of a fatal end means, "" if it does not.

    >>> [kind_of_end(line) for line in ("PHP Fatal error: Allowed memory size of 9 bytes exhausted", "!!! x")]
    ['memory', 'exception']
    """
    if "Allowed memory size" in line or "MemoryError" in line or "Out of memory" in line:
        return "memory"
    for text, kind in KINDS_OF_END.items():
        if line.startswith(text):
            return kind
    return ""


KINDS_OF_END = {
    "PHP Fatal error": "fatal error",
    "Fatal error": "fatal error",
    "!!! ": "exception",
    "Default exception handler": "exception",
    "Killed": "killed",
    "Terminated": "killed",
    "Segmentation fault": "segmentation fault",
    "Traceback": "exception",
}
"""How the last line of a process begins -> what ended it."""


SIZE = re.compile(r"([0-9]{1,15}(?:[.,][0-9]{1,6})?)\s?([kKmMgGtT]?)(?:i?[bBoO]\b|bytes|octets|$)")
POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
MOST_DIGITS = 18


def parse_size(text: str) -> int | None:
    """Return the bytes that a size means, None for what is not a size.

    >>> [parse_size(text) for text in ("49.3Mo", "1,2 Go", "14.8\\xa0MB", "512 bytes", "?")]
    [51694797, 1288490189, 15518925, 512, None]
    """
    found = SIZE.match(text)
    if found is None:
        return None
    power = POWERS[found[2].lower()]
    return round(float(found[1].replace(",", ".")) * 1024.0**power)


def parse_seconds(text: str) -> float | None:
    """Return seconds, None for what is not a length of time.

    >>> [parse_seconds(text) for text in ("0.063", "5.9E-5", "1,5", "nan", "1e999", "-1")]
    [0.063, 5.9e-05, 1.5, None, None, None]
    """
    try:
        seconds = float(text.replace(",", "."))
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and 0 <= seconds < 1e9 else None


def parse_count(text: str) -> int | None:
    """Return a whole number that a database can hold, None for anything else.

    >>> [parse_count(text) for text in ("812", "x", "9" * 30, "²")]
    [812, None, None, None]
    """
    return int(text) if text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS else None


LONGEST = 200
LOOKED_AT = 1000
REPLACEMENTS = (
    (re.compile(r"'[^'\n]{1,200}'|\"[^\"\n]{1,200}\"|`[^`\n]{1,200}`"), "'…'"),
    (re.compile(r"\bhttps?://[^\s,;)]{1,300}"), "URL"),
    (re.compile(r"(?<![\w/])(?:/[\w.+@-]{1,100}){2,40}/?"), "PATH"),
    (re.compile(r"\b(?=[0-9a-fA-F-]{0,80}[0-9])(?:0x)?[0-9a-fA-F]{8,64}(?:-[0-9a-fA-F]{4,12}){0,4}\b"), "ID"),
    (re.compile(r"[0-9]+(?:[.,:][0-9]+){0,8}"), "N"),
    (re.compile(r"\s+"), " "),
)
"""What differs from one message to the next -> what stands for it; every repetition is bounded."""


def message_key(message: str) -> str:
    r"""Return a message without what differs from one failure to the next.

    >>> message_key("cannot open '/tmp/a.db': error 12 at 0x7f3a1b2c4d5e")
    "cannot open '…': error N at ID"
    >>> message_key("disk /srv/data/x is full\n12 kB left")
    'disk PATH is full N kB left'
    """
    if not message:
        return ""
    key = message[:LOOKED_AT]
    for pattern, instead in REPLACEMENTS:
        key = pattern.sub(instead, key)
    return key.strip()[:LONGEST]


LAST_LINES = 5


class Source(Protocol):
    """A source of runs, within a time and for one task or all."""

    @property
    def wanted(self) -> Wanted:
        """Which runs."""

    def tasks(self) -> Iterator[BriefRun]:
        """Yield the runs of tasks, oldest first."""

    def lengths(self) -> Iterator[Lengths]:
        """Yield how long the runs took, in pieces and in no order."""

    def crashed(self) -> Iterator[TaskRun]:
        """Yield the runs that crashed, oldest first, with the last lines of each."""

    def runs(self) -> Iterator[CronRun]:
        """Yield the cron processes, oldest first; none where nothing is known of them."""

    def foreign_runs(self) -> Iterator[CronRun]:
        """Yield those of them that are not taskrunner's own, whose idle minutes leave no trace."""

    def within(self, since: float, until: float) -> Source:
        """Return the same source for another time."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which runs: those that started in a time; `name` "": of all tasks."""

    since: float
    until: float
    name: str = ""


@dataclass(frozen=True, slots=True)
class LogTable:
    """The runs that taskrunner's own log keeps."""

    store: Store
    wanted: Wanted

    def tasks(self) -> Iterator[BriefRun]:
        """Yield the runs; the key of a failed one's message is made here."""
        wanted = self.wanted
        for run in self.store.log.brief(since=wanted.since, until=wanted.until, name=wanted.name):
            yield run._replace(message_key=message_key(run.message)) if run.message else run

    def lengths(self) -> Iterator[Lengths]:
        """Yield how long the runs took."""
        wanted = self.wanted
        return self.store.log.lengths(since=wanted.since, until=wanted.until, name=wanted.name)

    def crashed(self) -> Iterator[TaskRun]:
        """Yield the runs that crashed."""
        wanted = self.wanted
        for run in self.store.log.crashed(since=wanted.since, until=wanted.until, name=wanted.name):
            yield _explained(run)

    def runs(self) -> Iterator[CronRun]:
        """Yield nothing: the log table has the runs of tasks only."""
        return iter(())

    def foreign_runs(self) -> Iterator[CronRun]:
        """Yield nothing."""
        return iter(())

    def within(self, since: float, until: float) -> LogTable:
        """Return the runs of another time."""
        return replace(self, wanted=replace(self.wanted, since=since, until=until))


@dataclass(frozen=True, slots=True)
class LogFiles:
    """What was found in log files when they were imported."""

    store: Store
    wanted: Wanted

    def tasks(self) -> Iterator[BriefRun]:
        """Yield the runs that were found in log files."""
        wanted = self.wanted
        return self.store.reports.brief(since=wanted.since, until=wanted.until, name=wanted.name)

    def lengths(self) -> Iterator[Lengths]:
        """Yield how long they took."""
        wanted = self.wanted
        return self.store.reports.lengths(since=wanted.since, until=wanted.until, name=wanted.name)

    def crashed(self) -> Iterator[TaskRun]:
        """Yield those that crashed."""
        wanted = self.wanted
        return self.store.reports.crashed(since=wanted.since, until=wanted.until, name=wanted.name)

    def runs(self) -> Iterator[CronRun]:
        """Yield the cron processes that were found in log files."""
        return self.store.reports.runs(since=self.wanted.since, until=self.wanted.until)

    def foreign_runs(self) -> Iterator[CronRun]:
        """Yield those of them that are not taskrunner's own."""
        return self.store.reports.foreign_runs(since=self.wanted.since, until=self.wanted.until)

    def within(self, since: float, until: float) -> LogFiles:
        """Return the runs of another time."""
        return replace(self, wanted=replace(self.wanted, since=since, until=until))


def _explained(run: TaskRun) -> TaskRun:
    last = [line[:400] for line in run.last_lines.rstrip().splitlines()[-LAST_LINES:]]
    fatal = next((kind for line in reversed(last) if (kind := kind_of_end(line))), "")
    return run._replace(message_key=message_key(run.message), last_lines="\n".join(last), fatal=fatal)
