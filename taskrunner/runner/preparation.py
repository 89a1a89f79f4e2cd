"""Before a run: the task is loaded, and asked whether it wants to run."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from taskrunner.custom_data import decode
from taskrunner.errors import PluginError
from taskrunner.runner.output.capture import printing_to
from taskrunner.task import AdhocTask, ScheduledTask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from taskrunner.plugins import Registry
    from taskrunner.runner.job import Job
    from taskrunner.runner.output import Output
    from taskrunner.task import Task


@dataclass(frozen=True, slots=True)
class Ready:
    """A task that is to run. `make` gives it, or raises what its own code raised while it was prepared."""

    make: Callable[[], Task]


@dataclass(frozen=True, slots=True)
class Skip:
    """Why a claimed task is not run now; `off` when it is not to run at all as things are."""

    reason: str
    off: bool


@dataclass(frozen=True, slots=True)
class Unloadable:
    """Why an adhoc task cannot even be made: its plugin, or its custom data, has to be mended first."""

    error: PluginError


@dataclass(frozen=True, slots=True)
class Preparer:
    """Prepares claimed tasks."""

    registry: Registry
    output: Output

    def prepare(self, job: Job, *, asking: bool) -> Ready | Skip | Unloadable:
        """Load a task, and let it refuse if it is to be asked; what it raises here it raises in its run."""
        if job.type == "adhoc":
            return self._prepare_adhoc(job)
        try:
            with self._aside():
                task = self.registry.load(job.name)()
                refusal = _asked(task) if asking else None
        except BaseException as error:
            return Ready(_raising(error))
        return refusal or Ready(lambda: task)

    def _prepare_adhoc(self, job: Job) -> Ready | Unloadable:
        """Its class prints when it is imported, once in a process; the task itself is made in its run."""
        try:
            with nullcontext() if self.registry.has_loaded(job.name) else self._aside():
                task_class = self.registry.load(job.name)
            custom_data = decode(job.custom_data or "null")
        except PluginError as error:
            return Unloadable(error)
        except BaseException as error:
            return Ready(_raising(error))
        return Ready(partial(_with_data, task_class, custom_data))

    @contextmanager
    def _aside(self) -> Iterator[None]:
        """Keep what loading a plugin prints, and put it into the log only if there is any."""
        with tempfile.TemporaryFile() as aside:
            try:
                with printing_to(aside.fileno()):
                    yield
            finally:
                size = os.fstat(aside.fileno()).st_size
                if size:
                    printed = os.pread(aside.fileno(), size, 0).decode("utf-8", "replace")
                    self.output.say(printed.rstrip("\n"))


def _with_data(task_class: type[Task], custom_data: object) -> Task:
    """Return the adhoc task to execute.

    The custom data is all that a queued task carries: its `__init__` was called where it was queued, perhaps
    with other arguments, and is not called again.
    """
    task = task_class.__new__(task_class)
    if isinstance(task, AdhocTask):
        task.custom_data = custom_data
    return task


def _asked(task: Task) -> Skip | None:
    """Ask a scheduled task whether it may run at all, and whether it wants to."""
    if not isinstance(task, ScheduledTask):
        return None
    runnable = task.is_runnable()
    if runnable is not True:
        return Skip(runnable or "the configuration does not allow it", off=True)
    return None if task.should_run() else Skip("it has nothing to do", off=False)


def _raising(error: BaseException) -> Callable[[], Task]:
    def make() -> Task:
        raise error

    return make
