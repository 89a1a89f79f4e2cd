"""A claimed task on its way through the runner: the job, what its code did, the finished run."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from taskrunner.records import Run

if TYPE_CHECKING:
    from taskrunner.records import AdhocRow, RunningRow, ScheduledRow

FIRST_DELAY = 60
LONGEST_DELAY = 86_400


def next_fail_delay(fail_delay: int) -> int:
    """Return the seconds to wait after one more failure, given those waited before, 0 if there were none.

    The rule is that of Moodle's Task API: a minute, doubled at each failure, at most a day.

    >>> [next_fail_delay(delay) for delay in (0, 60, 120, 61_440, 80_000, 86_400)]
    [60, 120, 240, 86400, 86400, 86400]
    """
    return min(max(FIRST_DELAY, fail_delay * 2), LONGEST_DELAY)


def delay_of_attempt(attempt: int) -> int:
    """Return the seconds to wait after a try, counted from 1, that asked for another without saying when.

    >>> [delay_of_attempt(attempt) for attempt in (1, 2, 3, 12, 400)]
    [60, 120, 240, 86400, 86400]
    """
    return min(FIRST_DELAY << min(attempt - 1, 12), LONGEST_DELAY)


class Usage(NamedTuple):
    """Statements read and written, CPU seconds, and the largest resident memory in bytes."""

    reads: int
    writes: int
    cpu_seconds: float
    max_rss: int


BY_HAND = "run-task"
"""The command of a process that runs a scheduled task by hand."""

NO_USAGE = Usage(0, 0, 0.0, 0)


class Outcome(NamedTuple):
    """What the code of a task did: ok, failed …, and why; the rest is what the task asked for.

    `words`: the message as the line of the log has it, without the class of the error; "": as the message.
    """

    name: str
    message: str | None = None
    backtrace: str = ""
    retry_in: float = 0.0
    gives_up: bool = False
    has_more: bool = False
    clears_caches: bool = False
    words: str = ""


class Job(NamedTuple):
    """What the runner knows of a claimed task before it has run."""

    type: str
    name: str
    title: str
    plugin: str
    run_id: str
    due_at: float | None
    started_at: float
    fail_delay: int
    attempt: int
    last_run_at: float | None
    last_success_at: float | None
    adhoc_id: int | None = None
    custom_data: str | None = None
    user: str | None = None
    attempts_left: int | None = None
    hostname: str = ""
    pid: int = 0
    by_hand: bool = False

    @property
    def label(self) -> str:
        """How the lines of the log call it."""
        return f"{self.title} ({self.name})" if self.type == "scheduled" else self.name

    def run(
        self,
        *,
        outcome: str,
        ended_at: float,
        message: str | None = None,
        output: str = "",
        log_file: str | None = None,
        usage: Usage = NO_USAGE,
        noticed_at: float | None = None,
    ) -> Run:
        """Return the run of this job, as it is recorded."""
        return Run(
            run_id=self.run_id,
            type=self.type,
            name=self.name,
            plugin=self.plugin,
            adhoc_id=self.adhoc_id,
            user=self.user,
            due_at=self.due_at,
            started_at=self.started_at,
            ended_at=ended_at,
            outcome=outcome,
            message=message,
            output=output,
            log_file=log_file,
            db_reads=usage.reads,
            db_writes=usage.writes,
            cpu_seconds=usage.cpu_seconds,
            max_rss=usage.max_rss,
            attempt=self.attempt,
            hostname=self.hostname,
            pid=self.pid,
            noticed_at=noticed_at,
        )


def _slot(next_run_at: float, started_at: float | None) -> float | None:
    """Return the slot of a scheduled run, or None for one that was started by hand before its time."""
    return next_run_at if next_run_at <= (started_at or next_run_at) else None


def scheduled_job(row: ScheduledRow) -> Job:
    """Return the job of a claimed scheduled task."""
    return Job(
        type="scheduled",
        name=row.name,
        title=row.title,
        plugin=row.plugin,
        run_id=row.run_id or "",
        due_at=_slot(row.next_run_at, row.started_at),
        started_at=row.started_at or 0.0,
        fail_delay=row.fail_delay,
        attempt=row.failures + 1,
        last_run_at=row.last_run_at,
        last_success_at=row.last_success_at,
        hostname=row.hostname or "",
        pid=row.pid or 0,
    )


def adhoc_job(row: AdhocRow) -> Job:
    """Return the job of a claimed adhoc task."""
    return Job(
        type="adhoc",
        name=row.name,
        title=row.name,
        plugin=row.plugin,
        run_id=row.run_id or "",
        due_at=row.next_run_at,
        started_at=row.started_at or 0.0,
        fail_delay=row.fail_delay,
        attempt=row.tries,
        last_run_at=None,
        last_success_at=None,
        adhoc_id=row.id,
        custom_data=row.custom_data,
        user=row.user,
        attempts_left=row.attempts_left,
        hostname=row.hostname or "",
        pid=row.pid or 0,
    )


def running_job(row: RunningRow) -> Job:
    """Return the job of a run under way, of which another process may know more."""
    return Job(
        type=row.type,
        name=row.name,
        title=row.title,
        plugin=row.name.partition(".")[0],
        run_id=row.run_id,
        due_at=row.due_at if row.type == "adhoc" else _slot(row.due_at, row.started_at),
        started_at=row.started_at,
        fail_delay=row.fail_delay,
        attempt=row.attempt,
        last_run_at=None,
        last_success_at=None,
        adhoc_id=row.adhoc_id,
        user=row.user,
        attempts_left=row.attempts_left,
        hostname=row.hostname,
        pid=row.pid,
    )


class FinishedRun(NamedTuple):
    """The run to settle, and its task: seconds it had waited before, attempts it still has (adhoc).

    `retry_in`: the seconds the task asked to wait; `gives_up`: it is not to be tried again; `has_more`: it
    has done a part of its work; `by_hand`: a failure changes nothing of when it is tried next. The run
    journal holds these fields by their names.
    """

    run: Run
    fail_delay: int
    attempts_left: int | None = None
    retry_in: float = 0.0
    gives_up: bool = False
    has_more: bool = False
    by_hand: bool = False

    @property
    def is_exhausted(self) -> bool:
        """Whether the task is not done and will not be tried again."""
        wants_another = self.run.failed or self.run.outcome == "delayed"
        has_no_more = self.attempts_left is not None and (self.gives_up or self.attempts_left <= 0)
        return wants_another and has_no_more
