"""What was found in log files: the files that were read, the cron processes and the runs in them.

The records are named as the columns are, with moments and lengths as there. Few commands need them.
"""

from __future__ import annotations

from array import array
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from taskrunner.records import FAILURES
from taskrunner.store import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

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
    seconds: array[float]


PAGE = 5000
"""Rows fetched at once, so that memory does not grow with the table."""

IDS_AT_ONCE = 50_000
"""Ids whose lengths are joined to texts at once."""

TASK_COLUMNS = tuple(name for name in TaskRun._fields if name not in ("id", "path"))
GET_COLUMNS = attrgetter(*TASK_COLUMNS)


class Reports(Table):
    """Log files that were read."""

    def find_files(self, *, first_line: str, path: str) -> list[ReportFile]:
        """Return the files that a file with this first line and path may be, the longest first."""
        rows = self._statements.rows("find_files", first_line=first_line, path=path)
        return [ReportFile(**row) for row in rows]

    def add_file(self, file: ReportFile) -> int:
        """Note that a file is being read, and return its id; it is not settled yet."""
        noted = file._asdict()
        del noted["id"], noted["settled"]
        return int(self._statements.rows("add_file", **noted)[0]["id"])

    def settle_file(self, file_id: int, *, settled: int) -> None:
        """Note that a file was read to its end; `settled` 0: it has to be read again."""
        self._statements.rows("settle_file", id=file_id, settled=settled)

    def remove_file(self, file_id: int) -> None:
        """Forget a file and all that was found in it."""
        self._statements.rows("remove_runs", file_id=file_id)
        self._statements.rows("remove_tasks", file_id=file_id)
        self._statements.rows("remove_file", id=file_id)

    def add(self, file_id: int, rows: Iterable[CronRun | TaskRun]) -> None:
        """Keep what was found in a file."""
        for row in rows:
            if isinstance(row, TaskRun):
                values = dict(zip(TASK_COLUMNS, GET_COLUMNS(row), strict=True))
                self._statements.rows("add_task", file_id=file_id, **values)
            else:
                values = row._asdict()
                del values["path"]
                self._statements.rows("add_run", file_id=file_id, **values)

    def outcomes(self, file_id: int) -> dict[str, int]:
        """Return how many runs of a file ended in which way."""
        rows = self._statements.rows("totals", file_id=file_id)
        return {row["outcome"]: row["number"] for row in rows}

    def states(self, file_id: int) -> dict[str, int]:
        """Return how many cron processes of a file ended in which way."""
        rows = self._statements.rows("states", file_id=file_id)
        return {row["state"]: row["number"] for row in rows}

    def names(self) -> list[str]:
        """Return the names of the tasks that were found in log files."""
        return [row["name"] for row in self._statements.rows("names")]

    def tasks(self, *, since: float, until: float, name: str) -> Iterator[TaskRun]:
        """Yield the runs that started in a time, oldest first; `name` "": of all tasks."""
        page = lambda **asked: self._statements.rows("tasks", name=name, **asked)  # noqa: E731
        yield from (TaskRun(**row) for row in rows_of(page, since, until))

    def crashed(self, *, since: float, until: float, name: str) -> Iterator[TaskRun]:
        """Yield the crashed ones of these runs."""
        page = lambda **asked: self._statements.rows("crashed", name=name, **asked)  # noqa: E731
        yield from (TaskRun(**row) for row in rows_of(page, since, until))

    def brief(self, *, since: float, until: float, name: str) -> Iterator[BriefRun]:
        """Yield what counting these runs takes."""
        page = lambda **asked: self._statements.rows("brief", name=name, **asked)  # noqa: E731
        yield from (BriefRun(*row.values()) for row in rows_of(page, since, until))

    def lengths(self, *, since: float, until: float, name: str) -> Iterator[Lengths]:
        """Yield how long these runs took, in pieces."""
        time = {"since": since, "until": until}
        bounds = self._statements.row("bounds", **time)
        return lengths_of(lambda **ids: self._statements.rows("lengths", name=name, **time, **ids), bounds)

    def own_files(self) -> set[str]:
        """Return the paths of the log files that taskrunner itself wrote."""
        return {row["path"] for row in self._statements.rows("own_files")}

    def runs(self, *, since: float, until: float) -> Iterator[CronRun]:
        """Yield the cron processes that started in a time, oldest first."""
        return map(_cron_run, rows_of(lambda **asked: self._statements.rows("runs", **asked), since, until))

    def foreign_runs(self, *, since: float, until: float) -> Iterator[CronRun]:
        """Yield those of them that were not taskrunner's own."""
        own = self.own_files()
        return (run for run in self.runs(since=since, until=until) if run.path not in own)


def _cron_run(row: dict[str, Any]) -> CronRun:
    return CronRun(**{key: row[key] for key in row if key != "id"})


def rows_of(
    page: Callable[..., list[dict[str, Any]]], since: float, until: float
) -> Iterator[dict[str, Any]]:
    """Yield the rows of a query that gives them a page at a time, by start and id."""
    after, after_id = since, -1
    while rows := page(after=after, after_id=after_id, until=until, limit=PAGE):
        yield from rows
        after, after_id = rows[-1]["started_at"], rows[-1]["id"]


def lengths_of(
    piece: Callable[..., list[dict[str, Any]]], bounds: dict[str, Any] | None
) -> Iterator[Lengths]:
    """Yield lengths by ranges of ids: a million of them as texts take a second, as rows several."""
    if bounds is None or bounds["first"] is None:
        return
    for first in range(bounds["first"], bounds["last"] + 1, IDS_AT_ONCE):
        for row in piece(first=first, last=min(first + IDS_AT_ONCE, bounds["last"] + 1)):
            seconds = array("d", map(float, row["lengths"].split(",")))
            yield Lengths(row["name"], row["outcome"], row["end_known"], seconds)
