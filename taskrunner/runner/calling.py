"""Calling a task's own code, and saying how that ended. Nothing it raises gets past here."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from taskrunner.current import CURRENT
from taskrunner.endings import GiveUp, RetryLater, UnknownUserError
from taskrunner.failure import delay_of_attempt
from taskrunner.runner.context import Context
from taskrunner.runner.ending import Ending, Usage
from taskrunner.runner.interruption import Interrupted
from taskrunner.runner.isolation import call_in_child
from taskrunner.runner.memory import peak_memory
from taskrunner.runner.output.log_file import storable
from taskrunner.runner.time_limit import OutOfTime, time_limit
from taskrunner.runner.users import acting_as
from taskrunner.trace import describe_error, format_traceback

if TYPE_CHECKING:
    from collections.abc import Callable

    from taskrunner.runner.interruption import Interruption
    from taskrunner.runner.job import Job
    from taskrunner.site import Site
    from taskrunner.task import Task

LONGEST_MESSAGE = 8192
INTERRUPTED = Ending("interrupted", "asked to stop")


@dataclass(frozen=True, slots=True)
class Caller:
    """Calls tasks, in this process or in a forked child of it."""

    site: Site
    interruption: Interruption
    runner_id: str
    show_progress: Callable[[float, float, str], None] | None = None

    def call(self, job: Job, make_task: Callable[[], Task], *, log: int) -> tuple[Ending, Usage]:
        """Make a task and execute it; `log` is the descriptor that a hanging task's traceback goes to."""
        declaration = self.site.registry.get(job.name)
        seconds = self.site.planner.timeout(declaration)
        if self.site.planner.isolation(declaration) == "none":
            return self._call_here(job, make_task, seconds=seconds, log=log)
        try:
            with self.interruption.may_end_task():
                return call_in_child(
                    partial(self._call_here, job, make_task, seconds=0.0, log=log), timeout=seconds
                )
        except Interrupted:
            return INTERRUPTED, Usage(0, 0, 0.0, 0)
        finally:
            self.interruption.listen()

    def _call_here(
        self, job: Job, make_task: Callable[[], Task], *, seconds: float, log: int
    ) -> tuple[Ending, Usage]:
        context = Context(job, self.runner_id, self.site.config, self.show_progress)
        cpu = time.process_time()
        CURRENT.run = context
        try:
            with self.interruption.may_end_task(), time_limit(seconds, log=log):
                self._execute(make_task(), context)
            ending = Ending("ok")
        except BaseException as error:
            ending = ending_of(error, job, seconds)
        finally:
            CURRENT.run = None
        self.interruption.listen()
        ending = leave(context, ending)
        return ending, Usage(context.reads, context.writes, time.process_time() - cpu, peak_memory())

    def _execute(self, task: Task, context: Context) -> None:
        task._context = context
        with acting_as(self.site.config.users.resolver, context.user):
            task.execute()


def ending_of(error: BaseException, job: Job, seconds: float) -> Ending:
    """Return what an exception that left a task means."""
    if isinstance(error, Interrupted):
        return INTERRUPTED
    if isinstance(error, RetryLater):
        return Ending("delayed", storable(describe_error(error)), retry_in=_wait(error, job))
    if isinstance(error, UnknownUserError):
        return Ending("cancelled", storable(describe_error(error)))
    if isinstance(error, OutOfTime):
        return _failed(f"ended after its timeout of {seconds:g} s", error, "timeout")
    if isinstance(error, SystemExit):
        return _failed(f"the task called sys.exit({error.code!r})", error)
    failed = _failed(describe_error(error), error)
    return replace(failed, gives_up=True) if isinstance(error, GiveUp) else failed


def _failed(message: str, error: BaseException, outcome: str = "failed") -> Ending:
    return Ending(outcome, storable(message[:LONGEST_MESSAGE]), storable(format_traceback(error)))


def _wait(error: RetryLater, job: Job) -> float:
    """Return how long a task waits that asked to: as it says, else a minute, doubled with each attempt."""
    return error.seconds if error.seconds is not None else float(delay_of_attempt(job.attempt))


def leave(context: Context, ending: Ending) -> Ending:
    """Close what the task opened; a transaction left open makes a failure of a success."""
    try:
        left_open = context.leave()
    except Exception as error:
        return _failed(f"closing the task's database connection: {describe_error(error)}", error)
    return Ending("failed", "Task left transaction open") if left_open and ending.outcome == "ok" else ending
