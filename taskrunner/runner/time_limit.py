"""Ending a task in this process that takes too long."""

from __future__ import annotations

import faulthandler
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

GRACE = 10.0
"""Seconds a task may take to end when its time is over."""


class OutOfTime(BaseException):  # noqa: N818  (no error of the task: it is asked to end)
    """Raised inside a task whose time is over. Not an Exception, so that no task takes it for its own."""


@contextmanager
def time_limit(seconds: float, *, log: int) -> Iterator[None]:
    """Raise OutOfTime inside the block after some seconds; 0: never.

    When the block has not ended within the grace, perhaps because it is in C code that hears of no exception,
    its traceback is written to the file descriptor `log` and the process ended; the next cron does its books.
    """
    if not seconds:
        yield
        return
    before = signal.signal(signal.SIGALRM, _end_task)
    faulthandler.dump_traceback_later(seconds + GRACE, exit=True, file=log)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        faulthandler.cancel_dump_traceback_later()
        signal.signal(signal.SIGALRM, before)


def _end_task(_number: int, _frame: FrameType | None) -> None:
    raise OutOfTime
