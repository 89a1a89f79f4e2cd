"""A claimed task on its way through the runner: the job, what its code did, the finished run.

While it runs, the context is what its task may ask and use.
"""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from taskrunner.config.load import load_callable
from taskrunner.db import open_task_connection
from taskrunner.errors import ConfigError
from taskrunner.records import Run
from taskrunner.runner.log_file import storable
from taskrunner.store import Store, open_store
from taskrunner.task import Failed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from taskrunner.config import Config
    from taskrunner.db import TaskConnection
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


PROGRESS_INTERVAL = 1.0
"""Seconds between two writes of a task's progress."""

SHOWN_INTERVAL = 0.1
"""Seconds between two showings of it to a person who waits for the task."""


@dataclass(slots=True)
class Context:
    """A `task.RunContext`: what it opens is opened at first use and closed by `leave`."""

    run_id: str
    task_name: str
    user: str | None
    fail_delay: int
    attempt: int
    last_run_at: float | None
    last_success_at: float | None
    runner_id: str
    config: Config
    show_progress: Callable[[float, float, str], None] | None = None
    clears_caches: bool = False
    _connection: TaskConnection | None = None
    _store: Store | None = None
    _progress_noted_at: float = 0.0
    _progress_shown_at: float = 0.0

    def count_statements(self) -> tuple[int, int]:
        """Return how many statements the task has read with, and written with."""
        return (self._connection.reads, self._connection.writes) if self._connection else (0, 0)

    def open_db(self) -> Any:
        """Return the task's counted connection."""
        if self._connection is None:
            own = self.config.task_database.url
            self._connection = open_task_connection(
                own or self.config.database, task=self.task_name, may_create=own is not None
            )
        return self._connection.connection

    def open_store(self) -> Store:
        """Return the store for what a task does with taskrunner itself: queueing, progress."""
        if self._store is None:
            self._store = open_store(self.config.database, lock_database=self.config.lock_database)
        return self._store

    def note_progress(self, done: float, total: float, text: str) -> None:
        """Store how far the task has come, at most once a second and at the end; show it more often."""
        now, text = time.monotonic(), storable(text)
        if self.show_progress and (done >= total or now - self._progress_shown_at >= SHOWN_INTERVAL):
            self._progress_shown_at = now
            self.show_progress(done, total, text)
        if done >= total or now - self._progress_noted_at >= PROGRESS_INTERVAL:
            self._progress_noted_at = now
            runners = self.open_store().runners
            runners.progress(self.runner_id, self.run_id, now=time.time(), done=done, total=total, text=text)

    def leave(self) -> bool:
        """Close what was opened; return whether the task left a transaction open, which is rolled back."""
        if self._store is not None:
            self._store.close()
        return self._connection.leave() if self._connection else False


def context_of(
    job: Job,
    config: Config,
    *,
    runner_id: str,
    show_progress: Callable[[float, float, str], None] | None = None,
) -> Context:
    """Return the context of the run of a job."""
    return Context(
        run_id=job.run_id,
        task_name=job.name,
        user=job.user,
        fail_delay=job.fail_delay,
        attempt=job.attempt,
        last_run_at=job.last_run_at,
        last_success_at=job.last_success_at,
        runner_id=runner_id,
        config=config,
        show_progress=show_progress,
    )


class RunFacts(NamedTuple):
    """What the context managers of `[run] around` are called with."""

    name: str
    type: str
    run_id: str
    attempt: int
    custom_data: Any
    user: str | None


AROUND = "[run] around"


@contextmanager
def entered_around(names: Sequence[str], facts: RunFacts) -> Iterator[None]:
    """Enter the context managers of `[run] around` in order; what is raised inside passes each of them.

    One that swallows it makes no success of it: it is raised again. Raises Failed for one that cannot be
    imported, or gives no context manager.
    """
    raised: BaseException | None = None
    with ExitStack() as stack:
        for name in names:
            stack.enter_context(_manager(name, facts))
        try:
            yield
        except BaseException as error:
            raised = error
            raise
    if raised is not None:
        raise raised


def _manager(name: str, facts: RunFacts) -> AbstractContextManager[Any]:
    try:
        manager = load_callable(name, setting=AROUND)(facts)
    except ConfigError as error:
        raise Failed(str(error)) from error
    if not hasattr(type(manager), "__enter__"):
        kind = type(manager).__name__
        raise Failed(
            f"{AROUND} = {name!r} gave a {kind}, which is not a context manager; use @contextmanager"
        )
    return manager  # type: ignore[no-any-return]


RESOLVER = "[users] resolver"


def why_no_user(resolver: str | None, user: str) -> str | None:
    """Return why nobody can be found who a task runs for, or None if the resolver can be asked."""
    if resolver is None:
        return f"it is for the user {user!r}, and {RESOLVER} is not set: it is never run as somebody else"
    try:
        load_callable(resolver, setting=RESOLVER)
    except ConfigError as error:
        return str(error)
    return None


def acting_as(resolver: str | None, user: str | None) -> AbstractContextManager[Any]:
    """Return what is to be entered around a run: what the `[users] resolver` makes of the user.

    Nothing for a task without a user. Raises ConfigError when the resolver cannot be found, or there is none;
    what it raises itself, UnknownUserError above all, passes through.
    """
    if user is None:
        return nullcontext()
    if problem := why_no_user(resolver, user):
        raise ConfigError(problem)
    manager: AbstractContextManager[Any] = load_callable(str(resolver), setting=RESOLVER)(user)
    return manager
