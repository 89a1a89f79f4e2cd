"""Before a run: the task is loaded, and asked whether it wants to run."""

from __future__ import annotations

import os
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from taskrunner.custom_data import decode
from taskrunner.errors import PluginError
from taskrunner.runner.output.capture import printing_to
from taskrunner.runner.output.spare import open_spare
from taskrunner.task import AdhocTask, ScheduledTask
from taskrunner.trace import describe_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from taskrunner.config import Config
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
    config: Config

    def prepare(self, job: Job, *, asking: bool) -> Ready | Skip | Unloadable:
        """Load a task, and let it refuse if it is to be asked; what it raises here it raises in its run."""
        if job.type == "adhoc":
            return self._prepare_adhoc(job)
        try:
            with self._aside():
                task = self._with_settings(self.registry.load(job.name)(), job)
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
        return Ready(lambda: self._with_settings(with_data(task_class, custom_data), job))

    def _with_settings(self, task: Task, job: Job) -> Task:
        task._settings = self.config.plugin_settings.get(job.plugin, {})
        task._config_folder = self.config.file.parent
        return task

    @contextmanager
    def _aside(self) -> Iterator[None]:
        """Keep what loading a plugin prints, and put it into the log only if there is any."""
        aside = open_spare()
        try:
            with printing_to(aside):
                yield
        finally:
            if size := os.fstat(aside).st_size:
                self.output.say(os.pread(aside, size, 0).decode("utf-8", "replace").rstrip("\n"))
            os.close(aside)


def with_data(task_class: type[Task], custom_data: object) -> Task:
    """Return the task to execute; raises what its `__init__` raises.

    The custom data is all that a queued adhoc task carries: its `__init__` was called where it was queued,
    perhaps with other arguments, and is not called again.
    """
    if not issubclass(task_class, AdhocTask):
        return task_class()
    task = task_class.__new__(task_class)
    task.custom_data = custom_data
    return task


def why_not_runnable(registry: Registry, name: str) -> bool | str:
    """Ask a scheduled task whether it may run at all: True, or why not, also when it cannot be asked."""
    try:
        task = registry.load(name)()
        answer = task.is_runnable() if isinstance(task, ScheduledTask) else True
    except Exception as error:
        return f"asking it fails: {describe_error(error)}"
    return answer if isinstance(answer, str) and answer else bool(answer)


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
