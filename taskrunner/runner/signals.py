"""What a signal does to a process that runs tasks."""

from __future__ import annotations

import _signal  # as signal, without making an enum of each number: this is done for every task
import faulthandler
import os
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

from taskrunner.runner.messages import EXIT_NOW, GRACEFUL_EXIT
from taskrunner.task import Interrupted, OutOfTime

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from signal import Handlers
    from types import FrameType

    Handler = Callable[[int, FrameType | None], object] | int | Handlers | None

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Interruption:
    """The first SIGTERM or SIGINT ends the process after the current task, the second ends the task at once.

    A third one, for a task that does not let go, ends the process at once; the next cron records its run.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._count = 0
        self.asked_to_stop = False
        """Whether a signal came."""
        self._in_task = False
        self._pid = os.getpid()
        self.exit_code: int | None = None

    @contextmanager
    def handled(self) -> Iterator[None]:
        """Answer the signals inside the block."""
        before = self.listen()
        try:
            yield
        finally:
            for number, handler in zip(SIGNALS, before, strict=True):
                signal.signal(number, handler)

    def listen(self) -> list[Handler]:
        """Answer the signals, also after a task that took them for itself; return who answered before."""
        return [_signal.signal(number, self._answer) for number in SIGNALS]

    @contextmanager
    def may_end_task(self, seconds: float = 0.0, *, log: int = 2) -> Iterator[None]:
        """Let the second signal raise Interrupted inside the block, and the end of its time OutOfTime."""
        self._in_task = True
        try:
            if self.exit_code is not None:
                raise Interrupted
            if seconds:
                with time_limit(seconds, log=log):
                    yield
            else:
                yield
        finally:
            self._in_task = False
            self.listen()

    def _answer(self, number: int, _frame: FrameType | None) -> None:
        if os.getpid() != self._pid:  # a child that C code of a task has forked; see `_end_as_any_other`
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        self._count += 1
        self.asked_to_stop = True
        if self._count == 1:
            self._say(GRACEFUL_EXIT)
            return
        self.exit_code = 128 + number
        if self._count > 2:
            os._exit(self.exit_code)
        self._say(EXIT_NOW)
        if self._in_task:
            raise Interrupted


def interrupt(_number: int, _frame: FrameType | None) -> None:
    """Answer SIGTERM in the process of a task that has one of its own; the next one ends it."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    raise Interrupted


def _end_as_any_other() -> None:
    """Let signals end a process that a task has forked, as they end any other program.

    An answer written in Python waits for a call to return that may never do so: a worker of a pool which the
    task ends, as it waits for work, would wait for ever, and the task for the worker.
    """
    for number in SIGNALS:
        answer = _signal.getsignal(number)
        if getattr(answer, "__func__", answer) in (Interruption._answer, interrupt):
            signal.signal(number, signal.SIG_DFL)


os.register_at_fork(after_in_child=_end_as_any_other)


GRACE = 10.0
"""Seconds a task may take to end when its time is over."""


@contextmanager
def time_limit(seconds: float, *, log: int) -> Iterator[None]:
    """Raise OutOfTime inside the block after some seconds.

    When the block has not ended within the grace, perhaps because it is in C code that hears of no exception,
    its traceback is written to the file descriptor `log` and the process ends; the next cron records its run.
    """
    before = _signal.signal(signal.SIGALRM, _end_task)
    faulthandler.dump_traceback_later(seconds + GRACE, exit=True, file=log)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        faulthandler.cancel_dump_traceback_later()
        _signal.signal(signal.SIGALRM, before)


def _end_task(_number: int, _frame: FrameType | None) -> None:
    raise OutOfTime
