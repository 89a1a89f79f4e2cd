"""The functions of a Django project as tasks, and what is done around each run.

Importing this module sets Django up; `[run] environment` names the settings.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

import django
from django.apps import apps
from django.db import close_old_connections, connections
from django.utils import timezone
from django.utils.module_loading import module_has_submodule

from taskrunner.django import ATTRIBUTES, SCHEDULE

if not apps.ready:
    django.setup()

from taskrunner.django.backend import (  # noqa: E402 - needs the settings
    Status,
    attributes_of,
    base,
    modules_of_tasks,
    normalize_json,
    path_of,
    result_of,
    signals,
)
from taskrunner.django.models import Result  # noqa: E402
from taskrunner.errors import PluginError  # noqa: E402
from taskrunner.task import AdhocTask, GiveUp, RetryLater, ScheduledTask, format_traceback, mtrace  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

KEPT_DAYS = 28
"""Days for which the result of a task is kept that has left the queue."""


@contextmanager
def around(run: Any) -> Iterator[None]:
    """Give each run fresh connections, and leave none open behind it: for `[run] around`."""
    close_old_connections()
    try:
        yield
    finally:
        connections.close_all()


class FunctionTask(AdhocTask):
    """A function with @task, called with the arguments that it was enqueued with."""

    _task: ClassVar[Any]

    def execute(self) -> None:
        """Call the function; what it returns or raises is kept in its result."""
        stored = Result.objects.filter(id=self.custom_data["result"]).first()
        if stored is None:  # deleted, or of another copy of the database
            self._task.call(*self.custom_data["args"], **self.custom_data["kwargs"])
            return
        now = timezone.now()
        stored.started_at = stored.started_at or now
        stored.last_attempted_at = now
        stored.finished_at = None
        stored.run_ids = [*stored.run_ids, self.run_id]
        stored.save()
        task = self._task.using(
            priority=stored.priority, queue_name=stored.queue_name, backend=stored.backend
        )
        result = result_of(stored, task=task, status=Status.RUNNING)
        signals.task_started.send(type(task.get_backend()), task_result=result)
        try:
            context = (base.TaskContext(task_result=result),) if task.takes_context else ()
            value = normalize_json(task.call(*context, *stored.args, **stored.kwargs))
        except RetryLater:
            raise
        except BaseException as error:
            self._note_failure(stored, task, error)
            raise
        stored.refresh_from_db()
        stored.finished_at, stored.succeeded, stored.return_value = timezone.now(), True, value
        stored.save()
        self._tell_end(stored, task, Status.SUCCESSFUL)

    def _note_failure(self, stored: Result, task: Any, error: BaseException) -> None:
        close_old_connections()
        stored.finished_at = timezone.now()
        found = {"exception_class_path": path_of(type(error)), "traceback": format_traceback(error)}
        stored.errors = [*stored.errors, found]
        stored.save()
        queued = stored.queued()
        if isinstance(error, GiveUp) or queued is None or queued["attempts_left"] <= 0:
            self._tell_end(stored, task, Status.FAILED)

    def _tell_end(self, stored: Result, task: Any, status: Any) -> None:
        result = result_of(stored, task=task, status=status)
        signals.task_finished.send(type(task.get_backend()), task_result=result)


class FunctionSchedule(ScheduledTask):
    """A function with @scheduled."""

    _function: ClassVar[Any]

    def execute(self) -> Any:
        """Call the function. It may return MORE, as `execute` of a class may."""
        return type(self)._function()


class ForgetResults(ScheduledTask):
    """Delete the results of tasks that left the queue four weeks ago."""

    schedule = "H 3 * * *"

    def execute(self) -> None:
        """Delete results that nobody has asked for since; those of queued tasks stay."""
        before = timezone.now() - timedelta(days=KEPT_DAYS)
        old = Result.objects.filter(enqueued_at__lt=before)
        gone = [one.id for one in old.iterator() if one.queued() is None]
        for start in range(0, len(gone), 500):
            Result.objects.filter(id__in=gone[start : start + 500]).delete()
        mtrace(f"{len(gone)} results deleted")


def declared(module: str) -> dict[str, type[ScheduledTask | AdhocTask]]:
    """Return a task class for each function with @task or @scheduled, by its dotted name.

    `module` is the module of the plugin that declares them.
    """
    found: dict[str, type[ScheduledTask | AdhocTask]] = {}
    for name in modules_of_tasks():
        _import(name)
    for loaded in _modules_of_tasks():
        for value in list(vars(loaded).values()):
            if (made := _class_of(value, loaded.__name__, module)) is not None:
                found[made[0]] = made[1]
    return found


def watched() -> list[str]:
    """Return the folders of applications in which a module of tasks can appear."""
    return [application.path for application in apps.get_app_configs()]


def _import(name: str) -> None:
    package, _, module = name.rpartition(".")
    is_there = not package or module_has_submodule(import_module(package), module)
    if is_there:
        import_module(name)


def _modules_of_tasks() -> list[ModuleType]:
    roots = tuple(f"{name}." for name in modules_of_tasks())
    return [module for name, module in list(sys.modules.items()) if f"{name}.".startswith(roots)]


def _class_of(value: Any, of: str, module: str) -> tuple[str, type[ScheduledTask | AdhocTask]] | None:
    """Return name and class of a function that is a task, defined in the module `of`, else None."""
    is_task = isinstance(value, base.Task)
    function = value.func if is_task else value
    schedule = getattr(function, SCHEDULE, None)
    if getattr(function, "__module__", None) != of or not (is_task or schedule is not None):
        return None
    own: dict[str, Any] = attributes_of(value) if is_task else dict(getattr(function, ATTRIBUTES))
    if unknown := sorted(
        name for name in own if name.startswith("_") or name in ("execute", "name", "schedule")
    ):
        raise PluginError(f"{path_of(function)}: {unknown[0]} is not an attribute that can be given")
    own |= {"__module__": module, "__doc__": function.__doc__ or path_of(function)}
    if is_task:
        return path_of(function), type(function.__name__, (FunctionTask,), own | {"_task": value})
    own |= {"schedule": schedule, "_function": staticmethod(function)}
    return path_of(function), type(function.__name__, (FunctionSchedule,), own)
