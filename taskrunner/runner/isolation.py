"""Running a task in a forked child, for tasks that leak, hang or crash."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from taskrunner.runner.ending import Ending, Usage
from taskrunner.runner.interruption import Interrupted

if TYPE_CHECKING:
    from collections.abc import Callable

GRACE = 10.0
"""Seconds a child may take to end when it is asked to."""

INTERVAL = 0.05
"""Seconds between two looks whether the child has died, in case others keep its pipe open."""

PIECE = 64 * 1024


@dataclass(slots=True)
class Child:
    """The child: its pid, which is also its process group, and the pipe on which it reports."""

    pid: int
    pipe: int
    report: bytes = b""

    def wait(self, seconds: float) -> tuple[int, Usage] | None:
        """Wait for its end and return its wait status and what it used; None: it takes longer."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if self.pipe in select.select([self.pipe], [], [], min(INTERVAL, left))[0]:
                self.report += os.read(self.pipe, PIECE)
            pid, status, used = os.wait4(self.pid, os.WNOHANG)
            if pid:
                return status, Usage(0, 0, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)
        return None

    def end(self) -> tuple[int, Usage]:
        """End it and all it started: asked first, killed when it does not listen."""
        self._signal(signal.SIGTERM)
        ended = self.wait(GRACE)
        while ended is None:
            self._signal(signal.SIGKILL)
            ended = self.wait(GRACE)
        self._signal(signal.SIGKILL)
        return ended

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)


def call_in_child(call: Callable[[], tuple[Ending, Usage]], *, timeout: float) -> tuple[Ending, Usage]:
    """Call in a child and return what it reports; `timeout` in seconds, 0 for none.

    A child that ends without a report has crashed, also with exit code 0. Interrupted ends it, and passes on.
    """
    child = _fork(call)
    try:
        ended = child.wait(timeout or float("inf"))
        if ended is None:
            _, usage = child.end()
            return Ending("timeout", f"ended after its timeout of {timeout:g} s"), usage
        return _result(child, *ended)
    except Interrupted:
        child.end()
        raise
    finally:
        os.close(child.pipe)


def _fork(call: Callable[[], tuple[Ending, Usage]]) -> Child:
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        _be_the_child(call, writing)
    os.close(writing)
    return Child(pid, reading)


def _be_the_child(call: Callable[[], tuple[Ending, Usage]], pipe: int) -> None:
    """Never returns: what the parent does at its end is the parent's."""
    try:
        os.setsid()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        ending, usage = call()
        data = json.dumps([asdict(ending), usage.reads, usage.writes]).encode()
        while data:
            data = data[os.write(pipe, data) :]
    finally:
        os._exit(0)


def _result(child: Child, status: int, usage: Usage) -> tuple[Ending, Usage]:
    while select.select([child.pipe], [], [], 0)[0] and (piece := os.read(child.pipe, PIECE)):
        child.report += piece
    try:
        ending, reads, writes = json.loads(child.report)
    except ValueError:
        return Ending("crashed", _cause_of_death(status)), usage
    return Ending(**ending), Usage(reads, writes, usage.cpu_seconds, usage.max_rss)


def _cause_of_death(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return f"its process ended with exit code {code} before the task did"
    return f"its process died of signal {-code} ({signal.Signals(-code).name})"
