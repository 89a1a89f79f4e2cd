"""Commands forked from a process that has imported the whole program: they start in 20 ms, not in 150.

What a command does and says is what it would be anew, but for what Python does at its own start. Tests of
that, of signals, terminals and crowds start the program itself. Commands that only look do so one after the
other in one child: most of what a fork costs is that each child copies what it touches.
"""

import atexit
import ctypes
import gc
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import taskrunner

LARGEST = 64 * 1024
"""Bytes of a request; one message has to hold it."""

DECIDED_AT_START = ("PYTHON", "LC_", "LANG")
"""Beginnings of the names that Python looks at before it runs anything."""

HUGE_PAGE = 2 * 1024 * 1024
MADV_COLLAPSE = 25
"""From <linux/mman.h>: have these pages made one, whatever /sys says of transparent huge pages."""

NOT_OF_THE_PROGRAM = ("taskrunner.__main__", "taskrunner.testing", "taskrunner.web", "taskrunner.django")
USED_LATER = (
    "croniter", "csv", "email.message", "getpass", "grp", "http.client", "psycopg", "pwd", "readline",
    "rich.box", "rich.console", "rich.markup", "rich.progress", "rich.table", "rich.text", "sqlite3",
    "tomllib", "urllib.request", "uuid",
)  # fmt: skip
"""What the program imports when it needs it."""


LOOKS = (
    *(["--help"], ["--version"], ["adhoc", "list"], ["adhoc", "show"], ["check"], ["config"], ["help"]),
    *(["list"], ["log"], ["plan"], ["plugins"], ["running"], ["show"], ["stats"], ["status"], ["why"]),
)
"""The commands that change nothing, neither of the site nor of their process."""

WATCHES = {"follow", "--follow", "-f", "--watch", "-w"}
"""What has such a command stay."""


class Warm:
    """The side of the tests: a process to fork commands from, started with the first one."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None

    def run(
        self,
        arguments: Sequence[str],
        *,
        cwd: Path,
        environ: Mapping[str, str],
        timeout: float,
        told: str = "",
        **options: Any,
    ) -> subprocess.CompletedProcess[str]:
        """Run one command; `told` is its standard input. Raises subprocess.TimeoutExpired.

        Where it would make a difference, or with `options` of `subprocess.run`, the command is started anew.
        """
        if options or not _may_be_forked(arguments, environ):
            return anew(arguments, cwd=cwd, environ=environ, timeout=timeout, told=told, **options)
        file = tempfile.TemporaryFile
        with file() as stdin, file() as stdout, file() as stderr:
            stdin.write(told.encode())
            stdin.seek(0)
            streams = [stream.fileno() for stream in (stdin, stdout, stderr)]
            pid = self.start(arguments, streams, cwd=cwd, environ=environ)
            code = self.wait(pid, arguments, timeout)
            printed, complained = (_text(stream) for stream in streams[1:])
        return subprocess.CompletedProcess(arguments, code, printed, complained)

    def start(
        self, arguments: Sequence[str], streams: Sequence[int], *, cwd: Path, environ: Mapping[str, str]
    ) -> int:
        """Start a command with these descriptors as 0, 1 and 2; return its pid. No other before `wait`."""
        request = {"arguments": arguments, "cwd": str(cwd), "environ": dict(environ)}
        channel = self._opened()
        socket.send_fds(channel, [json.dumps(request).encode()], list(streams))
        return int(channel.recv(LARGEST))

    def wait(self, pid: int, arguments: Sequence[str], timeout: float) -> int:
        """Return the exit code of a command that was started. Raises subprocess.TimeoutExpired."""
        assert self._channel is not None
        self._channel.settimeout(timeout)
        try:
            return int(self._channel.recv(LARGEST))
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            self._channel.recv(LARGEST)
            raise subprocess.TimeoutExpired(list(arguments), timeout) from None

    def _opened(self) -> socket.socket:
        if self._channel is None:
            self._channel, others = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with others:
                self._process = subprocess.Popen(
                    [sys.executable, "-P", __file__, str(others.fileno())],
                    env={"HOME": "/", "PATH": "/usr/bin:/bin"},
                    pass_fds=[others.fileno()],
                    stdin=subprocess.DEVNULL,
                )
        return self._channel


WARM = Warm()
"""The one of this process; it ends with it."""


def anew(
    arguments: Sequence[str],
    *,
    cwd: Path,
    environ: Mapping[str, str],
    timeout: float,
    told: str = "",
    **options: Any,
) -> subprocess.CompletedProcess[str]:
    """Run one command in a Python of its own."""
    return subprocess.run(
        [sys.executable, "-m", "taskrunner", *arguments],
        cwd=cwd,
        env=environ,
        input=told,
        capture_output=True,
        encoding="utf-8",
        timeout=timeout,
        **options,
    )


def _may_be_forked(arguments: Sequence[str], environ: Mapping[str, str]) -> bool:
    """Say whether a start makes no difference to a command, which a message has to hold."""
    if not all(isinstance(argument, str) for argument in arguments):
        return False
    fits = len(json.dumps([arguments, dict(environ)])) < LARGEST
    return fits and not any(name.startswith(DECIDED_AT_START) for name in environ)


def _text(descriptor: int) -> str:
    return os.pread(descriptor, os.fstat(descriptor).st_size, 0).decode("utf-8").replace("\r\n", "\n")


def import_everything() -> None:
    for module in pkgutil.walk_packages(taskrunner.__path__, "taskrunner."):
        if not module.name.startswith(NOT_OF_THE_PROGRAM):
            import_module(module.name)
    for name in USED_LATER:
        import_module(name)
    make_forks_cheap()


def make_forks_cheap() -> None:
    """Have what this process holds shared with its children as it is, and in pages of 2 MiB.

    The collector would write into all of it. And a fork copies the table of pages, the end of a child goes
    through its own: 140 MiB in pages of 4 KiB make both cost 8 ms, those of 2 MiB 2 ms, until
    what this process writes while it has children has split them again.
    """
    gc.collect()
    gc.freeze()
    libc = ctypes.CDLL(None)
    with open("/proc/self/maps", encoding="utf-8") as file:
        areas = [line.split() for line in file]
    for place, access, *_, file_or_name in areas:
        if access != "rw-p" or file_or_name.startswith("/"):
            continue
        start, end = (int(address, 16) for address in place.split("-"))
        for page in range(-(-start // HUGE_PAGE) * HUGE_PAGE, end - HUGE_PAGE + 1, HUGE_PAGE):
            # Refused where there is no memory, or by a kernel before 6.1: then it stays as it was.
            libc.madvise(ctypes.c_void_p(page), ctypes.c_size_t(HUGE_PAGE), MADV_COLLAPSE)


def _serve(channel: socket.socket) -> None:
    """Fork a child for each request; returns in the child, which is to be the command."""
    looking = Looking(channel)
    while True:
        message, streams, _, _ = socket.recv_fds(channel, LARGEST, 3)
        if not message:
            os._exit(0)
        if _only_looks(json.loads(message)["arguments"]) and not any(map(os.isatty, streams)):
            looking.serve(message, streams)
            continue
        child = os.fork()
        if child == 0:
            channel.close()
            _become(json.loads(message), streams)
            return
        for stream in streams:
            os.close(stream)
        channel.send(str(child).encode())
        channel.send(str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])).encode())


def _only_looks(arguments: Sequence[str]) -> bool:
    words = arguments[2:] if arguments[:1] == ["--config"] else arguments
    return any(words[: len(look)] == look for look in LOOKS) and WATCHES.isdisjoint(words)


class Looking:
    """The child that commands run in one after the other, until one leaves it otherwise than it was."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._child = 0
        self._requests: socket.socket | None = None

    def serve(self, message: bytes, streams: Sequence[int]) -> None:
        """Have one command run, and send its pid and then its exit code on the channel."""
        try:
            self._send(message, streams)
        except BrokenPipeError:  # somebody has killed it
            self._forget()
            self._send(message, streams)
        for stream in streams:
            os.close(stream)
        self._channel.send(str(self._child).encode())
        code, _, state = self._answer().partition(" ")
        if state != "as before":
            status = self._forget()
            code = code or str(status)
        self._channel.send(code.encode())

    def _send(self, message: bytes, streams: Sequence[int]) -> None:
        if self._requests is None:
            self._begin(streams)
        assert self._requests is not None
        socket.send_fds(self._requests, [message], list(streams))

    def _answer(self) -> str:
        """Return code and state; "" if the child has died."""
        assert self._requests is not None
        with suppress(ConnectionResetError):  # before it had taken the request
            return self._requests.recv(LARGEST).decode()
        return ""

    def _forget(self) -> int:
        """Have another child with the next command; return how this one has ended."""
        assert self._requests is not None
        self._requests.close()
        self._requests = None
        return os.waitstatus_to_exitcode(os.waitpid(self._child, 0)[1])

    def _begin(self, streams: Sequence[int]) -> None:
        self._requests, others = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._child = os.fork()
        if self._child == 0:
            self._requests.close()
            self._channel.close()
            for stream in streams:
                os.close(stream)
            _look(others)
        others.close()


def _look(requests: socket.socket) -> None:
    """Run commands one after the other; never returns."""
    before = None
    nothing = os.open(os.devnull, os.O_RDWR)
    program = [module for name, module in sys.modules.items() if name.startswith("taskrunner.")]
    kept = [value for module in program for value in vars(module).values() if hasattr(value, "cache_clear")]
    while True:
        message, streams, _, _ = socket.recv_fds(requests, LARGEST, 3)
        if not message:
            os._exit(0)
        _become(json.loads(message), streams)
        for function in kept:
            function.cache_clear()
        code = _code_of_main()
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):  # nobody reads it
                stream.flush()
        for number in range(3):
            os.dup2(nothing, number)
        state = _state()
        as_before = before in (None, state)
        before = state
        requests.send(f"{code & 0xFF} {'as before' if as_before else 'changed'}".encode())
        if not as_before:
            os._exit(0)


def _state() -> tuple[object, ...]:
    """Return what a command may have left behind."""
    return (
        len(os.listdir("/proc/self/fd")),
        threading.active_count(),
        [signal.getsignal(number) for number in signal.valid_signals()],
        sys.path[:],
        len(sys.modules),
    )


def _become(request: Mapping[str, object], streams: Sequence[int]) -> None:
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    kept = {name: value for name, value in os.environ.items() if name.startswith(DECIDED_AT_START)}
    os.environ.clear()
    os.environ.update(kept | request["environ"])  # type: ignore[operator]
    time.tzset()
    os.chdir(str(request["cwd"]))
    sys.argv = [str(Path(taskrunner.__path__[0], "__main__.py")), *request["arguments"]]  # type: ignore[misc]


def _code_of_main() -> int:
    try:
        import_module("taskrunner.__main__").main()
    except SystemExit as asked:
        if asked.code is None or isinstance(asked.code, int):
            return asked.code or 0
        print(asked.code, file=sys.stderr)
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def _end(code: int) -> None:
    """End as Python does, but take nothing apart: for that a child would copy all it has of its parent."""
    threading._shutdown()  # noqa: SLF001  # type: ignore[attr-defined]  # waits for threads
    atexit._run_exitfuncs()  # noqa: SLF001
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # closed, or nobody reads it
            stream.flush()
    os._exit(code & 0xFF)


if __name__ == "__main__":
    import_everything()
    _serve(socket.socket(fileno=int(sys.argv[1])))
    _end(_code_of_main())
