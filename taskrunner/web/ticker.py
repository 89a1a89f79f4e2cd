"""A tick: a visit starts `taskrun cron` in a process of its own, if one is needed.

That process has nothing of the web server's, and outlives it.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import sys
import time
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from fcntl import F_DUPFD_CLOEXEC, fcntl
from html import escape
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING
from urllib.parse import quote

from taskrunner.config import Config, load_config
from taskrunner.config.find import current_directory
from taskrunner.config.schema import WEB_MODES
from taskrunner.ownership import refuse_others
from taskrunner.web_tick import WebTickFile

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Self

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


GIF = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")
"""One transparent pixel."""

METHODS = ("GET", "HEAD")
ROBOTS = ("bot", "crawl", "spider", "slurp")
"""Parts of the names that programs give themselves which follow every address."""

REFUSAL = b"only GET and HEAD are answered here\n"

MOUNTED_AT: ContextVar[str] = ContextVar("taskrunner.web.mounted_at", default="")
"""Where the application that answers the current request is mounted, as a part of an address."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request of the image's path is answered with, and whether it asks for a tick."""

    status: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    ticks: bool


class Html(str):
    """A text that is HTML already, as the template engines of Jinja and Django know it."""

    __slots__ = ()

    def __html__(self) -> Self:
        return self


def answer(method: str, user_agent: str) -> Answer:
    """Return the answer to a request of the image: the same whatever it starts; no parameter is looked at."""
    if method not in METHODS:
        what = (("Allow", ", ".join(METHODS)), ("Content-Type", "text/plain; charset=utf-8"))
        return Answer("405 Method Not Allowed", (*what, *_common_headers(REFUSAL)), REFUSAL, ticks=False)
    body = GIF if method == "GET" else b""
    headers = (("Content-Type", "image/gif"), *_common_headers(GIF))
    return Answer("200 OK", headers, body, ticks=is_visit(method, user_agent))


def is_visit(method: str, user_agent: str) -> bool:
    """Return whether a request is one that may start a cron: of a person, and not for the headers alone."""
    name = user_agent.lower()
    return method != "HEAD" and not any(part in name for part in ROBOTS)


def note_mount(path: str) -> None:
    """Note for `tick_tag` where the application is mounted that answers the current request.

    More slashes than one in front would name another host.
    """
    mounted = path.strip("/")
    MOUNTED_AT.set(f"/{quote(mounted)}" if mounted else "")


def tag(path: str, now: float) -> Html:
    """Return the tag of a page made now; `path` is of characters that need no escaping.

    The minute in the address is for caches alone.

    >>> tag("/tick.gif", 1_800_000_000.0)
    '<img src="/tick.gif?m=30000000" width="1" height="1" alt="" aria-hidden="true" loading="eager">'
    """
    address = f"{path}?m={int(now // 60)}"
    size = 'width="1" height="1" alt="" aria-hidden="true"'
    return Html(f'<img src="{address}" {size} loading="eager">')


def _common_headers(body: bytes) -> tuple[tuple[str, str], ...]:
    return (
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
        ("X-Robots-Tag", "noindex"),
        ("X-Content-Type-Options", "nosniff"),
    )


LOG = logging.getLogger("taskrunner.web")
PAUSE_AFTER_FAILURE = 60.0
"""Seconds for which a process tries nothing after something went wrong, and says so once."""

ERRORS = "web_cron.stderr"
"""The file in `state_dir` with what the cron that a visit started last has written to its stderr."""


class Ticker:
    """Starts crons for one site; any number of them, in threads and processes, start one at a time.

    `mode` says which requests tick: those of the image, all others (once their response is sent), or both.
    """

    def __init__(
        self, config: Config, *, mode: str | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self._web = config.web
        self._mode = mode or config.web.mode
        if self._mode not in WEB_MODES:
            raise ValueError(f"mode {mode!r} is not one of {', '.join(WEB_MODES)}")
        self._clock = clock
        self._tick_file = WebTickFile(config.state_dir)
        self._errors = config.state_dir / ERRORS
        self._command = (*program_of(config), "cron", "--trigger", "web")
        self._started: list[DetachedProcess] = []
        self._reaping = Lock()
        self._silent_until = 0.0

    @property
    def image_path(self) -> str | None:
        """The path of the image's address, or None if there is no image."""
        return None if self._mode == "response" else self._web.path

    @property
    def follows_responses(self) -> bool:
        """Whether any response is followed by a tick."""
        return self._mode != "image"

    def is_due(self) -> bool:
        """Return whether a tick would start something, as far as one `stat` tells."""
        if self._started:
            self._reap()
        now = self._clock()
        return not (self._is_silent(now) or self._tick_file.is_quiet(now, longest=self._web.longest_quiet))

    def tick(self) -> None:
        """Start a cron, if one is needed and no other visit has just started one. Never raises."""
        if not self.is_due():
            return
        now = self._clock()
        try:
            refuse_others(self._errors.parent)
            if self._tick_file.claim(now, throttle=self._web.throttle, longest=self._web.longest_quiet):
                self._start()
        except Exception as error:  # whatever it is, it is not for the visitor
            self._silent_until = now + PAUSE_AFTER_FAILURE
            LOG.warning("a visit could not start `taskrun cron`: %s", error)

    def tag(self, root: str | None) -> Html:
        """Return the tag of the image while a tick would start something, else "".

        The address begins with `root`, or where the current request says that the application is mounted.
        """
        if self.image_path is None or not (self._web.emit == "always" or self.is_due()):
            return Html()
        mounted = MOUNTED_AT.get() if root is None else escape(root)
        return tag(mounted + self.image_path, self._clock())

    def _is_silent(self, now: float) -> bool:
        return now < self._silent_until <= now + PAUSE_AFTER_FAILURE

    def _start(self) -> None:
        """Start a cron; log first what the one before has left, if the process that started it is gone."""
        if not self._started and (message := last_message(self._errors)):
            LOG.warning("a cron that a visit had started said: %s", message)
        self._started.append(DetachedProcess(self._command, errors=self._errors))

    def _reap(self) -> None:
        """Let go of crons that have ended, and log how those have failed that could not do their work."""
        if not self._reaping.acquire(blocking=False):
            return  # another thread is at it
        try:
            for process in tuple(self._started):
                failure = process.poll()
                if failure is not None:
                    self._started.remove(process)
                if failure:
                    LOG.warning("a cron that a visit started %s (%s)", failure, " ".join(self._command))
        finally:
            self._reaping.release()


def open_ticker(config: Config | str | Path | None, mode: str | None = None) -> Ticker:
    """Return the ticker of a site, that of the configuration `taskrun` finds for None. Raises ConfigError."""
    if not isinstance(config, Config):
        named = None if config is None else Path(config)
        config = load_config(named, environ=os.environ, cwd=current_directory())
    return Ticker(config, mode=mode)
