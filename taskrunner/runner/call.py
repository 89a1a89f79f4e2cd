"""The call of a task's own code, in this process or a forked child; nothing it raises gets past here."""

from __future__ import annotations

import os
from contextlib import contextmanager, nullcontext
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from resource import RUSAGE_SELF, getrusage  # as they are before a task has replaced them
from typing import TYPE_CHECKING

from taskrunner.custom_data import decode
from taskrunner.retry import delay_of_attempt
from taskrunner.runner.context import Context, RunFacts, acting_as, context_of, entered_around
from taskrunner.runner.fork import call_in_child
from taskrunner.runner.job import NO_USAGE, Outcome, Usage
from taskrunner.runner.log_file import cut_middle, storable
from taskrunner.runner.process_state import peak_memory
from taskrunner.runner.signals import Interrupted, OutOfTime
from taskrunner.runner.vital_functions import VitalFunctions
from taskrunner.task import CURRENT, MORE, Failed, GiveUp, RetryLater, UnknownUserError
from taskrunner.trace import describe_error, error_words, flush_output, format_traceback

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from taskrunner.installation import Site
    from taskrunner.runner.job import Job
    from taskrunner.runner.process_state import ProcessState
    from taskrunner.runner.signals import Interruption
    from taskrunner.task import Task

LONGEST_MESSAGE = 8192
LONGEST_BACKTRACE = 128 * 1024
NOTHING = nullcontext()
"""What most tasks need around them."""

INTERRUPTED = Outcome("interrupted", "asked to stop")


@dataclass(frozen=True, slots=True)
class Caller:
    """Calls tasks, in this process or in a forked child of it."""

    site: Site
    interruption: Interruption
    runner_id: str
    show_progress: Callable[[float, float, str], None] | None = None
    process_state: ProcessState | None = None
    vital_functions: VitalFunctions = field(default_factory=VitalFunctions)

    def call(self, job: Job, make_task: Callable[[], Task], *, log: int) -> tuple[Outcome, Usage]:
        """Make a task and execute it; `log` is the descriptor that a hanging task's traceback goes to."""
        declaration = self.site.registry.get(job.name)
        seconds = self.site.planner.timeout(declaration)
        if self.site.planner.isolation(declaration) == "none":
            return self._call(
                job, make_task, partial(self.interruption.may_end_task, seconds, log=log), seconds
            )
        try:
            with self.interruption.may_end_task():
                return call_in_child(
                    partial(self._call, job, make_task, nullcontext, seconds),
                    timeout=seconds,
                    was_asked=lambda: self.interruption.asked_to_stop,
                )
        except Interrupted:  # before there was a child
            return INTERRUPTED, NO_USAGE

    def _call(
        self,
        job: Job,
        make_task: Callable[[], Task],
        limits: Callable[[], AbstractContextManager[None]],
        seconds: float,
    ) -> tuple[Outcome, Usage]:
        context = context_of(
            job, self.site.config, runner_id=self.runner_id, show_progress=self.show_progress
        )
        before, here = getrusage(RUSAGE_SELF), os.getpid()
        CURRENT.run = context
        try:
            with limits():
                outcome = self._outcome(make_task, context, job, seconds)
        except BaseException as error:  # ended from outside while its error was described
            outcome = outcome_of_limit(error, seconds)
        finally:
            if os.getpid() != here:  # a child that the task forked: what follows is its parent's
                flush_output()
                os._exit(0)
            CURRENT.run = None
        outcome = leave(context, outcome)
        if context.clears_caches:
            outcome = outcome._replace(clears_caches=True)
        after = getrusage(RUSAGE_SELF)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return outcome, Usage(*context.count_statements(), round(cpu, 6), peak_memory(after))

    def _outcome(self, make_task: Callable[[], Task], context: Context, job: Job, seconds: float) -> Outcome:
        """Execute a task and return its outcome; also the text of its error is made by its own code."""
        try:
            has_more = copy_context().run(self._execute, make_task, context, job)
        except BaseException as error:
            self.vital_functions.put_back()
            return outcome_of(error, job, seconds)
        self.vital_functions.put_back()
        return Outcome("ok", has_more=has_more)

    def _execute(self, make_task: Callable[[], Task], context: Context, job: Job) -> bool:
        """Execute a task; return whether it has more to do. Raises what it raises.

        Run in a context of its own, so that context variables which the task sets end with it.
        """
        around = self.site.config.run.around
        with self._around(around, task_facts(job)) if around else NOTHING:
            task = make_task()
            task._context = context
            resolver, user = self.site.config.users.resolver, job.user
            with NOTHING if user is None else acting_as(resolver, user):
                result = task.execute()
                has_more = result is MORE
                if not (has_more or result is None):
                    check_result(result)
        if has_more and job.type == "adhoc":
            raise TypeError("only a scheduled task can return MORE: queue another task for the rest")
        return has_more

    @contextmanager
    def _around(self, names: tuple[str, ...], facts: RunFacts) -> Iterator[None]:
        """Enter what `[run] around` names; what that sets up is not reported as a change by the task."""
        with entered_around(names, facts):
            begun = self.process_state.look() if self.process_state else None
            try:
                yield
            finally:
                if self.process_state and begun is not None:
                    self.process_state.note_setup(begun)


def task_facts(job: Job) -> RunFacts:
    """Return what is passed of a run to those who are entered around it."""
    custom_data = None if job.custom_data is None else decode(job.custom_data)
    return RunFacts(job.name, job.type, job.run_id, job.attempt, custom_data, job.user)


def check_result(result: object) -> None:
    """Raise TypeError for what `execute` returned instead of doing it: work that nobody waits for."""
    kind = next((word for mark, word in UNDONE.items() if hasattr(type(result), mark)), None)
    if kind is None:
        return
    if callable(close := getattr(result, "close", None)):
        close()  # else Python warns later, in another task's log, that it was never awaited
    message = f"execute returned {kind} ({type(result).__name__}), whose work is not done"
    raise TypeError(f"{message}: {UNDONE_HINT}")


UNDONE = {
    "__await__": "an awaitable",
    "__anext__": "an async iterator",
    "__next__": "an iterator",
    "add_done_callback": "a future",
}
"""What tells work that is still to be done, by a method that its class has."""

UNDONE_HINT = "await it with asyncio.run(…), loop over it, or ask a future for its result()"


def outcome_of_limit(error: BaseException, seconds: float) -> Outcome:
    """Return what came of a run that was ended while its error was described; nothing more of it is asked."""
    if isinstance(error, Interrupted):
        return INTERRUPTED
    if isinstance(error, OutOfTime):
        return Outcome("timeout", f"ended after its timeout of {seconds:g} s, while its error was described")
    return Outcome("failed", type(error).__name__)


def outcome_of(error: BaseException, job: Job, seconds: float) -> Outcome:
    """Return what an exception that left a task means."""
    if isinstance(error, Interrupted):
        return INTERRUPTED._replace(backtrace=backtrace_of(error))
    if isinstance(error, RetryLater):
        return Outcome("delayed", _words(error), retry_in=_wait(error, job))
    if isinstance(error, UnknownUserError):
        return Outcome("cancelled", _words(error))
    if isinstance(error, OutOfTime):
        return _failed(f"ended after its timeout of {seconds:g} s", error, "timeout")
    if isinstance(error, SystemExit):
        return _failed(f"the task called sys.exit({error.code!r})", error)
    words = error_words(error)
    named = _failed(describe_error(error, words), error)
    failed = named._replace(words=storable(words[:LONGEST_MESSAGE]))
    if isinstance(error, GiveUp | Failed):  # whose words say all; what led to them may say more
        cause = "" if error.__cause__ is None else storable(format_traceback(error.__cause__))
        gives_up = isinstance(error, GiveUp)
        backtrace = cause if gives_up else ""
        return failed._replace(message=_words(error), words="", backtrace=backtrace, gives_up=gives_up)
    return failed


def _words(error: BaseException) -> str:
    """Return what the author of a task has written, or the class of the error where that is nothing."""
    try:
        words = str(error)
    except Exception:  # it cannot say it, and `describe_error` says why
        words = describe_error(error)
    return storable((words or type(error).__name__)[:LONGEST_MESSAGE])


def _failed(message: str, error: BaseException, name: str = "failed") -> Outcome:
    return Outcome(name, storable(message[:LONGEST_MESSAGE]), backtrace_of(error))


def backtrace_of(error: BaseException) -> str:
    """Return the traceback of an error as it is kept: of one that is very long, its head and its tail."""
    return storable(cut_middle(format_traceback(error), LONGEST_BACKTRACE))


def _wait(error: RetryLater, job: Job) -> float:
    """Return how long a task waits that asked to: as it says, else a minute, doubled with each attempt."""
    return error.seconds if error.seconds is not None else float(delay_of_attempt(job.attempt))


def leave(context: Context, outcome: Outcome) -> Outcome:
    """Close what the task opened; a transaction left open makes a failure of a success."""
    try:
        left_open = context.leave()
    except Exception as error:
        return _failed(f"closing the task's database connection: {describe_error(error)}", error)
    if left_open and outcome.name == "ok":
        return Outcome("failed", "Task left transaction open")
    return outcome
