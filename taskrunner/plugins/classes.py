"""Which classes of a module are tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskrunner.task import AdhocTask, ScheduledTask

if TYPE_CHECKING:
    from types import ModuleType

    from taskrunner.task import Task


def task_classes(module: ModuleType) -> dict[str, type[Task]]:
    """Return the public task classes defined in a module, by the name they have there."""
    found: dict[type[Task], str] = {}
    for name, value in vars(module).items():
        if _is_task_of(module, value) and not name.startswith("_"):
            found.setdefault(value, name)
    return {name: task for task, name in found.items()}


def _is_task_of(module: ModuleType, value: object) -> bool:
    return (
        isinstance(value, type)
        and issubclass(value, (ScheduledTask, AdhocTask))
        and value.__module__ == module.__name__
        and not value.__name__.startswith("_")
    )
