"""Queueing from the command line: one task, or one for each line of stdin."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from taskrunner.custom_data import LARGEST, decode
from taskrunner.errors import CustomDataError
from taskrunner.queueing import BATCH, batches, enqueue_once, new_task

if TYPE_CHECKING:
    from collections.abc import Iterator

    from taskrunner.plugins import Declaration
    from taskrunner.site import Site
    from taskrunner.store.adhoc import NewTask

PROGRESS_FROM = 10 * BATCH
"""Tasks from which on a person is shown how far it has come."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be queued, but for the custom data; `once`: not what is there already."""

    task: Declaration
    user: str | None
    next_run_at: float
    once: bool


def texts_of(data: str) -> list[tuple[int, str]]:
    """Return the custom data given, numbered by line: a JSON text, or the lines of stdin for "-"."""
    if data != "-":
        return [(0, data)]
    lines = enumerate(iter(lambda: sys.stdin.buffer.readline(LARGEST + 2), b""), 1)
    return [(number, _as_text(line, number)) for number, line in lines if line.strip()]


def queue_all(site: Site, wish: Wish, texts: list[tuple[int, str]], now: float) -> Iterator[int]:
    """Queue a task for each text, all of them or none, and give their ids. Raises CustomDataError."""
    tasks = [_task(wish, text, number) for number, text in texts]
    adhoc, ids = site.store.adhoc, []
    parts = list(batches(tasks))
    hidden = len(tasks) < PROGRESS_FROM or not sys.stderr.isatty()
    with (
        site.store.transaction(),
        click.progressbar(parts, label="Queueing", file=sys.stderr, hidden=hidden) as shown,
    ):
        for batch in shown:
            ids += (
                [enqueue_once(site.store, task, now) for task in batch]
                if wish.once
                else adhoc.add(batch, now)
            )
    yield from ids


def _task(wish: Wish, text: str, number: int) -> NewTask:
    try:
        return new_task(
            wish.task.name,
            decode(text),
            user=wish.user,
            next_run_at=wish.next_run_at,
            retry=wish.task.retry,
            attempts=wish.task.attempts,
        )
    except CustomDataError as error:
        where = f"line {number}: " if number else ""
        raise CustomDataError(f"{where}{error}; nothing was queued", hint=error.hint) from error


def _as_text(line: bytes, number: int) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise CustomDataError(f"line {number}: custom data is no UTF-8; nothing was queued") from error
