"""Running a command to its end, and ending it with all of its group when it may not go on."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

from taskrunner.endings import Failed
from taskrunner.trace import flush_output, mtrace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

GRACE = 5.0
"""Seconds a command may take to end when it is asked to: less than its run has (`runner.time_limit`)."""

INTERVAL = 0.05
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGALRM)
"""What ends a run: each is answered by an exception."""


def run(
    words: Sequence[str], *, cwd: str | Path | None, environment: Mapping[str, str], stdin: str = ""
) -> int:
    """Run a program with its arguments and return its exit code; negative: the signal that ended it.

    It is the leader of a session and a process group of its own, and prints to where this process prints.
    Raises Failed if it cannot be started. Whatever is raised meanwhile ends the group first.
    """
    flush_output()
    process = None
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        try:  # a signal that is answered in here would leave a command that nobody knows
            process = _start(words, cwd, environment, stdin, partial(_unblock, mask))
        finally:
            _unblock(mask)
        return process.wait()
    except BaseException:
        if process is not None:
            _end(process)
        raise


def as_bytes(text: str) -> bytes:
    """Return a text as programs get it, whatever the locale; a byte that is no UTF-8 stays what it was.

    Raises UnicodeEncodeError.
    """
    return text.encode("utf-8", "surrogateescape")


def _unblock(mask: Iterable[int]) -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _start(
    words: Sequence[str],
    cwd: str | Path | None,
    environment: Mapping[str, str],
    stdin: str,
    in_child: partial[None],
) -> subprocess.Popen[bytes]:
    added = {as_bytes(name): as_bytes(value) for name, value in environment.items()}
    try:
        with _readable(as_bytes(stdin)) as source:
            return subprocess.Popen(  # noqa: S603  (the author's own command)
                [as_bytes(word) for word in words],
                cwd=cwd,
                env={**os.environb, **added},
                stdin=source,
                start_new_session=True,
                preexec_fn=in_child,  # noqa: PLW1509  (nothing but a system call)
            )
    except OSError as error:
        raise Failed(_refusal(error, words[0], cwd)) from error


@contextmanager
def _readable(data: bytes) -> Iterator[int]:
    """Yield a descriptor to read from: a file, so that nobody has to write while the command runs."""
    if not data:
        yield subprocess.DEVNULL
        return
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        yield file.fileno()


def _refusal(error: OSError, program: str, cwd: str | Path | None) -> str:
    if cwd is not None and error.filename == cwd:
        return f"cannot start in {cwd}: {error.strerror}"
    if isinstance(error, FileNotFoundError):
        return f"command not found: {program}"
    return f"cannot start {program}: {error.strerror}"


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask the group to end, and kill what does not listen; another user's cannot be ended and is told of."""
    _signal(process, signal.SIGTERM)
    deadline = time.monotonic() + GRACE
    while _lives(process) and time.monotonic() < deadline:
        time.sleep(INTERVAL)
    if _lives(process):
        _signal(process, signal.SIGKILL)
    try:
        process.wait(INTERVAL * 20)
    except subprocess.TimeoutExpired:
        mtrace(f"... cannot end the command, pid {process.pid}")


def _lives(process: subprocess.Popen[bytes]) -> bool:
    """Say whether anybody of the group is left; its number is given to no other process before that."""
    process.poll()
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
