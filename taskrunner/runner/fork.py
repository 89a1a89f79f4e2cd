"""Running a task in a forked child, for tasks that leak, hang or crash."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import time
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn

from taskrunner.child_process import (
    PIECE,
    answer_and_exit,
    cause_of_death,
    died_of,
    fork,
    is_ready,
    write_all,
)
from taskrunner.runner.job import NO_USAGE, Outcome, Usage
from taskrunner.runner.signals import interrupt
from taskrunner.task import Interrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


@cache
def prctl() -> Any:
    """Return the system call; where there is none, a function that does nothing.

    Call it before a fork, so that the child has no library to load.
    """
    import ctypes

    return getattr(ctypes.CDLL(None, use_errno=True), "prctl", lambda *_: 0)


def die_with(parent: int, number: signal.Signals) -> None:
    """Let this process get a signal when its parent dies, or now if it is dead already."""
    prctl()(PR_SET_PDEATHSIG, int(number), 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), number)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent dies, also of one that left its session."""
    prctl()(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def descendants(pid: int) -> list[int]:
    """Return the children of a process, their children, and so on; [] where /proc does not tell."""
    children = defaultdict(list)
    for known, parent in _parents():
        children[parent].append(known)
    found = list(children[pid])
    for child in found:
        found += children[child]
    return found


def signal_all(pids: list[int], number: signal.Signals) -> None:
    """Send a signal to processes; those that are gone, or are another user's, are passed over."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def name_of(pid: int) -> str:
    """Return what a process is called, "?" where nobody can tell any more."""
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as comm:
            return comm.read().rstrip("\n")
    except OSError:
        return "?"


def _parents() -> list[tuple[int, int]]:
    """Return (pid, pid of its parent) of every process."""
    try:
        pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return []
    return [(pid, parent) for pid in pids if (parent := _parent(pid))]


def _parent(pid: int) -> int:
    """Return the parent of a process, 0 when it is gone; its name, which may hold anything, is skipped."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            return int(stat.read().rpartition(b")")[2].split()[1])
    except (OSError, IndexError, ValueError):
        return 0


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

    def reported(self) -> tuple[Outcome, int, int]:
        """Return how its task ended, and what it read and wrote. One that did not say has crashed."""
        try:
            outcome, reads, writes = json.loads(self.report)
        except (ValueError, TypeError):
            return Outcome("crashed", cause_of_death(self.status, of="the task")), 0, 0
        return Outcome(**outcome), reads, writes


def be_the_child(
    call: Callable[[], tuple[Outcome, Usage]], pipe: int, guard: int, mask: Iterable[int]
) -> NoReturn:
    """Call and report. SIGTERM is an exception in the task, so that it can clean up; another one ends it."""

    def report(pipe: int) -> None:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGTERM, interrupt)
        for number in (signal.SIGINT, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        os.setsid()
        die_with(guard, signal.SIGKILL)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        outcome, usage = call()
        write_all(pipe, json.dumps([outcome._asdict(), usage.reads, usage.writes]).encode())

    answer_and_exit(pipe, report)


GRACE = 10.0
"""Seconds a task may take to end when it is asked to."""


def be_the_guard(
    call: Callable[[], tuple[Outcome, Usage]],
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
        outcome, usage = Guard(runner, mask).watch(call, timeout)
        write_all(pipe, json.dumps([outcome._asdict(), usage._asdict()]).encode())
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

    def watch(self, call: Callable[[], tuple[Outcome, Usage]], timeout: float) -> tuple[Outcome, Usage]:
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
        outcome, reads, writes = child.reported()
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        usage = Usage(reads, writes, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)
        return self._judged(outcome, f"ended after its timeout of {timeout:g} s" if is_late else None), usage

    def _judged(self, outcome: Outcome, too_late: str | None) -> Outcome:
        """Return what an outcome means, knowing who asked for it."""
        if too_late:
            return Outcome("timeout", too_late, outcome.backtrace)
        if self._asked and outcome.name in ("crashed", "failed"):
            return Outcome("interrupted", "asked to stop", outcome.backtrace)
        if outcome.name == "interrupted" and not self._asked:
            return outcome._replace(name="crashed", message=died_of(signal.SIGTERM))
        return outcome

    def _fork(self, call: Callable[[], tuple[Outcome, Usage]]) -> Child:
        guard = os.getpid()
        pid, reading = fork(lambda pipe: be_the_child(call, pipe, guard, self._mask))
        signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)
        return Child(pid, reading)

    def _wait(self, child: Child, seconds: float, *, until: Callable[[], bool]) -> bool:
        """Wait until something is so, at most some seconds, and return whether it is."""
        deadline = time.monotonic() + seconds
        while not until() and (left := deadline - time.monotonic()) > 0:
            is_ready(self._wakeups, child.pipe, seconds=min(left, GRACE))
            with contextlib.suppress(BlockingIOError):
                self._asked |= signal.SIGTERM in os.read(self._wakeups, PIECE)
            child.read()
            self._reap(child)
        return until()

    def _reap(self, child: Child) -> bool:
        """Reap whoever has ended, and return whether somebody is left."""
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


SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)


def call_in_child(
    call: Callable[[], tuple[Outcome, Usage]], *, timeout: float, was_asked: Callable[[], bool]
) -> tuple[Outcome, Usage]:
    """Call in a child and return what it reports; `timeout` in seconds, 0 for none.

    `was_asked`: whether this process itself was asked to stop. A guard that hears of a stop which the runner
    knows nothing of was signalled by the task, or by a person: the run has crashed.

    Between this process and the child there is a guard: when it returns, or when this process dies, nothing
    that the child started is left. Interrupted ends the child, and its run.
    """
    guard, pipe = _fork(call, timeout)
    try:
        outcome, usage = _read_report(guard, pipe)
        if outcome.name == "interrupted" and not was_asked():
            outcome = outcome._replace(name="crashed", message="the process that watched it was asked to end")
        return outcome, usage
    except Interrupted:
        with contextlib.suppress(ProcessLookupError):
            os.kill(guard, signal.SIGTERM)
        return _read_report(guard, pipe)
    finally:
        os.close(pipe)


def _fork(call: Callable[[], tuple[Outcome, Usage]], timeout: float) -> tuple[int, int]:
    """Return the pid of the guard and the pipe on which it reports; signals wait until it can answer them."""
    prctl()
    runner = os.getpid()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        return fork(lambda pipe: be_the_guard(call, pipe, runner=runner, timeout=timeout, mask=mask))
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _read_report(guard: int, pipe: int) -> tuple[Outcome, Usage]:
    """Return what the guard reports; it alone holds the other end of the pipe."""
    data = b"".join(iter(lambda: os.read(pipe, PIECE), b""))
    with contextlib.suppress(ChildProcessError):
        os.waitpid(guard, 0)
    try:
        outcome, usage = json.loads(data)
    except ValueError:
        return Outcome("crashed", "its process and the one that watched it were killed"), NO_USAGE
    return Outcome(**outcome), Usage(**usage)
