"""One claimed task on its way through the runner, scheduled or adhoc."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from taskrunner.records import AdhocRow, Run, ScheduledRow

Claimed = Callable[[], "Job | None"]
"""Gives the job that was claimed, None: there was none; to be called after the transaction of the claim."""

Claim = Callable[[], Claimed]
"""Claims a job by the answers to what was asked, in the same transaction."""

Search = Callable[[], Claim]
"""Asks the database what decides who goes next, in a transaction.

The three steps let a server be asked along with one statement and told along with another.
"""


def nothing() -> Job | None:
    """No job was claimed."""
    return None


def no_search() -> Claim:
    """No job is looked for."""
    return lambda: nothing


@dataclass(frozen=True, slots=True)
class Job:
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

    @property
    def label(self) -> str:
        """How the lines of the log call it."""
        return f"{self.title} ({self.name})" if self.type == "scheduled" else self.name


def scheduled_job(row: ScheduledRow) -> Job:
    """Return the job of a claimed scheduled task."""
    return Job(
        type="scheduled",
        name=row.name,
        title=row.title,
        plugin=row.plugin,
        run_id=row.run_id or "",
        due_at=row.next_run_at,
        started_at=row.started_at or 0.0,
        fail_delay=row.fail_delay,
        attempt=row.failures + 1,
        last_run_at=row.last_run_at,
        last_success_at=row.last_success_at,
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
    )


@dataclass(frozen=True, slots=True)
class Ended:
    """The run to record, and its task: seconds it had waited before, attempts it still has (adhoc).

    `retry_in`: the seconds the task asked to wait; `gives_up`: it is not to be tried again; `has_more`: it
    has done a part of its work.
    """

    run: Run
    fail_delay: int
    attempts_left: int | None = None
    retry_in: float = 0.0
    gives_up: bool = False
    has_more: bool = False

    @property
    def is_exhausted(self) -> bool:
        """Whether the task is not done and will not be tried again."""
        wants_another = self.run.failed or self.run.outcome == "delayed"
        has_no_more = self.attempts_left is not None and (self.gives_up or self.attempts_left <= 0)
        return wants_another and has_no_more


@dataclass(frozen=True, slots=True)
class Ending:
    """The outcome, why, and where; the rest is what the task asked for."""

    outcome: str
    message: str | None = None
    backtrace: str = ""
    retry_in: float = 0.0
    gives_up: bool = False
    has_more: bool = False
    clears_caches: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """Statements read and written, CPU seconds, and the largest resident memory in bytes."""

    reads: int
    writes: int
    cpu_seconds: float
    max_rss: int
