"""One crontab line runs all your Python maintenance tasks. These are the names a task author imports."""

TYPE_CHECKING = False  # as type checkers know it; `typing` costs as much as starting Python does
if TYPE_CHECKING:
    from taskrunner.errors import TaskrunnerError as TaskrunnerError
    from taskrunner.queueing import clear_static_caches as clear_static_caches
    from taskrunner.queueing import queue_adhoc_task as queue_adhoc_task
    from taskrunner.queueing import queue_adhoc_tasks as queue_adhoc_tasks
    from taskrunner.queueing import reschedule_or_queue_adhoc_task as reschedule_or_queue_adhoc_task
    from taskrunner.schedule import Every as Every
    from taskrunner.schedule import Schedule as Schedule
    from taskrunner.task import MORE as MORE
    from taskrunner.task import AdhocTask as AdhocTask
    from taskrunner.task import GiveUp as GiveUp
    from taskrunner.task import More as More
    from taskrunner.task import RetryLater as RetryLater
    from taskrunner.task import ScheduledTask as ScheduledTask
    from taskrunner.task import UnknownUserError as UnknownUserError
    from taskrunner.task import mtrace as mtrace
    from taskrunner.task import mtrace_exception as mtrace_exception

__version__ = "0.1.0"

_HOMES = {
    "AdhocTask": "taskrunner.task",
    "Every": "taskrunner.schedule",
    "GiveUp": "taskrunner.task",
    "MORE": "taskrunner.task",
    "More": "taskrunner.task",
    "RetryLater": "taskrunner.task",
    "Schedule": "taskrunner.schedule",
    "ScheduledTask": "taskrunner.task",
    "TaskrunnerError": "taskrunner.errors",
    "UnknownUserError": "taskrunner.task",
    "clear_static_caches": "taskrunner.queueing",
    "mtrace": "taskrunner.task",
    "mtrace_exception": "taskrunner.task",
    "queue_adhoc_task": "taskrunner.queueing",
    "queue_adhoc_tasks": "taskrunner.queueing",
    "reschedule_or_queue_adhoc_task": "taskrunner.queueing",
}
"""Where each public name lives: imported when asked for, because a minute without work asks for none."""

__all__ = [*sorted(_HOMES), "__version__"]  # noqa: PLE0604


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module 'taskrunner' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
