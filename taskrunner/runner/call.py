"""The call of a task's own code, in this process or a forked child; nothing it raises gets past here.

What the runner cannot do without is kept from the task: functions of Python, modules, a few descriptors for
files of its own. That is not in `process_state`, because it is put back before anything else is done after a
task.
"""

from __future__ import annotations

import builtins
import json
import os
import resource
import select
import signal
import sys
import threading
import time
from contextlib import contextmanager, nullcontext, suppress
from contextvars import copy_context
from dataclasses import dataclass, field
from errno import EMFILE
from functools import partial
from operator import itemgetter
from resource import RUSAGE_SELF, getrusage  # as they are before a task has replaced them
from typing import TYPE_CHECKING, Any

from taskrunner.queueing import decode_data
from taskrunner.runner.fork import call_in_child
from taskrunner.runner.job import (
    NO_USAGE,
    Context,
    Outcome,
    RunFacts,
    Usage,
    acting_as,
    context_of,
    delay_of_attempt,
    entered_around,
)
from taskrunner.runner.log_file import cut_middle, storable
from taskrunner.runner.process_state import peak_memory
from taskrunner.task import (
    CURRENT,
    MORE,
    Failed,
    GiveUp,
    Interrupted,
    OutOfTime,
    RetryLater,
    UnknownUserError,
    describe_error,
    error_words,
    flush_output,
    format_traceback,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from taskrunner.installation import Site
    from taskrunner.runner.job import Job
    from taskrunner.runner.process_state import ProcessState
    from taskrunner.runner.signals import Interruption
    from taskrunner.task import Task

OWNERS: dict[Any, tuple[str, ...]] = {
    json: ("dumps", "loads"),
    os: (
        *("open", "read", "write", "pread", "pwrite", "lseek", "close", "dup", "dup2"),
        *("fstat", "stat", "lstat"),
        *("fsync", "unlink", "replace", "mkdir", "scandir", "listdir", "getpid", "fork", "waitpid", "execv"),
        *("getcwd", "chdir", "umask", "kill", "_exit", "fspath"),
    ),
    select: ("select", "poll"),
    signal: ("signal", "getsignal", "setitimer", "pthread_sigmask", "set_wakeup_fd"),
    threading: ("Thread", "enumerate", "active_count", "main_thread", "current_thread"),
    resource: ("getrusage", "getrlimit", "setrlimit"),
    time: ("time", "time_ns", "monotonic", "perf_counter", "sleep", "tzset"),
}


LEAST_DEPTH = 300
"""Frames that settling a task may need."""

RESERVE = 16
"""Descriptors that are kept for settling a task that leaves none free, and for starting anew after it."""

NULL_DEVICE = os.stat(os.devnull).st_rdev

MOST_NAMED = 5


class VitalFunctions:
    """Knows them as they are before a task; `replaced` names those that the last one had replaced."""

    def __init__(self) -> None:
        self.replaced: list[str] = []
        self.others: list[str] = []
        """What else it has left so that the process should leave, each as a sentence."""
        self._reserve: list[int] = []
        with suppress(OSError):
            self._reserve.append(os.open(os.devnull, os.O_RDONLY))
            self._reserve += [os.dup(self._reserve[0]) for _ in range(RESERVE - 1)]
        self._finders: tuple[list[Any], list[Any]] = (list(sys.meta_path), list(sys.path_hooks))
        self._note()

    def begin_task(self) -> None:
        """A task is to run. What its plugin has replaced while it was imported stays as it is."""
        self.replaced, self.others = [], []
        if len(sys.modules) != len(self._modules):
            self._note()

    def put_back(self) -> None:
        """Put back what a task has replaced or taken away."""
        # Each comparison is one call of C, of what is most often the same object: after every task.
        for owner, namespace, get, known in self._functions:
            try:
                if get(namespace) == known:
                    continue
            except KeyError:
                pass
            self._put_back(owner, known)
        if len(sys.modules) < len(self._modules):
            self._put_back_modules()
        meta_path, path_hooks = self._finders
        if len(sys.meta_path) < len(meta_path) or len(sys.path_hooks) < len(path_hooks):
            sys.meta_path += [finder for finder in meta_path if finder not in sys.meta_path]
            sys.path_hooks += [hook for hook in path_hooks if hook not in sys.path_hooks]
            self.replaced.append("what finds modules")
        if sys.getrecursionlimit() < min(LEAST_DEPTH, self._recursion_limit):
            sys.setrecursionlimit(self._recursion_limit)
            self.others.append("it lowered the recursion limit")
        try:
            os.close(os.dup(2))
        except OSError as error:
            now, before = resource.getrlimit(resource.RLIMIT_NOFILE), self._limit
            will_be_put_back = now != before and now[1] == before[1]  # a hard one that is lower stays so
            if error.errno == EMFILE and not will_be_put_back:
                self.others.append("it left no file descriptor free")
                self.free_reserve()

    @property
    def changes(self) -> list[str]:
        """What the last task has changed, each as a sentence."""
        named = ", ".join(self.replaced[:MOST_NAMED])
        return [*([f"it replaced {named}"] if named else []), *self.others]

    def free_reserve(self) -> None:
        """Give back the descriptors that were kept: they are needed, or no task is to come."""
        for descriptor in self._reserve:
            with suppress(OSError):
                if os.fstat(descriptor).st_rdev == NULL_DEVICE:  # else a task has closed it
                    os.close(descriptor)
        self._reserve = []

    def _note(self) -> None:
        self._recursion_limit = sys.getrecursionlimit()
        self._limit = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._modules = dict(sys.modules)
        self._owners = OWNERS | {builtins: tuple(name for name in vars(builtins) if name != "_")}
        getters = [(owner, vars(owner), itemgetter(*names)) for owner, names in self._owners.items()]
        self._functions = [(owner, namespace, get, get(namespace)) for owner, namespace, get in getters]

    def _put_back(self, owner: Any, known: tuple[Any, ...]) -> None:
        missing = object()
        for name, function in zip(self._owners[owner], known, strict=True):
            if vars(owner).get(name, missing) is not function:
                vars(owner)[name] = function
                self.replaced.append(f"{owner.__name__}.{name}")

    def _put_back_modules(self) -> None:
        """Put back those that the program or Python itself would import anew; those of tasks may go."""
        gone = {
            name: module
            for name, module in self._modules.items()
            if name not in sys.modules
            and (name.startswith("taskrunner.") or name.partition(".")[0] in sys.stdlib_module_names)
        }
        self._modules = dict(sys.modules) | gone
        if gone:
            sys.modules.update(gone)
            self.replaced.append(f"sys.modules of {len(gone)} modules")


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
    custom_data = None if job.custom_data is None else decode_data(job.custom_data)
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
