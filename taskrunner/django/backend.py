"""The backend for Django's `TASKS`: a task becomes a row in the queue, in the application's transaction."""

from __future__ import annotations

import os
import time
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import router, transaction
from django.utils import timezone
from django.utils.crypto import get_random_string
from django.utils.module_loading import import_string

from taskrunner.django import ATTRIBUTES
from taskrunner.django.database import queued_row, store_on
from taskrunner.queueing import END_OF_CALENDAR, bring_visits_forward, new_task

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from taskrunner.django.models import Result


def _package() -> str:
    for name in ("django.tasks", "django_tasks"):
        try:
            import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
        else:
            return name
    raise ImproperlyConfigured("taskrunner.django needs Django 6, or: pip install 'taskrunner-cron[django]'")


PACKAGE = _package()
"""The name of the package."""

tasks: Any = import_module(PACKAGE)
base: Any = import_module(f"{PACKAGE}.base")
backends: Any = import_module(f"{PACKAGE}.backends.base")
exceptions: Any = import_module(f"{PACKAGE}.exceptions")
signals: Any = import_module(f"{PACKAGE}.signals")
json_module = "django.utils.json" if PACKAGE == "django.tasks" else f"{PACKAGE}.utils"
normalize_json: Any = import_module(json_module).normalize_json
InvalidTask: Any = getattr(exceptions, "InvalidTaskError", None) or exceptions.InvalidTask
Status: Any = base.TaskResultStatus


PLUGIN = "django"
"""The plugin whose tasks the functions are: `django.shop.tasks.send_mail`."""

LOST = "taskrunner.errors.TaskrunnerError"
"""The class of the error of a task that ended without one: cancelled, or its process died."""


class TaskrunnerBackend(backends.BaseTaskBackend):
    """Queues Django's tasks for `taskrun cron`.

    OPTIONS: `ATTRIBUTES`, those of all its tasks; `MODULES`, modules with tasks besides
    `<application>.tasks`; `CONFIG`, the path of taskrunner.toml (default: beside manage.py); `WEB_URL`,
    where the web administration is.
    """

    supports_defer = True
    supports_async_task = True
    supports_get_result = True
    supports_priority = True

    def enqueue(self, task: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Queue a task and return its result, in the transaction that is open, if one is."""
        from taskrunner.django.models import Result

        self.validate_task(task)
        _check_is_found(task.func)
        now = time.time()
        run_after = _aware(task.run_after)
        due_at = _epoch(run_after, now)
        result_id = get_random_string(32)
        arguments = {"args": normalize_json(args), "kwargs": normalize_json(kwargs)}
        function = path_of(task.func)
        attempts, retry = _attempts_of(task)
        new = new_task(
            f"{PLUGIN}.{function}",
            {**arguments, "result": result_id},
            user=None,
            next_run_at=due_at,
            retry=retry,
            attempts=attempts,
        )
        alias = router.db_for_write(Result)
        with transaction.atomic(using=alias):
            adhoc = store_on(alias).adhoc
            [adhoc_id] = adhoc.add([new], now)
            if task.priority:
                adhoc.prioritise(adhoc_id, task.priority)
            stored = Result.objects.using(alias).create(
                id=result_id,
                adhoc_id=adhoc_id,
                function=function,
                backend=self.alias,
                queue_name=task.queue_name,
                priority=task.priority,
                run_after=_as_stored(run_after),
                enqueued_at=timezone.now(),
                **arguments,
            )
        transaction.on_commit(lambda: bring_visits_forward(config_file(self.options), due_at), using=alias)
        result = result_of(stored, task=task, status=Status.READY)
        signals.task_enqueued.send(type(self), task_result=result)
        return result

    def get_result(self, result_id: str) -> Any:
        """Return the result of an enqueued task. Raises TaskResultDoesNotExist."""
        from taskrunner.django.models import Result

        stored = Result.objects.filter(id=str(result_id)).first()
        if stored is None:
            raise exceptions.TaskResultDoesNotExist(result_id)
        return result_of(stored)

    def check(self, **kwargs: Any) -> Iterator[Any]:
        """Yield what keeps tasks from being run."""
        from taskrunner.django.apps import problems_of

        yield from problems_of(self)


def path_of(function: Any) -> str:
    """Return the dotted name of a function."""
    return f"{function.__module__}.{function.__qualname__}"


def config_file(options: Mapping[str, Any]) -> Path:
    """Return where taskrunner.toml is: as OPTIONS or the environment says, else in BASE_DIR."""
    named = options.get("CONFIG") or os.environ.get("TASKRUN_CONFIG")
    return Path(named or Path(getattr(settings, "BASE_DIR", "."), "taskrunner.toml"))


def modules_of_tasks() -> list[str]:
    """Return the modules in which tasks are looked for: `<application>.tasks`, and those of OPTIONS."""
    given = (one.get("OPTIONS", {}).get("MODULES", ()) for one in getattr(settings, "TASKS", {}).values())
    named = [f"{application.name}.tasks" for application in apps.get_app_configs()]
    return [*named, *(module for modules in given for module in modules)]


def is_found(function: Any) -> bool:
    """Return whether a cron finds a function: it lies in a module of tasks, or below one."""
    module = f"{function.__module__}."
    return any(module.startswith(f"{name}.") for name in modules_of_tasks())


def _check_is_found(function: Any) -> None:
    if not is_found(function):
        raise InvalidTask(
            f"taskrunner does not look for tasks in {function.__module__}: move {function.__qualname__} to"
            ' the tasks module of an application, or name the module in TASKS[…]["OPTIONS"]["MODULES"]'
        )


def attributes_of(task: Any) -> dict[str, Any]:
    """Return the attributes of a task: those of its backend's OPTIONS, then those of @attributes."""
    options = task.get_backend().options
    return {**options.get("ATTRIBUTES", {}), **getattr(task.func, ATTRIBUTES, {})}


def _attempts_of(task: Any) -> tuple[int, bool]:
    from taskrunner.task import AdhocTask

    given = attributes_of(task)
    return given.get("attempts", AdhocTask.attempts), given.get("retry", AdhocTask.retry)


def _aware(moment: datetime | None) -> datetime | None:
    """Return a moment with its time zone: one without is of the project's."""
    if moment is None or timezone.is_aware(moment):
        return moment
    return moment.replace(tzinfo=timezone.get_default_timezone())


def _as_stored(moment: datetime | None) -> datetime | None:
    """Return an aware moment as a DateTimeField takes it: without its zone if USE_TZ is False."""
    if moment is None or settings.USE_TZ:
        return moment
    return moment.astimezone(timezone.get_default_timezone()).replace(tzinfo=None)


def _epoch(moment: datetime | None, now: float) -> float:
    return now if moment is None else min(max(moment.timestamp(), 0.0), END_OF_CALENDAR - 1)


def result_of(stored: Result, *, task: Any = None, status: Any = None) -> Any:
    """Return what Django calls a TaskResult of a stored one; its state is that of the queue."""
    queued = None if status else queued_row(stored._state.db or "default", int(stored.adhoc_id))
    status = status or status_of(stored, queued)
    is_finished = status in (Status.SUCCESSFUL, Status.FAILED)
    result = base.TaskResult(
        task=task or _task_of(stored),
        id=stored.id,
        status=status,
        enqueued_at=stored.enqueued_at,
        started_at=stored.started_at,
        last_attempted_at=stored.last_attempted_at,
        finished_at=(stored.finished_at or stored.last_attempted_at or timezone.now())
        if is_finished
        else None,
        args=stored.args,
        kwargs=stored.kwargs,
        backend=stored.backend,
        errors=[base.TaskError(**error) for error in _errors(stored, status, queued)],
        worker_ids=list(stored.run_ids),
    )
    object.__setattr__(result, "_return_value", stored.return_value)
    return result


def status_of(stored: Result, queued: Mapping[str, Any] | None) -> Any:
    """Return the state of a task: whether it waits or runs is what its row in the queue says."""
    if stored.succeeded:
        return Status.SUCCESSFUL
    if queued is None or (queued["run_id"] is None and queued["attempts_left"] <= 0):
        return Status.FAILED
    return Status.RUNNING if queued["run_id"] is not None else Status.READY


def _errors(stored: Result, status: Any, queued: Mapping[str, Any] | None) -> list[dict[str, str]]:
    """Return the errors of all attempts; one that was cancelled, or died with its process, has one, too."""
    if status != Status.FAILED or stored.errors:
        return list(stored.errors)
    message = (queued and queued["message"]) or "the task was cancelled, or its process died"
    return [{"exception_class_path": LOST, "traceback": message}]


def _task_of(stored: Result) -> Any:
    """Return the task as it was enqueued."""
    task = import_string(stored.function)
    if not isinstance(task, base.Task):
        raise InvalidTask(f"{stored.function} is not a task any more")
    return task.using(
        priority=stored.priority,
        queue_name=stored.queue_name,
        run_after=stored.run_after,
        backend=stored.backend,
    )
