"""The context of a run: what its task may ask and use while it runs."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from taskrunner.config.load import load_callable
from taskrunner.db import open_task_connection
from taskrunner.errors import ConfigError
from taskrunner.runner.log_file import storable
from taskrunner.store import Store, open_store
from taskrunner.task import Failed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from taskrunner.config import Config
    from taskrunner.db import TaskConnection
    from taskrunner.runner.job import Job

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
