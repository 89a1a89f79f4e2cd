"""Between two tasks of a process: what one has changed is put back, or the process leaves."""

from __future__ import annotations

import gc
import io
import locale
import os
import random
import resource
import signal
import sys
import threading
import time
import warnings
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn

from taskrunner.runner.messages import MONTHS
from taskrunner.trace import flush_output

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from taskrunner.runner.job import Job

PAGE = os.sysconf("SC_PAGE_SIZE")


def current_memory() -> int:
    """Return the resident memory of this process in bytes; 0 where the system does not tell."""
    try:
        descriptor = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return 0
    try:
        return int(os.read(descriptor, 256).split()[1]) * PAGE
    finally:
        os.close(descriptor)


def peak_memory() -> int:
    """Return the largest resident memory this process has had, in bytes."""
    return max(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, current_memory())


@dataclass(frozen=True, slots=True, eq=False)
class Thing:
    """What it is called; `look` says how it is, `put_back` makes it so again as far as it can.

    `imported`: importing a plugin may change it for good, as one that sets DJANGO_SETTINGS_MODULE does.
    `replaced`: what is put back is as good as what was there, not the same.
    """

    name: str
    look: Callable[[], Any]
    put_back: Callable[[Any], object]
    imported: bool = False
    replaced: bool = False


KINDS_OF_HOOKS = ("excepthook", "unraisablehook", "displayhook", "breakpointhook")
SETTINGS_OF_DECIMAL = ("prec", "rounding", "Emin", "Emax", "capitals", "clamp")
NAMES_OF_STREAMS = ("stdin", "stdout", "stderr")


def _closed_streams() -> list[bool]:
    return [getattr(getattr(sys, name), "closed", True) for name in NAMES_OF_STREAMS]


def _open_streams(closed: list[bool]) -> None:
    for number, (name, was_closed) in enumerate(zip(NAMES_OF_STREAMS, closed, strict=True)):
        if not was_closed and getattr(getattr(sys, name), "closed", True):
            raw = io.FileIO(number, "r" if number == 0 else "w", closefd=False)
            setattr(sys, name, io.TextIOWrapper(raw, "utf-8", "backslashreplace", write_through=number > 0))


def _lists() -> tuple[list[str], list[str]]:
    return list(sys.argv), list(sys.path)


def _set_lists(lists: tuple[list[str], list[str]]) -> None:
    sys.argv[:], sys.path[:] = lists


def _hooks() -> list[Any]:
    hooks = [getattr(sys, name, None) for name in KINDS_OF_HOOKS]
    return [*hooks, threading.excepthook, sys.gettrace(), sys.getprofile()]


def _set_hooks(hooks: list[Any]) -> None:
    *of_sys, threading.excepthook, trace, profile = hooks
    for name, hook in zip(KINDS_OF_HOOKS, of_sys, strict=True):
        setattr(sys, name, hook)
    sys.settrace(trace)
    sys.setprofile(profile)


def _interpreter() -> tuple[Any, ...]:
    return sys.getrecursionlimit(), sys.getswitchinterval(), gc.isenabled(), gc.get_threshold()


def _set_interpreter(settings: tuple[Any, ...]) -> None:
    depth, interval, collecting, threshold = settings
    sys.setrecursionlimit(depth)
    sys.setswitchinterval(interval)
    (gc.enable if collecting else gc.disable)()
    gc.set_threshold(*threshold)


def _warnings() -> list[Any]:
    return list(warnings.filters)


def _set_warnings(filters: list[Any]) -> None:
    warnings.resetwarnings()
    warnings.filters.extend(filters)  # type: ignore[attr-defined]


def _socket_timeout() -> float | None:
    socket = sys.modules.get("socket")
    return socket.getdefaulttimeout() if socket else None


def _set_socket_timeout(seconds: float | None) -> None:
    sys.modules["socket"].setdefaulttimeout(seconds)


def _decimal() -> dict[str, Any] | None:
    """Return the settings of the context, None for those it has when it is imported, perhaps by a task."""
    decimal = sys.modules.get("decimal")
    if decimal is None:
        return None
    settings = _settings_of(decimal.getcontext())
    return None if settings == _settings_of(decimal.DefaultContext) else settings


def _settings_of(context: Any) -> dict[str, Any]:
    settings = {name: getattr(context, name) for name in SETTINGS_OF_DECIMAL}
    return settings | {"traps": [signal for signal, is_set in context.traps.items() if is_set]}


def _set_decimal(settings: dict[str, Any] | None) -> None:
    decimal = sys.modules["decimal"]
    decimal.setcontext(decimal.Context(**(settings or {}), flags=[]))


def _broken_handlers() -> list[Any]:
    """Return the handlers of the root logger that would write to a stream that a task has closed."""
    logging = sys.modules.get("logging")
    return [handler for handler in logging.root.handlers if _is_broken(handler)] if logging else []


def _is_broken(handler: object) -> bool:
    return bool(getattr(getattr(handler, "stream", None), "closed", False))


def _remove_broken_handlers(_none: object) -> None:
    for handler in _broken_handlers():
        sys.modules["logging"].root.removeHandler(handler)


STREAMS = Thing("a closed stream", _closed_streams, _open_streams)
LISTS = Thing("sys.argv or sys.path", _lists, _set_lists, imported=True)
HOOKS = Thing("the hooks of sys", _hooks, _set_hooks, imported=True)
INTERPRETER = Thing("the settings of sys and gc", _interpreter, _set_interpreter, imported=True)
WARNINGS = Thing("the filters of warnings", _warnings, _set_warnings, imported=True)
SOCKETS = Thing("the timeout of sockets", _socket_timeout, _set_socket_timeout, imported=True)
DECIMAL = Thing("the context of decimal", _decimal, _set_decimal, imported=True)
LOGGING = Thing("a closed stream of logging", _broken_handlers, _remove_broken_handlers)


KINDS_OF_LIMITS = (resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE)


def _directory() -> str | None:
    try:
        return os.getcwd()
    except OSError:
        return None


def _go_back(directory: str | None) -> None:
    os.chdir(directory or "/")


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _ids() -> tuple[Any, ...]:
    return os.getresuid(), os.getresgid()


def _set_ids(ids: tuple[Any, ...]) -> None:
    users, groups = ids
    os.setresuid(*users)  # first: only root may do the other
    os.setresgid(*groups)


def _environment() -> dict[Any, Any]:
    """The mapping below os.environ, as it is: decoding it would take longer than all other looks."""
    return dict(vars(os.environ)["_data"])


def _set_environment(environment: dict[Any, Any]) -> None:
    now = _environment()
    for name in now.keys() - environment.keys():
        del os.environb[name]
    for name, value in environment.items():
        if now.get(name) != value:
            os.environb[name] = value


def _zone() -> tuple[Any, ...]:
    return time.tzname, time.timezone, time.altzone


def _set_zone(_zone: object) -> None:
    time.tzset()


def _locale() -> str:
    return locale.setlocale(locale.LC_ALL)


def _set_locale(name: str) -> None:
    locale.setlocale(locale.LC_ALL, name)


def _limits() -> list[tuple[int, int]]:
    return [resource.getrlimit(limit) for limit in KINDS_OF_LIMITS]


def _set_limits(limits: list[tuple[int, int]]) -> None:
    for limit, values in zip(KINDS_OF_LIMITS, limits, strict=True):
        resource.setrlimit(limit, values)


def _priority() -> int:
    return os.getpriority(os.PRIO_PROCESS, 0)


def _set_priority(priority: int) -> None:
    os.setpriority(os.PRIO_PROCESS, 0, priority)


def _stdin() -> tuple[int, int] | None:
    try:
        status = os.fstat(0)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _set_stdin(_status: object) -> None:
    """Nobody types to a task: nothing to read is as good as whatever cron had put there."""
    null = os.open(os.devnull, os.O_RDONLY)
    if null:
        os.dup2(null, 0)
        os.close(null)


IDS = Thing("its user and group", _ids, _set_ids)
LIMITS = Thing("its limits", _limits, _set_limits)
PRIORITY = Thing("its priority", _priority, _set_priority)
DIRECTORY = Thing("the working directory", _directory, _go_back)
UMASK = Thing("the umask", _umask, os.umask)
ENVIRONMENT = Thing("the environment", _environment, _set_environment, imported=True)
ZONE = Thing("the time zone", _zone, _set_zone, imported=True)
LOCALE = Thing("the locale", _locale, _set_locale, imported=True)
STDIN = Thing("stdin", _stdin, _set_stdin, replaced=True)


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


THINGS: tuple[Thing, ...] = (
    *(TIMERS, HANDLERS, BLOCKED, WAKEUP),
    *(IDS, LIMITS, PRIORITY, STDIN, DIRECTORY, UMASK, LOCALE),
    *(ENVIRONMENT, ZONE),  # the zone is in the environment
    *(STREAMS, LISTS, HOOKS, INTERPRETER, WARNINGS, SOCKETS, DECIMAL, LOGGING),
)


LARGEST_GROWTH = 256 * 1024 * 1024
"""Bytes by which tasks may enlarge the process for good."""


class Tidier:
    """Knows how a process was before its tasks; `must_leave`: why it is to run no other one, "" if it may."""

    def __init__(self) -> None:
        self._was: dict[Thing, Any] = {thing: thing.look() for thing in THINGS}
        self._modules = len(sys.modules)
        self._memory = current_memory()
        self.must_leave = ""

    def begin(self) -> None:
        """A task is to run. What its plugin has changed while it was imported stays as it is."""
        if len(sys.modules) != self._modules:
            self._modules = len(sys.modules)
            self._was |= {thing: thing.look() for thing in THINGS if thing.imported}

    def tidy(self, lost: Iterable[str] = ()) -> list[str]:
        """A task has run, and `lost` is what it closed of the process: put back what it changed.

        Returns the lines that tell of it.
        """
        changed = [thing for thing in THINGS if _differs(thing.look(), self._was[thing])]
        stuck = [thing.name for thing in changed if not self._put_back(thing)]
        random.seed(int.from_bytes(os.urandom(16)))  # a task may have made chance foreseeable
        reasons = [*(f"it changed {name} for good" for name in stuck), *lost, *_threads(), *self._growth()]
        lines = []
        if back := [thing.name for thing in changed if thing.name not in stuck]:
            lines.append(f"... put back what the task changed: {', '.join(back)}")
        if reasons:
            self.must_leave = "; ".join(reasons)
            lines.append(
                f"Leaving after this task, the next cron starts in a clean process: {self.must_leave}"
            )
        return lines

    def _put_back(self, thing: Thing) -> bool:
        """Say whether it is as it was."""
        try:
            thing.put_back(self._was[thing])
        except (OSError, ValueError, TypeError):
            return False
        if thing.replaced:
            self._was[thing] = thing.look()
        return not _differs(thing.look(), self._was[thing])

    def _growth(self) -> list[str]:
        """Say by how much memory has grown, if that is too much; its peak costs less to ask for."""
        if _peak() - self._memory <= LARGEST_GROWTH:
            return []
        grown = current_memory() - self._memory
        return [f"its memory has grown by {grown >> 20} MiB"] if grown > LARGEST_GROWTH else []


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _differs(now: Any, was: Any) -> bool:
    try:
        return bool(now != was)
    except Exception:  # a task may have put anything there
        return True


def _threads() -> list[str]:
    """Name the threads that would keep the process from ending."""
    alive = [thread.name for thread in threading.enumerate() if not thread.daemon]
    left = [name for name in alive if name != threading.main_thread().name]
    return [f"a thread still runs: {', '.join(left)}"] if left else []


def set_title(command: str, job: Job | None, now: datetime) -> None:
    """Show the task a process runs, None: it looks for the next one."""
    _setter()(f"taskrun {command} ({_moment(now)} {_doing(job)})")


@cache
def _setter() -> Callable[[str], None]:
    from setproctitle import setproctitle

    setter: Callable[[str], None] = setproctitle
    return setter


def _doing(job: Job | None) -> str:
    if job is None:
        return "Waiting for next task"
    if job.adhoc_id is not None:
        return f"Adhoc task: {job.adhoc_id} {job.name}"
    return f"Scheduled task: {job.name}"


def _moment(now: datetime) -> str:
    """Return a moment whatever the locale.

    >>> from datetime import datetime
    >>> _moment(datetime(2026, 11, 21, 13, 57, 1))
    'Nov 21, 13:57:01'
    """
    return f"{MONTHS[now.month - 1]} {now.day}, {now:%H:%M:%S}"


PATIENCE = 10.0
"""Seconds for which threads that tasks left running are waited for."""


def leave(exit_code: int) -> NoReturn:
    """End this process; a thread that does not end is ended with it, else processes would pile up."""
    until = time.monotonic() + PATIENCE
    for thread in threading.enumerate():
        if thread is not threading.main_thread() and not thread.daemon:
            thread.join(max(0.0, until - time.monotonic()))
            if thread.is_alive():
                flush_output()
                os._exit(exit_code)
    sys.exit(exit_code)
