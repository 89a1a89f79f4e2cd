"""What is known of past runs, from log files or from the log table: frozen rows, named as the columns are.

Moments (`…_at`) are UTC epoch seconds, lengths are seconds, sizes bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

from taskrunner.records import FAILURES

COUNTED = FAILURES | {"ok"}
"""The outcomes that say whether a task works; a run that was skipped, delayed or cancelled says nothing."""


@dataclass(frozen=True, slots=True)
class ReportFile:
    """A log file that was read: the hash of its first `head_size` bytes and its size tell it from others.

    `first_line` is the hash of its first line, by which it is found again under another name; `settled` is
    0 while it has to be read again: a task in it still ran, or reading it was interrupted.
    """

    id: int
    path: str
    first_line: str
    head_hash: str
    head_size: int
    size: int
    changed_at: float
    settled: int


@dataclass(frozen=True, slots=True)
class CronRun:
    """One cron process as a log file tells of it, `number` in its file.

    `state`: completed, truncated (no line says that it ended), running, refused (cron was disabled), empty
    (the file has nothing in it: the shell could not start it, or the disk was full).
    `time_source`: where the date comes from: header, stamp, file name, or file time.
    """

    number: int
    line: int
    started_at: float
    ended_at: float
    state: str
    time_source: str
    hostname: str
    pid: int | None
    last_line: str
    path: str = ""


@dataclass(frozen=True, slots=True)
class TaskRun:
    """One run of one task, whoever tells of it.

    `outcome` is ok, failed, crashed, timeout, cancelled, delayed, running …; the end of a crashed or running
    one is the last that was seen of it. `confidence` is low where several processes wrote into one file and
    their lines had to be told apart. `fatal`: what kind of end a crash left in its last lines.
    """

    type: str
    name: str
    title: str
    adhoc_id: int | None
    run_id: str
    started_at: float
    ended_at: float
    outcome: str
    message: str
    message_key: str
    confidence: str
    time_source: str
    hostname: str
    pid: int | None
    db_queries: int | None
    memory_start: int | None
    memory_peak: int | None
    fatal: str
    last_lines: str
    line: int
    run_number: int
    path: str = ""
    id: int = 0

    @property
    def failed(self) -> bool:
        """Whether it counts as a failure of its task."""
        return self.outcome in FAILURES

    @property
    def counted(self) -> bool:
        """Whether it says if its task works."""
        return self.outcome in COUNTED

    @property
    def duration(self) -> float:
        """Seconds from start to end; of a crashed one, those it is known to have lived."""
        return max(0.0, self.ended_at - self.started_at)
