"""A forked child process that answers through a pipe: for plugins that are read, and tasks with `fork`."""

from __future__ import annotations

import fcntl
import os
import select
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

CANNOT_ANSWER = 70
"""Exit code of a child that could not send its answer: EX_SOFTWARE of sysexits.h."""

OUT_OF_THE_WAY = 512
"""Number from which on the child's end of the pipe lies: code that closes what it does not know seldom goes
so far."""

FIRST_FREE = 3
PIECE = 64 * 1024


def fork(be_the_child: Callable[[int], NoReturn]) -> tuple[int, int]:
    """Return the pid of a new child and the pipe on which it answers; the child is given the other end."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        be_the_child(writing)
    os.close(writing)
    return pid, reading


def answer_and_exit(pipe: int, answer: Callable[[int], object]) -> NoReturn:
    """Call in a child, and end it whatever comes: what its parent does at its end is the parent's.

    `answer` gets the pipe to write to, moved out of the way of what is called there.
    """
    status = CANNOT_ANSWER
    try:
        answer(_out_of_the_way(pipe))
        status = 0
    finally:
        os._exit(status)


def _out_of_the_way(pipe: int) -> int:
    for lowest in (OUT_OF_THE_WAY, FIRST_FREE):  # fewer may be open; and it may be 1, if 1 was closed
        try:
            return fcntl.fcntl(pipe, fcntl.F_DUPFD_CLOEXEC, lowest)
        except OSError:
            continue
    return pipe


def write_all(pipe: int, data: bytes) -> None:
    """Write all of the data. Raises OSError."""
    while data:
        data = data[os.write(pipe, data) :]


def is_ready(*pipes: int | None, seconds: float = 0.0) -> bool:
    """Return whether one of some pipes can be read, waiting for that at most some seconds."""
    poll = select.poll()
    for pipe in pipes:
        if pipe is not None:
            poll.register(pipe, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


def cause_of_death(status: int | None, *, of: str) -> str:
    """Return why a child has sent no answer; `status` is what `waitpid` gave, `of` what it was to do.

    >>> [cause_of_death(status, of="the task") for status in (9, 3 << 8)]
    ['its process died of signal 9 (SIGKILL)', 'its process ended with exit code 3 before the task did']
    """
    code = 0 if status is None else os.waitstatus_to_exitcode(status)
    if code == CANNOT_ANSWER:
        return f"its process could not report how {of} ended: does it close all files?"
    return died_of(-code) if code < 0 else f"its process ended with exit code {code} before {of} did"


def died_of(number: int) -> str:
    """Return what is said of a process that a signal ended."""
    known = {member.value: member.name for member in signal.Signals}
    return f"its process died of signal {number} ({known.get(number, 'unnamed')})"
