"""A command as a scheduled task."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from taskrunner.endings import Failed
from taskrunner.task import ScheduledTask

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path


class _Missing:
    """Makes a class abstract that has no command."""

    __isabstractmethod__ = True


class ShellTask(ScheduledTask):
    """A command that is due again and again; what it prints is in the log of its run while it prints it.

    A class without a command is no task, but what several of them share. An exit code that is not accepted
    fails the run. When the run is ended, by its `timeout` or by a second signal, the command and its whole
    process group are asked to end, and killed 5 seconds later. What the command itself leaves in the
    background goes on, unless `isolation = "fork"` ends that too.
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
        from taskrunner.tasks.running import run

        by_shell = isinstance(self.command, str)
        words = [self.shell, "-c", self.command] if isinstance(self.command, str) else self.command
        code = run(words, cwd=self.cwd, environment=self.environment, stdin=self.stdin)
        if code not in self.accepted_exit_codes:
            from taskrunner.tasks.exit_codes import describe

            raise Failed(describe(code, by_shell=by_shell))

    @classmethod
    def _attribute_problems(cls) -> Iterator[str]:
        from taskrunner.tasks.attributes import problems_of

        return problems_of(cls)
