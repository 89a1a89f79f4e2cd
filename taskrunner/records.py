"""What the store gives back and takes: frozen rows, named as the columns are, and findings.

Moments (`…_at`) are UTC epoch seconds, lengths are seconds, truths are 0 or 1. A reply is an answer that
may still be on its way.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from taskrunner.named_tuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

EXIT_CODES = {"ok": 0, "info": 0, "warning": 1, "critical": 2, "unknown": 3}
"""Level -> exit code of a monitoring plugin (monitoring-plugins.org, development guidelines)."""

WORDS = ("OK", "WARNING", "CRITICAL", "UNKNOWN")


class Finding(NamedTuple):
    """One problem or state that a check, doctor, why, a plugin or a database reports.

    `level`: ok, info (ok, but worth a look), warning, critical or unknown. `hint`: what to type or to change
    next. `file` and `line` (from 1) where it lies in a file. `values`: its numbers by metric name, in seconds
    where the name says so.
    """

    area: str
    level: str
    message: str
    hint: str = ""
    file: str = ""
    line: int = 0
    values: Mapping[str, float] = MappingProxyType({})

    @property
    def exit_code(self) -> int:
        """The level as a monitoring plugin's exit code."""
        return EXIT_CODES[self.level]

    @property
    def word(self) -> str:
        """The level as a monitoring plugin says it."""
        return WORDS[self.exit_code]

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.message}" if place else self.message


FAILURES = frozenset({"failed", "crashed", "timeout"})
"""The outcomes that count as a failure of the task."""

OUTCOMES = (
    "ok",
    "failed",
    "crashed",
    "timeout",
    "interrupted",
    "skipped",
    "cancelled",
    "delayed",
    "superseded",
)
"""All of them."""


class ScheduledRow(NamedTuple):
    """One scheduled task: its schedule, its state, and who runs it now."""

    id: int
    name: str
    plugin: str
    title: str
    schedule: str
    timezone: str
    default_schedule: str
    own_schedule: str | None
    disabled: int
    default_disabled: int
    own_disabled: int | None
    customised: int
    blocked: str | None
    off_reason: str | None
    last_run_at: float | None
    last_ended_at: float | None
    last_success_at: float | None
    last_outcome: str | None
    last_message: str | None
    next_run_at: float
    fail_delay: int
    failing_since: float | None
    failures: int
    skips: int
    skipped_since: float | None
    skip_reason: str | None
    runner_id: str | None
    run_id: str | None
    started_at: float | None
    hostname: str | None
    pid: int | None
    interruptions: int


class AdhocRow(NamedTuple):
    """One queued adhoc task; `requested_…`: what was asked for while it ran, for when it has ended.

    `behind`: it was claimed together with another one, which runs first; it says nothing of a task that
    is not claimed.
    """

    id: int
    name: str
    plugin: str
    custom_data: str
    user: str | None
    identity: str
    once: int
    created_at: float
    next_run_at: float
    fail_delay: int
    attempts_left: int
    tries: int
    failures: int
    failing_since: float | None
    last_message: str | None
    first_started_at: float | None
    runner_id: str | None
    run_id: str | None
    started_at: float | None
    hostname: str | None
    pid: int | None
    requested_run_at: float | None
    requested_attempts: int | None
    interruptions: int
    priority: int = 0
    """Tables of an older version have none."""
    behind: int = 0


class DueClass(NamedTuple):
    """An adhoc class that has a due task: when and with which id the first one waits.

    `running`: how many tasks of it run, and when the oldest of these started.
    """

    name: str
    next_run_at: float
    first_id: int
    running: tuple[int, float] = (0, 0.0)


class QueueState(NamedTuple):
    """What the next adhoc task is chosen from: the classes that have a due task, and those that run.

    `running`: of each class that runs, how many tasks, and when the oldest of them started. `behind`: how
    many tasks were claimed together with these and wait for their turn.
    """

    due: list[DueClass]
    running: dict[str, tuple[int, float]]
    behind: int = 0


class AdhocSummary(NamedTuple):
    """How many tasks of an adhoc class are in which state, and when the next one is due."""

    name: str
    running: int
    due: int
    waiting: int
    failing: int
    given_up: int
    next_run_at: float | None


class Parked(NamedTuple):
    """The oldest queued task that could not be loaded, why, and how many there are of that kind."""

    id: int
    name: str
    last_message: str
    total: int


class Run(NamedTuple):
    """One execution of one task, and what came of it; lists of runs leave the output out ("").

    `noticed_at`: when it was noticed that its process had died; then `ended_at` is the last that is known of
    its life, and its length a lower bound. None for a run whose own process recorded its end.
    """

    run_id: str
    type: str
    name: str
    plugin: str
    adhoc_id: int | None
    user: str | None
    due_at: float | None
    started_at: float
    ended_at: float
    outcome: str
    message: str | None
    output: str
    log_file: str | None
    db_reads: int
    db_writes: int
    cpu_seconds: float
    max_rss: int
    attempt: int
    hostname: str
    pid: int
    noticed_at: float | None = None

    @property
    def failed(self) -> bool:
        """Whether the run counts as a failure of its task."""
        return self.outcome in FAILURES

    @property
    def duration(self) -> float:
        """Seconds from start to end, or to the last sign of life where nobody knows the end."""
        return self.ended_at - self.started_at

    @property
    def settled_at(self) -> float:
        """When its end was known, from which its task waits."""
        return self.ended_at if self.noticed_at is None else self.noticed_at


class RunnerRow(NamedTuple):
    """One process that runs tasks; `clock_ahead`: by how many seconds its clock was ahead when it started.

    `run_id`, `run_name` and `run_started_at` are those of a run whose task was not queued.
    """

    id: str
    hostname: str
    pid: int
    started_at: float
    command: str
    log_file: str | None
    progress_run_id: str | None
    progress_done: float | None
    progress_total: float | None
    progress_text: str | None
    clock_ahead: float
    run_id: str | None
    run_name: str | None
    run_started_at: float | None
    progress_at: float | None

    @property
    def began_at(self) -> float:
        """When it started, by the clock of the database."""
        return self.started_at - self.clock_ahead


class HostRow(NamedTuple):
    """One host that starts crons: `clock_ahead` is how many seconds its clock is ahead of the database's.

    `crons` is how many it has started; on SQLite only those count that had something to do.
    """

    hostname: str
    last_cron_at: float
    cron_interval: float | None
    clock_ahead: float
    crons: int

    @property
    def seen_at(self) -> float:
        """When its last cron started, by the clock of the database."""
        return self.last_cron_at - self.clock_ahead


class RunningRow(NamedTuple):
    """A run under way, as its claim wrote it down; `behind`: it has not started when it was claimed."""

    type: str
    name: str
    title: str
    adhoc_id: int | None
    user: str | None
    due_at: float
    fail_delay: int
    attempt: int
    attempts_left: int | None
    runner_id: str
    run_id: str
    started_at: float
    hostname: str
    pid: int
    behind: int
    log_file: str | None
    progress_done: float | None
    progress_total: float | None
    progress_text: str | None
    progress_at: float | None


class AuditRow(NamedTuple):
    """One change an administrator made, the states as JSON objects."""

    done_at: float
    login: str
    uid: int
    hostname: str
    action: str
    target: str
    state_before: str
    state_after: str


class RecentRun(NamedTuple):
    """One of the newest runs of a task: how it ended, and when."""

    name: str
    outcome: str
    started_at: float
    ended_at: float


class CronGap(NamedTuple):
    """A time in which no cron started on a host."""

    hostname: str
    began_at: float
    ended_at: float


class ClaimInfo(NamedTuple):
    """What a claim writes into the row of a task: the runner, the run, its moment and its process."""

    runner_id: str
    run_id: str
    now: float
    hostname: str
    pid: int


class Suspension(NamedTuple):
    """Tasks that an administrator has paused, or muted: by name or pattern, since when, why and by whom.

    `until`: when it ends by itself, or None if it does not.
    """

    pattern: str
    since: float
    reason: str
    until: float | None
    by: str


T = TypeVar("T")
U = TypeVar("U")


class Reply(Generic[T]):
    """An answer: known already, or one that `get` waits for by calling `read` with the arguments, once."""

    __slots__ = ("_answer", "_arguments", "_read")

    def __init__(
        self,
        answer: T | None = None,
        *,
        read: Callable[..., T] | None = None,
        arguments: tuple[Any, ...] = (),
    ) -> None:
        self._answer = answer
        self._read = read
        self._arguments = arguments

    @property
    def is_known(self) -> bool:
        """Whether `get` waits for nothing."""
        return self._read is None

    def get(self) -> T:
        """Return the answer, waiting for it if need be. Raises StoreError."""
        if self._read is not None:
            self._answer = self._read(*self._arguments)
            self._read = None
        return cast(T, self._answer)

    def then(self, convert: Callable[[T], U]) -> Reply[U]:
        """Return the reply that has this answer, converted."""
        return Reply(read=lambda: convert(self.get()))
