"""What the attributes of a task class may be."""

from __future__ import annotations

from math import inf
from reprlib import repr as short_repr
from typing import TYPE_CHECKING, Any

from taskrunner.errors import InvalidScheduleError
from taskrunner.plugins.blame import describe
from taskrunner.schedule import Schedule, parse_schedule
from taskrunner.schedule.zones import get_zone
from taskrunner.task import AdhocTask, ScheduledTask, Task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

LONGEST_NAME = 128
LONGEST_INTEGER = 2**31 - 1  # PostgreSQL: integer


def problems_of(task: type[Task], name: str) -> Iterator[str]:
    """Yield in one line each what is wrong with a task class that is to be called `name`."""
    if len(name) > LONGEST_NAME:
        yield f"the name {name} has {len(name)} characters; there may be {LONGEST_NAME}"
    yield from _misfits(task, COMMON)
    yield from task._attribute_problems()
    if issubclass(task, ScheduledTask):
        yield from _misfits(task, SCHEDULED)
        yield from _schedule_problems(task, name)
    if issubclass(task, AdhocTask):
        yield from _misfits(task, ADHOC)
    if issubclass(task, ScheduledTask) and issubclass(task, AdhocTask):
        yield "a task is a ScheduledTask or an AdhocTask, not both"


def schedule_text(task: type[ScheduledTask]) -> str:
    """Return the schedule of a class without problems, as `parse_schedule` reads it."""
    schedule = task.schedule
    return schedule if isinstance(schedule, str) else schedule.text


def schedule_zone(task: type[ScheduledTask]) -> str | None:
    """Return the zone that the class names, or its Schedule; None: that of the config."""
    if task.timezone is not None or not isinstance(task.schedule, Schedule):
        return task.timezone
    return task.schedule.explicit_timezone


def _misfits(task: type[Task], rules: Mapping[str, tuple[Callable[[Any], bool], str]]) -> Iterator[str]:
    for attribute, (fits, wanted) in rules.items():
        value = getattr(task, attribute)
        if not fits(value):
            yield f"{attribute} must be {wanted}, not {short_repr(value)}"


def _schedule_problems(task: type[ScheduledTask], name: str) -> Iterator[str]:
    text = getattr(getattr(task, "schedule", None), "text", getattr(task, "schedule", None))
    if text is None:
        yield 'schedule is missing; write for example schedule = "0 3 * * *"'
    elif not isinstance(text, str):
        yield f"schedule must be a text, a Schedule or an Every, not {short_repr(text)}"
    else:
        yield from _refusal(lambda: parse_schedule(text, name=name))
    if isinstance(zone := task.timezone, str):
        yield from _refusal(lambda: get_zone(zone))


def _refusal(attempt: Callable[[], object]) -> Iterator[str]:
    try:
        attempt()
    except InvalidScheduleError as error:
        yield describe(error)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_truth(value: object) -> bool:
    return isinstance(value, bool)


def _is_timeout(value: Any) -> bool:
    return value is None or (type(value) in (int, float) and 0 < value < inf)


def _is_integer_from(low: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and low <= value <= LONGEST_INTEGER


def _is_limit(value: Any) -> bool:
    return value is None or _is_integer_from(0)(value)


def _is_one_of(*allowed: str | None) -> Callable[[Any], bool]:
    return lambda value: (value is None or isinstance(value, str)) and value in allowed


COMMON = {
    "title": (_is_text, "a text"),
    "timeout": (_is_timeout, "None or a number of seconds above 0"),
    "isolation": (_is_one_of("none", "fork", None), '"none", "fork" or None'),
    "run_if_plugin_disabled": (_is_truth, "True or False"),
}
SCHEDULED = {
    "timezone": (lambda value: value is None or _is_text(value), "None or the name of a time zone"),
    "disabled": (_is_truth, "True or False"),
    "misfire": (_is_one_of("run", "skip"), '"run" or "skip"'),
    "misfire_grace": (_is_integer_from(0), "a whole number of seconds from 0 on"),
}
ADHOC = {
    "concurrency_limit": (_is_limit, "None or a whole number from 0 on"),
    "retry": (_is_truth, "True or False"),
    "attempts": (_is_integer_from(1), "a whole number from 1 on"),
}
