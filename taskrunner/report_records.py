"""What reports are made of: log files, the crons and runs in them. A file of its own: few commands need it.

Named as the columns are, with moments and lengths as there.
"""

from typing import TYPE_CHECKING, NamedTuple

from taskrunner.records import FAILURES

if TYPE_CHECKING:
    from array import array

COUNTED = FAILURES | {"ok"}
"""The outcomes that say whether a task works; a run that was skipped, delayed or cancelled says nothing."""


class Counting:
    """What counts in a run, whatever else is known of it."""

    __slots__ = ()
    if TYPE_CHECKING:
        outcome: str
        started_at: float
        ended_at: float

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
        """Seconds from start to end; at least so many, if the end is not known."""
        return max(0.0, self.ended_at - self.started_at)


class ReportFile(NamedTuple):
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


class CronRun(NamedTuple):
    """One cron process as a log file tells of it, `number` in its file.

    `state`: completed, truncated (no line says that it ended), running, refused (cron was disabled), empty
    (the file has nothing in it: the shell could not start it, or the disk was full).
    `time_source`: where the date comes from: header, timestamp, file name, or file time.
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


class TaskRunFields(NamedTuple):
    """The fields of a TaskRun."""

    type: str
    name: str
    title: str
    adhoc_id: int | None
    run_id: str
    started_at: float
    ended_at: float
    end_known: int
    ended_before: float | None
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


class TaskRun(TaskRunFields, Counting):
    """One run of one task, whoever tells of it.

    `outcome` is ok, failed, crashed, timeout, cancelled, delayed, running … `end_known` is 0 where nobody saw
    the end: `ended_at` is then the last moment at which something of the run was seen, and `ended_before` the
    first at which it was over, None if nothing tells. `confidence` is low where several processes wrote into
    one file and their lines had to be separated. `fatal`: what kind of end a crash left in its last lines.
    """

    __slots__ = ()


class BriefRunFields(NamedTuple):
    """The fields of a BriefRun."""

    type: str
    name: str
    adhoc_id: int | None
    started_at: float
    ended_at: float
    end_known: int
    outcome: str
    hostname: str
    message: str
    message_key: str
    id: int = 0


class BriefRun(BriefRunFields, Counting):
    """One run of one task as counting takes it; the fields are those of TaskRun."""

    __slots__ = ()


class Lengths(NamedTuple):
    """Seconds that runs of a task took which ended alike; `end_known` 0: they took at least so long."""

    name: str
    outcome: str
    end_known: int
    seconds: "array[float]"
