"""The process title, so that `ps` says which task runs."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from taskrunner.runner.lines import MONTHS

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from taskrunner.runner.job import Job


def set_title(command: str, job: Job | None, now: datetime) -> None:
    """Show the task a process runs, None: it looks for the next one."""
    _setter()(f"taskrun {command} ({_moment(now)} {_doing(job)})")


@cache
def _setter() -> Callable[[str], None]:
    from setproctitle import setproctitle

    setter: Callable[[str], None] = setproctitle
    return setter


def _doing(job: Job | None) -> str:
    if job is None:
        return "Waiting for next task"
    if job.adhoc_id is not None:
        return f"Adhoc task: {job.adhoc_id} {job.name}"
    return f"Scheduled task: {job.name}"


def _moment(now: datetime) -> str:
    """Return a moment whatever the locale.

    >>> from datetime import datetime
    >>> _moment(datetime(2026, 11, 21, 13, 57, 1))
    'Nov 21, 13:57:01'
    """
    return f"{MONTHS[now.month - 1]} {now.day}, {now:%H:%M:%S}"
