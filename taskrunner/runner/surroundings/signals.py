"""How a process answers signals, and which it sends itself."""

from __future__ import annotations

import signal
from typing import Any

from taskrunner.runner.surroundings.thing import Thing

ANSWERED = tuple(
    signal.Signals[name]
    for name in ("SIGHUP", "SIGQUIT", "SIGALRM", "SIGCHLD", "SIGPIPE", "SIGUSR1", "SIGUSR2", "SIGTSTP")
)
"""Signals whose handlers are looked at; SIGTERM and SIGINT are answered anew after each task anyway."""

KINDS_OF_TIMERS = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)


def _handlers() -> list[Any]:
    return [signal.getsignal(number) for number in ANSWERED]


def _set_handlers(handlers: list[Any]) -> None:
    for number, handler in zip(ANSWERED, handlers, strict=True):
        if handler is not None:  # None: not Python's, so no task could have changed it for Python
            signal.signal(number, handler)


def _blocked() -> set[Any]:
    return signal.pthread_sigmask(signal.SIG_BLOCK, ())


def _set_blocked(numbers: set[Any]) -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, numbers)


def _timers() -> list[bool]:
    return [signal.getitimer(timer) != (0.0, 0.0) for timer in KINDS_OF_TIMERS]


def _stop_timers(running: list[bool]) -> None:
    for timer, was_running in zip(KINDS_OF_TIMERS, running, strict=True):
        if not was_running:
            signal.setitimer(timer, 0)


def _wakeup() -> int:
    descriptor = signal.set_wakeup_fd(-1)
    if descriptor != -1:
        signal.set_wakeup_fd(descriptor)
    return descriptor


TIMERS = Thing("a timer", _timers, _stop_timers)
HANDLERS = Thing("the signal handlers", _handlers, _set_handlers)
BLOCKED = Thing("the signals blocked", _blocked, _set_blocked)
WAKEUP = Thing("what signals wake up", _wakeup, signal.set_wakeup_fd)
