"""Running a task in a forked child, for tasks that leak, hang or crash."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from typing import TYPE_CHECKING

from taskrunner.runner.ending import Ending, Usage
from taskrunner.runner.interruption import Interrupted
from taskrunner.runner.isolation.guard import be_the_guard
from taskrunner.runner.isolation.processes import prctl

if TYPE_CHECKING:
    from collections.abc import Callable

PIECE = 64 * 1024
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)


def call_in_child(call: Callable[[], tuple[Ending, Usage]], *, timeout: float) -> tuple[Ending, Usage]:
    """Call in a child and return what it reports; `timeout` in seconds, 0 for none.

    Between this process and the child there is a guard: when it returns, or when this process dies, nothing
    that the child started is left. Interrupted ends the child, and its run.
    """
    guard, pipe = _fork(call, timeout)
    try:
        return _read_report(guard, pipe)
    except Interrupted:
        with contextlib.suppress(ProcessLookupError):
            os.kill(guard, signal.SIGTERM)
        return _read_report(guard, pipe)
    finally:
        os.close(pipe)


def _fork(call: Callable[[], tuple[Ending, Usage]], timeout: float) -> tuple[int, int]:
    """Return the pid of the guard and the pipe on which it reports; signals wait until it can answer them."""
    prctl()
    reading, writing = os.pipe()
    runner = os.getpid()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        guard = os.fork()
        if guard == 0:
            be_the_guard(call, writing, runner=runner, timeout=timeout, mask=mask)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    os.close(writing)
    return guard, reading


def _read_report(guard: int, pipe: int) -> tuple[Ending, Usage]:
    """Return what the guard reports; it alone holds the other end of the pipe."""
    data = b"".join(iter(lambda: os.read(pipe, PIECE), b""))
    with contextlib.suppress(ChildProcessError):
        os.waitpid(guard, 0)
    try:
        ending, usage = json.loads(data)
    except ValueError:
        return Ending("crashed", "its process and the one that watched it were killed"), Usage(0, 0, 0.0, 0)
    return Ending(**ending), Usage(**usage)
