"""What may be wrong with a task class: an `execute` that never runs, a misspelt attribute, a schedule."""

from __future__ import annotations

import inspect
from abc import ABC
from ast import literal_eval
from math import ulp
from reprlib import repr as short_repr
from sys import float_info
from types import ModuleType
from typing import TYPE_CHECKING

from taskrunner.errors import InvalidScheduleError
from taskrunner.plugins.declaration import describe
from taskrunner.schedule import Every, Schedule, parse_schedule
from taskrunner.task import AdhocTask, ScheduledTask, Task
from taskrunner.validate import Choice, Number, Rules, Truth, Whole, any_text, misfits, passes
from taskrunner.zones import get_zone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

LONGEST_NAME = 128
SHORTEST_INTERVAL = 60
LONGEST_INTEGER = 2**31 - 1  # PostgreSQL: integer


def problems_of(task: type[Task], name: str) -> Iterator[str]:
    """Yield in one line each what is wrong with a task class that is to be called `name`."""
    if len(name) > LONGEST_NAME:
        yield f"the name {name} has {len(name)} characters; there may be {LONGEST_NAME}"
    yield from _unimplemented(task)
    yield from _execute_problems(task)
    yield from _name_problems(task)
    yield from misfits(task, COMMON)
    yield from task._attribute_problems()
    if issubclass(task, ScheduledTask):
        yield from misfits(task, SCHEDULED)
        yield from _schedule_problems(task, name)
    if issubclass(task, AdhocTask):
        yield from misfits(task, ADHOC)
    if issubclass(task, ScheduledTask) and issubclass(task, AdhocTask):
        yield "a task is a ScheduledTask or an AdhocTask, not both"


def is_shared_base(task: type[Task]) -> bool:
    """Return whether a class is abstract on purpose: by ABC, by a method of its own, or without a command."""
    if not task.__abstractmethods__:
        return False
    shares_command = task.__abstractmethods__ == {"command"} and "schedule" not in vars(task)
    declares = any(getattr(value, "__isabstractmethod__", False) for value in vars(task).values())
    return ABC in task.__bases__ or declares or shares_command or "command" in _lacked_by_subclasses(task)


def _lacked_by_subclasses(task: type[Task]) -> frozenset[str]:
    """Return what a class lacks that others are built on: those add it."""
    return task.__abstractmethods__ if task.__subclasses__() else frozenset()


BASE_HINT = "if {0} is a base of other classes, name it _{0} or write class {0}(…, ABC)"
EXECUTES = ("run", "handle", "main", "perform", "process", "work", "call", "__call__")
"""What other programs call the method that is `execute` here."""


def _unimplemented(task: type[Task]) -> Iterator[str]:
    """Yield what a class lacks that is not a base of others: it could not even be made."""
    hint = BASE_HINT.format(task.__name__)
    for method in sorted(task.__abstractmethods__ - {"command"}):
        if method != "execute":
            yield f"does not implement {method}(), which a base class asks for; {hint}"
            continue
        mine = [name for name, value in _own(task).items() if _is_method(value)]
        other = next((name for name in EXECUTES if name in mine), None)
        meant = f"; did you mean {other}() to be called execute()?" if other else f"; {hint}"
        yield f"execute is missing, so nothing would be done{meant}"


def _execute_problems(task: type[Task]) -> Iterator[str]:
    """Yield why `execute` would return before its work is done, or could not be called at all."""
    static = inspect.getattr_static(task, "execute")
    function = static.__func__ if isinstance(static, staticmethod | classmethod) else static
    bound = getattr(task, "execute", None)
    if isinstance(function, property | type) or not callable(bound):
        yield f"execute must be a method, not {short_repr(function)}"
        return
    codes = (getattr(function, "func", function), bound, vars(type(function)).get("__call__"))
    for tell, message in UNFINISHED:
        if any(tell(code) for code in codes):
            yield message
            return


UNFINISHED: tuple[tuple[Callable[[object], bool], str], ...] = (
    (
        inspect.isasyncgenfunction,
        "execute is an async generator, of which nothing would run; "
        "write def execute(self) and in it asyncio.run(self.work()), with async def work(self) without yield",
    ),
    (
        inspect.iscoroutinefunction,
        "execute is a coroutine (async def), of which nothing would run; "
        "write def execute(self) and in it asyncio.run(self.work()), with async def work(self)",
    ),
    (
        inspect.isgeneratorfunction,
        "execute is a generator (it has yield), of which nothing would run; "
        "write it without yield, or loop in it over what another method yields",
    ),
)


def _own(task: type[Task]) -> dict[str, object]:
    """Return the attributes that the author's classes give, not those of taskrunner's own."""
    found: dict[str, object] = {}
    for base in reversed(task.__mro__):
        if not _is_ours(base):
            found |= vars(base)
    return found


def _is_ours(base: type) -> bool:
    return (
        base is object
        or base is ABC
        or base.__module__.partition(".")[0] == Task.__module__.partition(".")[0]
    )


def _known(*classes: type) -> dict[str, object]:
    """Return the public attributes of some of taskrunner's classes and their bases."""
    found: dict[str, object] = {}
    for base in (base for one in classes for base in one.__mro__ if _is_ours(base) and base is not object):
        found |= dict.fromkeys(vars(base).get("__annotations__", {})) | vars(base)
    return {name: value for name, value in found.items() if not name.startswith("_")}


def _is_method(value: object) -> bool:
    return inspect.isfunction(value) or isinstance(value, staticmethod | classmethod)


SET_BY_RUNNER = frozenset(
    name for name, value in vars(Task).items() if isinstance(value, property) or name == "progress"
)
"""What a running task asks: a value of the same name would hide the answer."""

SHORTEST_GUESSED = 5
"""Characters from which on a name can be misspelt: db, user and name are near too many words."""


def _name_problems(task: type[Task]) -> Iterator[str]:
    """Yield the attributes that would be ignored: misspelt ones, and those of the other kind of task."""
    known = _known(*(base for base in task.__mro__ if _is_ours(base)))
    others = _known(ScheduledTask, AdhocTask)
    kind = "ScheduledTask" if issubclass(task, ScheduledTask) else "AdhocTask"
    own = {name: value for name, value in _own(task).items() if not name.startswith("_")}
    for name, value in own.items():
        if name in SET_BY_RUNNER and not (_is_method(value) or hasattr(type(value), "__get__")):
            yield f"{name} is what a running task asks for, and cannot be set{_meant(name, known | others)}"
        elif name in known or isinstance(value, type | ModuleType):
            continue
        elif name in others:
            other = "AdhocTask" if kind == "ScheduledTask" else "ScheduledTask"
            yield f"{name} belongs to an {other}: in this {kind} it would be ignored".replace(
                "an Sch", "a Sch"
            )
        elif meant := _meant(name, _alike(value, known, others)):
            yield f"unknown attribute {name}{meant}"
    yield from _values_written_as_types(task, known)
    if isinstance(given := vars(task).get("_name_given"), str):
        yield f"name = {short_repr(given)} would be ignored: the class is its name; title is what is shown"


def _alike(value: object, known: dict[str, object], others: dict[str, object]) -> Iterable[str]:
    """Return the names that a value could have been meant for: methods for a method, data for data."""
    return (name for name, other in (known | others).items() if _is_method(other) == _is_method(value))


def _meant(name: str, known: Iterable[str]) -> str:
    near = sorted(word for word in known if word not in SET_BY_RUNNER and _is_near(name, word))
    long_enough = [word for word in near if len(word) >= SHORTEST_GUESSED]
    return f"; did you mean {long_enough[0]}?" if long_enough else ""


def _is_near(word: str, other: str) -> bool:
    """Return whether one edit makes one word of the other, whatever their case and their underscores.

    An edit adds, takes away or replaces a character, or swaps two neighbours.

    >>> [_is_near(word, "timeout") for word in ("time_out", "timeuot", "timout", "TimeOut", "tameouts")]
    [True, True, True, True, False]
    """
    word, other = (text.replace("_", "").casefold() for text in (word, other))
    if len(word) > len(other):
        word, other = other, word
    at = next(
        (place for place, (one, two) in enumerate(zip(word, other, strict=False)) if one != two), len(word)
    )
    if len(word) != len(other):
        return word[at:] == other[at + 1 :]
    swapped = word[at : at + 2] == other[at : at + 2][::-1] and word[at + 2 :] == other[at + 2 :]
    return swapped or word[at + 1 :] == other[at + 1 :]


def _values_written_as_types(task: type[Task], known: dict[str, object]) -> Iterator[str]:
    """Yield the attributes that have a colon where `=` was meant: `timeout: 5`."""
    for name, annotation in vars(task).get("__annotations__", {}).items():
        if name in known and name not in vars(task) and _is_value(annotation):
            yield f"{name}: {annotation} is an annotation and sets nothing; write {name} = {annotation}"


def _is_value(annotation: object) -> bool:
    if not isinstance(annotation, str):
        return isinstance(annotation, int | float | tuple | list | Every)
    try:
        return literal_eval(annotation) is not None
    except (ValueError, SyntaxError):
        return False


def schedule_text(task: type[ScheduledTask]) -> str:
    """Return the schedule of a class without problems, as `parse_schedule` reads it."""
    schedule = task.schedule
    return schedule if isinstance(schedule, str) else schedule.text


def schedule_zone(task: type[ScheduledTask]) -> str | None:
    """Return the zone that the class or its Schedule names, or None if that of the configuration counts."""
    if task.timezone is not None or not isinstance(task.schedule, Schedule):
        return task.timezone
    return task.schedule.explicit_timezone


def _schedule_problems(task: type[ScheduledTask], name: str) -> Iterator[str]:
    text = getattr(getattr(task, "schedule", None), "text", getattr(task, "schedule", None))
    if text is None:
        hint = BASE_HINT.format(task.__name__)
        yield f'schedule is missing; write for example schedule = "0 3 * * *"; {hint}'
    elif not isinstance(text, str):
        yield f"schedule must be a text, a Schedule or an Every, not {short_repr(text)}"
    else:
        yield from _refusal(lambda: _check_schedule(text, name))
    if isinstance(zone := task.timezone, str):
        yield from _refusal(lambda: get_zone(zone))


def _check_schedule(text: str, name: str) -> None:
    """Raise InvalidScheduleError for a schedule that cannot be kept: a cron comes once a minute."""
    schedule = parse_schedule(text, name=name)
    if isinstance(schedule, Every) and schedule.seconds < SHORTEST_INTERVAL:
        raise InvalidScheduleError(
            f"{text}: an interval is at least a minute, as a cron starts once a minute"
        )


def _refusal(attempt: Callable[[], object]) -> Iterator[str]:
    try:
        attempt()
    except InvalidScheduleError as error:
        yield describe(error)


def _are_names(value: object) -> bool:
    return isinstance(value, tuple) and all(
        isinstance(name, str) and all(map(str.isidentifier, name.split("."))) for name in value
    )


TEXT, TRUTH = passes(any_text), passes(Truth().read)
TIMEOUT = Number(ulp(0.0), float_info.max)
COMMON: Rules = {
    "title": (TEXT, "a text"),
    "timeout": (passes(TIMEOUT.read, or_none=True), "None or a number of seconds above 0"),
    "isolation": (passes(Choice(("none", "fork")).read, or_none=True), '"none", "fork" or None'),
    "run_if_plugin_disabled": (TRUTH, "True or False"),
    "former_names": (_are_names, 'a tuple of names, as ("Hello",) or ("old.Hello",)'),
}
SCHEDULED: Rules = {
    "timezone": (passes(any_text, or_none=True), "None or the name of a time zone"),
    "disabled": (TRUTH, "True or False"),
    "misfire": (passes(Choice(("run", "skip")).read), '"run" or "skip"'),
    "misfire_grace": (passes(Whole(0, LONGEST_INTEGER).read), "a whole number of seconds from 0 on"),
}
ADHOC: Rules = {
    "concurrency_limit": (
        passes(Whole(0, LONGEST_INTEGER).read, or_none=True),
        "None or a whole number from 0 on",
    ),
    "retry": (TRUTH, "True or False"),
    "attempts": (passes(Whole(1, LONGEST_INTEGER).read), "a whole number from 1 on"),
}
