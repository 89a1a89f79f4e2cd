"""What a task may have changed in the process: put back where that is possible, else the process leaves."""

from __future__ import annotations

import _signal  # as signal, without making an enum of each number: it is asked after every task
import gc
import io
import locale
import os
import resource
import signal
import sys
import threading
import time
import warnings
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any

from taskrunner.runner.messages import title_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import tzinfo

    from taskrunner.runner.job import Job

PAGE = os.sysconf("SC_PAGE_SIZE")

SIGNALS = tuple(
    int(signal.Signals[name])
    for name in ("SIGHUP", "SIGQUIT", "SIGALRM", "SIGCHLD", "SIGPIPE", "SIGUSR1", "SIGUSR2", "SIGTSTP")
)
"""Signals whose handlers are compared; SIGTERM and SIGINT are answered anew after each task anyway."""

TIMERS = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)
NOT_RUNNING = (0.0, 0.0)
LIMITS = (resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE)
HOOKS = ("excepthook", "unraisablehook", "displayhook", "breakpointhook")
STREAMS = ("stdin", "stdout", "stderr")

THREADS_MAY_TAKE = 0.1
"""Seconds after a task in which its threads may end before the process leaves because of them."""

LARGEST_GROWTH = 256 * 1024 * 1024
"""Bytes by which tasks may enlarge the process for good."""


NAMES = (
    *("a timer", "the signal handlers", "the signals blocked", "what signals wake up"),
    *("its user and group", "its limits", "its priority", "stdin", "the working directory", "the umask"),
    *("the locale", "the environment", "the time zone", "a closed stream", "sys.argv or sys.path"),
    *("the hooks of sys", "the settings of sys and gc", "the filters of warnings"),
    *("the timeout of sockets", "the context of decimal", "a closed stream of logging"),
)
"""What is compared before and after a task, as the log calls it."""


def signature() -> tuple[Any, ...]:
    """Return all of it, in the order of `NAMES`: of a task that changed nothing one comparison is made."""
    wakeup = signal.set_wakeup_fd(-1)
    if wakeup != -1:
        signal.set_wakeup_fd(wakeup)
    umask = os.umask(0o077)
    os.umask(umask)
    modules = sys.modules
    return (
        [signal.getitimer(timer) != NOT_RUNNING for timer in TIMERS],
        [*map(_signal.getsignal, SIGNALS)],
        _signal.pthread_sigmask(signal.SIG_BLOCK, ()),
        wakeup,
        (os.getresuid(), os.getresgid()),
        [*map(resource.getrlimit, LIMITS)],
        os.getpriority(os.PRIO_PROCESS, 0),
        _file_behind(0),
        _directory(),
        umask,
        locale.setlocale(locale.LC_ALL),
        # The mapping below os.environ, as it is: decoding it would take longer than all the rest.
        vars(os.environ)["_data"].copy(),
        (time.tzname, time.timezone, time.altzone),
        [getattr(getattr(sys, name), "closed", True) for name in STREAMS],
        (sys.argv.copy(), sys.path.copy()),
        [
            *[getattr(sys, name, None) for name in HOOKS],
            *(threading.excepthook, sys.gettrace(), sys.getprofile()),
        ],
        (
            *(sys.getrecursionlimit(), sys.getswitchinterval()),
            *(gc.isenabled(), gc.get_threshold(), len(gc.callbacks)),
        ),
        warnings.filters.copy(),  # type: ignore[attr-defined]  # a list in fact
        modules["socket"].getdefaulttimeout() if "socket" in modules else None,
        _decimal(modules["decimal"]) if "decimal" in modules else None,
        bool("logging" in modules and _broken_handlers()),
    )


def by_name() -> dict[str, Any]:
    """Return the signature by what each part of it is called."""
    return dict(zip(NAMES, signature(), strict=True))


IMPORTED = (
    *("the locale", "the environment", "the time zone", "sys.argv or sys.path", "the hooks of sys"),
    *("the settings of sys and gc", "the filters of warnings", "the timeout of sockets"),
    "the context of decimal",
)
"""What importing a plugin may change for good, as one does that sets DJANGO_SETTINGS_MODULE."""


INHERITED = frozenset(
    (
        *("a timer", "the signals blocked", "its user and group", "its limits", "its priority", "stdin"),
        *("the working directory", "the umask", "the environment"),
        "it closed the stdout of this process",
    )
)
"""What belongs to the process itself, so that an interpreter started anew in it would have it too."""


def _file_behind(descriptor: int) -> tuple[int, int] | None:
    try:
        status = os.fstat(descriptor)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _directory() -> str | None:
    try:
        return os.getcwd()
    except OSError:
        return None


def _decimal(decimal: Any) -> str | None:
    """Return the contexts of decimal, or None for what they are when it is imported, perhaps by a task."""
    contexts = [context.copy() for context in (decimal.getcontext(), decimal.DefaultContext)]
    for context in contexts:
        context.clear_flags()  # which calculations raise
    now, default = map(repr, contexts)
    return None if now == default == FRESH_DECIMAL else now + default


FRESH_DECIMAL = (
    "Context(prec=28, rounding=ROUND_HALF_EVEN, Emin=-999999, Emax=999999, capitals=1, clamp=0, flags=[],"
    " traps=[InvalidOperation, DivisionByZero, Overflow])"
)


def _broken_handlers() -> list[Any]:
    """Return the handlers of the root logger that would write to a stream that a task has closed."""
    handlers = sys.modules["logging"].root.handlers
    return [handler for handler in handlers if getattr(getattr(handler, "stream", None), "closed", False)]


def _put_back_handlers(handlers: list[Any]) -> None:
    for number, handler in zip(SIGNALS, handlers, strict=True):
        if handler is not None:  # None: not Python's, so no task could have changed it for Python
            signal.signal(number, handler)


def _put_back_timers(running: list[bool]) -> None:
    for timer, was_running in zip(TIMERS, running, strict=True):
        if not was_running:
            signal.setitimer(timer, 0)


def _put_back_environment(environment: dict[Any, Any]) -> None:
    now = dict(vars(os.environ)["_data"])
    for name in now.keys() - environment.keys():
        del os.environb[name]
    for name, value in environment.items():
        if now.get(name) != value:
            os.environb[name] = value
    time.tzset()  # the time zone is in the environment


def _put_back_stdin(_file: object) -> None:
    """Nobody types to a task: nothing to read is as good as whatever cron had put there."""
    null = os.open(os.devnull, os.O_RDONLY)
    if null:
        os.dup2(null, 0)
        os.close(null)


def _put_back_streams(closed: list[bool]) -> None:
    for number, (name, was_closed) in enumerate(zip(STREAMS, closed, strict=True)):
        if not was_closed and getattr(getattr(sys, name), "closed", True):
            raw = io.FileIO(number, "r" if number == 0 else "w", closefd=False)
            setattr(sys, name, io.TextIOWrapper(raw, "utf-8", "backslashreplace", write_through=number > 0))


def _put_back_lists(lists: tuple[list[str], list[str]]) -> None:
    sys.argv[:], sys.path[:] = lists


def _put_back_limits(limits: list[tuple[int, int]]) -> None:
    for limit, values in zip(LIMITS, limits, strict=True):
        resource.setrlimit(limit, values)


def _put_back_ids(ids: tuple[tuple[int, int, int], tuple[int, int, int]]) -> None:
    os.setresuid(*ids[0])  # first: only root may do the other
    os.setresgid(*ids[1])


def _put_back_logging(_broken: object) -> None:
    for handler in _broken_handlers():
        sys.modules["logging"].root.removeHandler(handler)


PUT_BACK: dict[str, Callable[[Any], object]] = {
    "a timer": _put_back_timers,
    "the signal handlers": _put_back_handlers,
    "the signals blocked": lambda numbers: signal.pthread_sigmask(signal.SIG_SETMASK, numbers),
    "what signals wake up": signal.set_wakeup_fd,
    "stdin": _put_back_stdin,
    "the working directory": lambda directory: os.chdir(directory or "/"),
    "the umask": os.umask,
    "the environment": _put_back_environment,
    "a closed stream": _put_back_streams,
    "a closed stream of logging": _put_back_logging,
    # Settling itself needs these: it writes to the database, and may import something.
    "its user and group": _put_back_ids,
    "its limits": _put_back_limits,
    "sys.argv or sys.path": _put_back_lists,
}
"""How it is made so again; after a change of anything else the process leaves."""


class ProcessState:
    """Knows how a process was before its tasks; `must_leave` is why it may run no other one, or ""."""

    def __init__(self) -> None:
        self._before = by_name()
        self._modules = len(sys.modules)
        self._memory = current_memory()
        self._set_up: list[str] = []
        self.must_leave = ""
        self.can_be_renewed = False
        """Whether it must leave for nothing that a new interpreter in the same process would still have."""

    def begin_task(self) -> None:
        """A task is to run. What its plugin has changed while it was imported stays as it is."""
        if len(sys.modules) != self._modules:
            self._modules = len(sys.modules)
            now = by_name()
            self._before |= {name: now[name] for name in IMPORTED}

    def look(self) -> dict[str, Any]:
        """Return the state that a task is to leave as it found it."""
        return by_name()

    def note_setup(self, begun: dict[str, Any]) -> None:
        """Take for no change of the task what differed when it began, and not when it ended, from before.

        `begun` is what `look` gave: that was set up around the task, perhaps once for all that follow.
        """
        now = by_name()
        self._set_up = [
            name
            for name in IMPORTED
            if not _differs(now[name], begun[name]) and _differs(begun[name], self._before[name])
        ]

    def end_task(self, lost: Iterable[str] = ()) -> list[str]:
        """A task has run, and `lost` is what it closed of the process; put back what it changed.

        Returns the lines that tell of it.
        """
        if self._set_up:
            now, names = by_name(), self._set_up
            self._before |= {name: now[name] for name in names}
            self._set_up = []
        changed, stuck = self._changes(), []
        if changed:
            for name in changed:
                self._put_back(name)
            stuck = self._changes()
        reasons = [*(f"it changed {name} for good" for name in stuck), *lost, *self._remains()]
        lines = []
        if back := [name for name in changed if name not in stuck]:
            lines.append(f"... put back what the task changed: {', '.join(back)}")
        if reasons:
            self.must_leave = "; ".join(reasons)
            self.can_be_renewed = not INHERITED.intersection([*stuck, *lost])
            lines.append(
                f"Leaving after this task, the next one starts in a clean process: {self.must_leave}"
            )
        return lines

    def _changes(self) -> list[str]:
        now, before = signature(), tuple(self._before.values())
        if not _differs(now, before):
            return []
        return [name for name, one, other in zip(NAMES, now, before, strict=True) if _differs(one, other)]

    def _put_back(self, name: str) -> None:
        if name in PUT_BACK:
            try:
                PUT_BACK[name](self._before[name])
            except (OSError, ValueError, TypeError):
                return  # it still differs, and the process leaves
        if name == "stdin":  # what is put back is as good as what was there, not the same
            self._before[name] = _file_behind(0)

    def _remains(self) -> Iterator[str]:
        """Yield what nobody can put back: threads that keep the process from ending, too much memory."""
        if "random" in sys.modules:  # only who has it can have made chance foreseeable
            try:
                sys.modules["random"].seed(int.from_bytes(os.urandom(16)))
            except Exception as error:  # a task may have put anything there
                yield f"random cannot be seeded anew: {type(error).__name__}"
        if threading.active_count() > 1:
            main = threading.main_thread().name
            threads = [one for one in threading.enumerate() if not one.daemon and one.name != main]
            for thread in threads:  # as that of an executor that nobody has any more: it is about to end
                with suppress(RuntimeError):  # it is about to start
                    threading.Thread.join(thread, THREADS_MAY_TAKE / len(threads))
            if left := [thread.name for thread in threads if thread.is_alive()]:
                yield f"a thread still runs: {', '.join(left)}"
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # costs less to ask for
        if peak - self._memory > LARGEST_GROWTH:
            grown = current_memory() - self._memory
            if grown > LARGEST_GROWTH:
                yield f"its memory has grown by {grown >> 20} MiB"


def _differs(now: Any, before: Any) -> bool:
    try:
        return bool(now != before)
    except Exception:  # a task may have put anything there
        return True


def current_memory() -> int:
    """Return the resident memory of this process in bytes, or 0 where the system does not tell."""
    try:
        descriptor = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return 0
    try:
        return int(os.read(descriptor, 256).split()[1]) * PAGE
    finally:
        os.close(descriptor)


def peak_memory(used: resource.struct_rusage | None = None) -> int:
    """Return the largest resident memory this process has had, in bytes; `used` is what getrusage says."""
    peak = (used or resource.getrusage(resource.RUSAGE_SELF)).ru_maxrss * 1024
    return peak if peak > _inherited_peak() else _own_peak()


@cache
def _inherited_peak() -> int:
    """Return the peak of a larger process that has become this one, else 0: Linux keeps it through exec."""
    peak, own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, _own_peak()
    return peak if 0 < own < 0.9 * peak else 0


def _own_peak() -> int:
    """Return the peak of this program as /proc tells it, or 0 where it does not: dearer than getrusage."""
    try:
        with open("/proc/self/status", "rb") as status:
            [line] = [line for line in status if line.startswith(b"VmHWM:")]
    except (OSError, ValueError):
        return 0
    return int(line.split()[1]) * 1024


def set_title(command: str, job: Job | None, at: float, zone: tzinfo) -> None:
    """Show in `ps` the task a process runs, or with None that it looks for the next one."""
    from setproctitle import setproctitle  # late: no command but those that run tasks needs it

    doing = "Waiting for next task"
    if job is not None:
        adhoc_id = f"{job.adhoc_id} " if job.adhoc_id is not None else ""
        doing = f"{'Scheduled' if job.adhoc_id is None else 'Adhoc'} task: {adhoc_id}{job.name}"
    setproctitle(f"taskrun {command} ({title_time(int(at), zone)} {doing})")
