"""The process between a runner and a forked task: whatever happens, it ends the task with all it started."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import time
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, NoReturn

from taskrunner.runner.ending import Ending, Usage
from taskrunner.runner.isolation.child import Child, be_the_child, died_of, is_ready, write_all
from taskrunner.runner.isolation.processes import adopt_orphans, descendants, die_with, name_of, signal_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

GRACE = 10.0
"""Seconds a task may take to end when it is asked to."""

PIECE = 64 * 1024


def be_the_guard(
    call: Callable[[], tuple[Ending, Usage]],
    pipe: int,
    *,
    runner: int,
    timeout: float,
    mask: Iterable[int],
) -> NoReturn:
    """Call in a child of this process, itself a child of the runner, and report on the pipe how that ended.

    Never returns: what the runner does at its end is the runner's. SIGTERM, which also comes when the runner
    dies, ends the task; `mask` holds the signals to be blocked from now on.
    """
    try:
        os.setsid()  # a Ctrl-C is the runner's
        ending, usage = Guard(runner, mask).watch(call, timeout)
        write_all(pipe, json.dumps([asdict(ending), asdict(usage)]).encode())
    finally:
        os._exit(0)


class Guard:
    """Watches a child and all that descends from it, by the signals that tell of their ends."""

    def __init__(self, runner: int, mask: Iterable[int]) -> None:
        self._wakeups, self._alarm = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, lambda _number, _frame: None)
        signal.set_wakeup_fd(self._alarm, warn_on_full_buffer=False)
        adopt_orphans()
        die_with(runner, signal.SIGTERM)
        self._mask = mask
        self._asked = False

    def watch(self, call: Callable[[], tuple[Ending, Usage]], timeout: float) -> tuple[Ending, Usage]:
        """Call in a child, end what it leaves behind, and say how it ended."""
        child = self._fork(call)
        self._wait(child, timeout or float("inf"), until=lambda: self._asked or child.status is not None)
        is_late = child.status is None and not self._asked
        if child.status is None:
            self._end_all(child)
        elif self._reap(child):
            _tell_leftovers()
            self._end_all(child)
        child.read()
        ending, reads, writes = child.reported()
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        usage = Usage(reads, writes, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)
        return self._judged(ending, f"ended after its timeout of {timeout:g} s" if is_late else None), usage

    def _judged(self, ending: Ending, too_late: str | None) -> Ending:
        """Return what an ending means, knowing who asked for it."""
        if too_late:
            return Ending("timeout", too_late, ending.backtrace)
        if self._asked and ending.outcome in ("crashed", "failed"):
            return Ending("interrupted", "asked to stop", ending.backtrace)
        if ending.outcome == "interrupted" and not self._asked:
            return replace(ending, outcome="crashed", message=died_of(signal.SIGTERM))
        return ending

    def _fork(self, call: Callable[[], tuple[Ending, Usage]]) -> Child:
        reading, writing = os.pipe()
        guard = os.getpid()
        pid = os.fork()
        if pid == 0:
            be_the_child(call, writing, guard, self._mask)
        os.close(writing)
        signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)
        return Child(pid, reading)

    def _wait(self, child: Child, seconds: float, *, until: Callable[[], bool]) -> bool:
        """Wait until something is so, at most some seconds, and say whether it is."""
        deadline = time.monotonic() + seconds
        while not until() and (left := deadline - time.monotonic()) > 0:
            is_ready(self._wakeups, child.pipe, seconds=min(left, GRACE))
            with contextlib.suppress(BlockingIOError):
                self._asked |= signal.SIGTERM in os.read(self._wakeups, PIECE)
            child.read()
            self._reap(child)
        return until()

    def _reap(self, child: Child) -> bool:
        """Reap whoever has ended, and say whether somebody is left."""
        try:
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if ended[0] == child.pid:
                    child.status = ended[1]
        except ChildProcessError:
            return False
        return True

    def _end_all(self, child: Child) -> None:
        """End all that descends from here: asked first, killed when it does not listen."""
        _signal_all(child, signal.SIGTERM)
        deadline = time.monotonic() + GRACE
        while not self._wait(child, GRACE, until=lambda: not self._reap(child)):
            _signal_all(child, signal.SIGKILL)
            if time.monotonic() > deadline + GRACE:
                return  # another user's, or in a disk's hands: nothing can be done


def _signal_all(child: Child, number: signal.Signals) -> None:
    found = descendants(os.getpid())
    signal_all(found, number)
    if not found and child.status is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, number)


def _tell_leftovers() -> None:
    """Say in the output of the run what has outlived it."""
    left = ", ".join(f"{name_of(pid)} (pid {pid})" for pid in descendants(os.getpid()))
    os.write(1, f"... ended what the task left running: {left or 'a process'}\n".encode())
