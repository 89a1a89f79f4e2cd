"""Django's tasks under the crontab line: `TASKS`, functions with a schedule, `manage.py taskrun`, the admin.

Put "taskrunner.django" into INSTALLED_APPS, and TASKS = {"default": {"BACKEND":
"taskrunner.django.TaskrunnerBackend"}}. Needs Django 6, or django-tasks with an older Django.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from taskrunner.django.backend import TaskrunnerBackend as TaskrunnerBackend
    from taskrunner.schedule import Every, Schedule

__all__ = ["TaskrunnerBackend", "attributes", "scheduled"]

Function = TypeVar("Function", bound="Callable[..., Any]")

SCHEDULE = "__taskrunner_schedule__"
ATTRIBUTES = "__taskrunner_attributes__"


def scheduled(schedule: str | Schedule | Every, **attributes: Any) -> Callable[[Function], Function]:
    """Make a function of a `tasks` module a scheduled task: `@scheduled("0 3 * * *", timeout=600)`.

    It is called without arguments. `attributes` are those of a ScheduledTask class.
    """

    def decorate(function: Function) -> Function:
        if hasattr(function, "enqueue"):
            raise TypeError("@scheduled is for a plain function: call the task's function in one of its own")
        setattr(function, SCHEDULE, schedule)
        setattr(function, ATTRIBUTES, attributes)
        return function

    return decorate


def attributes(**attributes: Any) -> Callable[[Function], Function]:
    """Give a function below @task attributes of an AdhocTask class: `@attributes(attempts=1, timeout=60)`."""

    def decorate(function: Function) -> Function:
        if hasattr(function, "enqueue"):
            raise TypeError("write @attributes(…) below @task, next to the function")
        setattr(function, ATTRIBUTES, attributes)
        return function

    return decorate


def __getattr__(name: str) -> Any:
    if name == "TaskrunnerBackend":
        from taskrunner.django.backend import TaskrunnerBackend  # late: it needs Django's settings

        return TaskrunnerBackend
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
