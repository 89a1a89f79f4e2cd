"""Kinds of tasks that are ready to be subclassed: a command as a task."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Collection, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from taskrunner.task import Failed, ScheduledTask, flush_output, mtrace

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterable, Iterator, Sequence


__all__ = ["ShellTask"]


class _Missing:
    """Makes a class abstract that has no command."""

    __isabstractmethod__ = True


class ShellTask(ScheduledTask):
    """A command that is due again and again; what it prints is in the log of its run while it prints it.

    A class without a command is not a task, but what several of them share. An exit code that is not accepted
    fails the run. When the run is ended, by its `timeout` or by a second signal, the command and its whole
    process group are asked to end, and killed 5 seconds later. What the command itself leaves in the
    background continues, unless `isolation = "fork"` ends that too.
    """

    command: ClassVar[str | Sequence[str]] = cast(str, _Missing())
    """A text that the shell reads, or a list of program and arguments that no shell sees."""

    shell: ClassVar[str] = "/bin/sh"
    """The program that is started with -c and the text."""

    cwd: ClassVar[str | Path | None] = None
    """The folder in which the command starts, absolute; None: that of the process."""

    environment: ClassVar[Mapping[str, str]] = {}
    """What is added to the environment."""

    stdin: ClassVar[str] = ""
    """What the command can read; it gets nothing else to read, and no terminal."""

    accepted_exit_codes: ClassVar[Collection[int]] = (0,)
    """The exit codes that are a success."""

    def execute(self) -> None:
        """Run the command to its end."""
        by_shell = isinstance(self.command, str)
        words = [self.shell, "-c", self.command] if isinstance(self.command, str) else self.command
        code = run(words, cwd=self.cwd, environment=self.environment, stdin=self.stdin)
        if code not in self.accepted_exit_codes:
            raise Failed(describe(code, by_shell=by_shell))

    @classmethod
    def _attribute_problems(cls) -> Iterator[str]:
        from taskrunner.validate import misfits  # late: a run does not check its class again

        return misfits(cls, RULES)


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
    """Return a text as programs get it, whatever the locale; a byte that is not UTF-8 stays what it was.

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
    import subprocess  # late: a plugin that declares a command does not start one

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
    import subprocess

    if not data:
        yield subprocess.DEVNULL
        return
    import tempfile

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
    """Ask the group to end, and kill what does not listen; another user's cannot be ended and is reported."""
    import subprocess

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
    """Return whether anybody of the group is left; its number is given to no other process before."""
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


OF_SHELLS = {126: "the command cannot be executed", 127: "command not found"}
"""What a shell means by them (POSIX, Shell & Utilities 2.8.2)."""


def describe(code: int, *, by_shell: bool) -> str:
    """Return how a command ended; negative: by that signal. A shell hides in its own code how another did.

    >>> [describe(code, by_shell=True) for code in (3, 127, 137, -15)]
    ['exit code 3', 'exit code 127: command not found', 'exit code 137: SIGKILL', 'ended by SIGTERM']
    """
    if code < 0:
        return f"ended by {_name(-code) or f'signal {-code}'}"
    meaning = (OF_SHELLS.get(code) or _name(code - 128)) if by_shell else None
    return f"exit code {code}: {meaning}" if meaning else f"exit code {code}"


def _name(number: int) -> str | None:
    try:
        return signal.Signals(number).name
    except ValueError:
        return None


LARGEST_EXIT_CODE = 255


def _is_text(value: Any) -> bool:
    """Return whether a value is a text that a program can be given."""
    if not isinstance(value, str) or "\0" in value:
        return False
    try:
        value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return True


def _is_command(value: Any) -> bool:
    if isinstance(value, str):
        return _is_text(value) and value.strip() != ""
    return isinstance(value, list | tuple) and [*value][:1] not in ([], [""]) and all(map(_is_text, value))


def _is_program(value: Any) -> bool:
    return _is_text(value) and value != ""


def _is_folder(value: Any) -> bool:
    return value is None or (isinstance(value, str | Path) and _is_text(str(value)) and os.path.isabs(value))


def _is_environment(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        _is_text(name) and name and "=" not in name and _is_text(text) for name, text in value.items()
    )


def _is_exit_codes(value: Any) -> bool:
    return (
        isinstance(value, Collection)
        and bool(value)
        and all(type(code) is int and 0 <= code <= LARGEST_EXIT_CODE for code in value)
    )


RULES = {
    "command": (_is_command, "a text for the shell, or a list of a program and its arguments"),
    "shell": (_is_program, "the path of a program"),
    "cwd": (_is_folder, "None or the absolute path of a folder"),
    "environment": (_is_environment, "a mapping of names to texts"),
    "stdin": (_is_text, "a text"),
    "accepted_exit_codes": (_is_exit_codes, f"one or more whole numbers from 0 to {LARGEST_EXIT_CODE}"),
}
