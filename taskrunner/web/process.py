"""The process of a cron that a visit starts: it has nothing of the web server's, and outlives it.

A module of its own for its tests: web servers differ in what a child inherits from them.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from contextlib import suppress
from fcntl import F_DUPFD_CLOEXEC, fcntl
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from taskrunner.config import Config

SHELL = "/bin/sh"
IN_ROOT = 'cd / && exec "$@"'
"""What the shell does: `posix_spawn` cannot change the folder."""

UNLISTED = 1024
"""So many descriptors are looked at where the system does not list them."""

LONGEST_MESSAGE = 2000
"""Bytes of the end of what a cron has written to its stderr that are read."""


class DetachedProcess:
    """A program in a session of its own, its stderr in a new file; it gets nothing else of this process.

    Signals are as after boot: none blocked, none ignored. It is no `fork` that Python or gevent knows of: no
    thread, greenlet or handler of the web server is copied. Raises OSError.
    """

    def __init__(self, command: Sequence[str], *, errors: Path) -> None:
        if shutil.which(command[0]) is None:
            raise FileNotFoundError(f"{command[0]} is not a program: see `command` of [web]")
        self._errors = errors
        self._stderr = _created(errors)
        self.pid = _spawn(command, self._stderr)

    def poll(self) -> str | None:
        """Return how the program has failed, "" if it has not, or None while it still runs."""
        try:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
        except ChildProcessError:  # the web server waits for all children itself
            return self._ended("has ended; how is not known") if _is_gone(self.pid) else None
        return self._ended(_failure(os.waitstatus_to_exitcode(status))) if pid else None

    def _ended(self, failure: str) -> str:
        message = _last_line(self._stderr)
        with suppress(FileNotFoundError):
            if os.path.samestat(self._errors.lstat(), os.fstat(self._stderr)):
                self._errors.unlink()  # else it is that of another cron
        os.close(self._stderr)
        return f"{failure}: {message}" if failure and message else failure


def last_message(errors: Path) -> str:
    """Return the last line of what a cron has written to its stderr, or "" if it has left nothing."""
    try:
        descriptor = os.open(errors, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        return _last_line(descriptor)
    finally:
        os.close(descriptor)


def python_of_this_process() -> str:
    """Return the Python that has the packages of this process, also where `sys.executable` is a web server.

    >>> os.access(python_of_this_process(), os.X_OK)
    True
    """
    named = sys.executable or ""
    is_python = os.path.basename(named).startswith("python")
    if is_python and os.path.dirname(named) == os.path.join(sys.prefix, "bin"):
        return named
    installed = os.path.join(sys.prefix, "bin", "python3")
    return installed if os.access(installed, os.X_OK) or not is_python else named


def program_of(config: Config) -> tuple[str, ...]:
    """Return how `taskrun` is started from a web server, with the configuration that is in force here."""
    program = config.web.command or (python_of_this_process(), "-P", "-m", "taskrunner")
    return (*program, "--config", str(config.file))


def _spawn(command: Sequence[str], stderr: int) -> int:
    return os.posix_spawn(
        SHELL,
        [SHELL, "-c", IN_ROOT, "sh", *command],
        os.environ,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_DUP2, stderr, 2),
            *((os.POSIX_SPAWN_CLOSE, descriptor) for descriptor in _inheritable()),
        ],
        setsid=True,
        setsigmask=[],
        setsigdef=signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP},
    )


def _created(errors: Path) -> int:
    """Return a descriptor of a new file, above those that the program gets as its first three."""
    errors.unlink(missing_ok=True)
    descriptor = os.open(errors, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    if descriptor > 2:
        return descriptor
    try:
        return int(fcntl(descriptor, F_DUPFD_CLOEXEC, 3))
    finally:
        os.close(descriptor)


def _inheritable() -> list[int]:
    """Return the open descriptors above stderr that a new program would get: sockets of some web servers."""
    is_listed = os.path.isdir("/dev/fd")  # not in every chroot
    found = []
    for descriptor in map(int, os.listdir("/dev/fd")) if is_listed else range(UNLISTED):
        with suppress(OSError):  # it is closed by now
            if descriptor > 2 and os.get_inheritable(descriptor):
                found.append(descriptor)
    return found


def _last_line(descriptor: int) -> str:
    size = os.fstat(descriptor).st_size
    text = os.pread(descriptor, LONGEST_MESSAGE, max(0, size - LONGEST_MESSAGE)).decode("utf-8", "replace")
    line = text.strip().rpartition("\n")[2]
    return "".join(sign if sign.isprintable() else "?" for sign in line)


def _failure(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}" if code else ""
    names = {number.value: number.name for number in signal.Signals}
    return f"was ended by {names.get(-code, f'signal {-code}')}"


def _is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # another user's process has the number by now
        return True
    return False
