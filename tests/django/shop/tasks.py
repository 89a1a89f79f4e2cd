"""Functions of an application that are tasks."""

from typing import Any

from taskrunner import GiveUp
from taskrunner.django import attributes, scheduled
from taskrunner.django.backend import tasks

DONE: list[Any] = []
"""What the functions have done in this process."""


@tasks.task
def add(one: int, two: int = 0) -> int:
    """Add numbers."""
    DONE.append((one, two))
    return one + two


@tasks.task
async def wait(text: str) -> str:
    DONE.append(text)
    return text


@tasks.task(takes_context=True)
def tell(context: Any) -> list[Any]:
    return [context.attempt, context.task_result.id]


@tasks.task
def fail(text: str) -> None:
    raise ValueError(text)


@tasks.task
@attributes(attempts=1, concurrency_limit=1)
def fail_once(text: str) -> None:
    raise GiveUp(text)


@tasks.task
@attributes(attempts=2)
def fail_twice(text: str) -> None:
    raise ValueError(text)


@tasks.task
def returns_an_object() -> object:
    return object()


@scheduled("0 3 * * *", timeout=600)
def tidy() -> None:
    """Tidy up."""
    DONE.append("tidied")
