"""The forked child in which a task runs: how it reports, and what its end without a report means."""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, NoReturn

from taskrunner.runner.ending import Ending, Usage
from taskrunner.runner.interruption import Interrupted
from taskrunner.runner.isolation.processes import die_with

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import FrameType

PIECE = 64 * 1024

CANNOT_REPORT = 70
"""Exit code of a child that could not say how its task ended: EX_SOFTWARE of sysexits.h."""

OUT_OF_THE_WAY = 512
"""Number from which on the child's descriptor lies: a task that closes what it does not know seldom goes so
far."""


@dataclass(slots=True)
class Child:
    """The child that runs the task, and the pipe on which it reports; its wait status once it has ended."""

    pid: int
    pipe: int | None
    report: bytes = b""
    status: int | None = None

    def read(self) -> None:
        """Take what it has reported so far; its descendants may keep the pipe open, or it may close it."""
        while self.pipe is not None and is_ready(self.pipe):
            piece = os.read(self.pipe, PIECE)
            self.report += piece
            if not piece:
                os.close(self.pipe)
                self.pipe = None

    def reported(self) -> tuple[Ending, int, int]:
        """Return how its task ended, and what it read and wrote. One that did not say has crashed."""
        try:
            ending, reads, writes = json.loads(self.report)
        except (ValueError, TypeError):
            return Ending("crashed", _cause_of_death(self.status)), 0, 0
        return Ending(**ending), reads, writes


def be_the_child(
    call: Callable[[], tuple[Ending, Usage]], pipe: int, guard: int, mask: Iterable[int]
) -> NoReturn:
    """Call and report. SIGTERM is an exception in the task, so that it can clean up; another one ends it."""
    status = CANNOT_REPORT
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGTERM, _interrupt)
        for number in (signal.SIGINT, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        os.setsid()
        die_with(guard, signal.SIGKILL)
        pipe = _out_of_the_way(pipe)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        ending, usage = call()
        write_all(pipe, json.dumps([asdict(ending), usage.reads, usage.writes]).encode())
        status = 0
    finally:
        os._exit(status)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    raise Interrupted


def _out_of_the_way(pipe: int) -> int:
    try:
        return fcntl.fcntl(pipe, fcntl.F_DUPFD_CLOEXEC, OUT_OF_THE_WAY)
    except OSError:  # fewer may be open
        return pipe


def write_all(pipe: int, data: bytes) -> None:
    """Write all of it. Raises OSError."""
    while data:
        data = data[os.write(pipe, data) :]


def is_ready(*pipes: int | None, seconds: float = 0.0) -> bool:
    """Wait until one of some pipes can be read, at most some seconds, and say whether it can."""
    poll = select.poll()
    for pipe in pipes:
        if pipe is not None:
            poll.register(pipe, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


def _cause_of_death(status: int | None) -> str:
    code = 0 if status is None else os.waitstatus_to_exitcode(status)
    if code == CANNOT_REPORT:
        return "its process could not report how the task ended: does it close all files?"
    if code >= 0:
        return f"its process ended with exit code {code} before the task did"
    return died_of(-code)


def died_of(number: int) -> str:
    """Return what is said of a process that a signal ended."""
    known = {member.value: member.name for member in signal.Signals}
    return f"its process died of signal {number} ({known.get(number, 'unnamed')})"
