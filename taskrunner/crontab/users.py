"""Whether a crontab names a user before each command, as /etc/crontab and the files of /etc/cron.d do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from taskrunner.errors import TaskrunnerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

HEADER = re.compile(r"#?\s*m(in(ute)?)?\s+h(our)?\s+.*\buser\b", re.IGNORECASE)
"""The names of the columns, as the comment of /etc/crontab has them."""

USER = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,31}\$?")
SHELL_WORDS = frozenset({"cd", "[", "test", "command", "if", "for", "while", "set", "export", "."})
PROGRAM = re.compile(r"/(usr/(local/)?)?s?bin/\S+|/opt/\S+/s?bin/\S+")
STARTERS = frozenset(
    {"nice", "ionice", "timeout", "env", "sudo", "doas", "su", "exec", "nohup", "setsid", "time", "chronic"}
    | {
        "cronic",
        "flock",
        "chpst",
        "systemd-cat",
        "xargs",
        "docker",
        "podman",
        "kubectl",
        "ssh",
        "php",
        "perl",
    }
    | {"python", "python3", "ruby", "node", "bash", "sh", "zsh", "dash", "rsync", "find", "sleep", "echo"}
)
"""Programs before other programs, wherever they are installed."""


class Host(NamedTuple):
    """What this machine knows: which words are users, and which are programs that can be started."""

    is_user: Callable[[str], bool]
    is_program: Callable[[str], bool]


class UserColumnError(TaskrunnerError):
    """A word before a command may be a user; only the one who asks can know.

    `line` and `word` say where and which.
    """

    exit_code = 2

    def __init__(self, line: int, word: str) -> None:
        super().__init__(
            f"line {line}: {word!r} may be a user before the command, or the command",
            hint="--system if a user stands before each command, as in /etc/crontab; --no-system if not",
        )
        self.line = line
        self.word = word


def has_user_column(comments: Iterable[str], commands: Iterable[tuple[int, str]], host: Host) -> bool:
    """Return whether a user stands before each command; `commands` are (line, what follows the time).

    It does where the names of the columns say so, or where all lines name users that there are, root among
    them. Raises UserColumnError where some line may name one.
    """
    found = list(commands)
    words = [text.split(None, 2)[:2] for _, text in found]
    if any(HEADER.match(text) for text in comments):
        return True
    users = [pair[0] for pair in words if len(pair) == 2 and host.is_user(pair[0])]
    if found and "root" in users and len(users) == len(found):
        return True
    for (line, _), pair in zip(found, words, strict=True):
        if len(pair) == 2 and _may_be_user(pair[0], pair[1], host):
            raise UserColumnError(line, pair[0])
    return False


def _may_be_user(first: str, second: str, host: Host) -> bool:
    """Return whether a word looks like a user: it is one and starts nothing, or a program follows it."""
    if not USER.fullmatch(first) or first in STARTERS or first in SHELL_WORDS or second.startswith("-"):
        return False  # an option follows programs only
    is_command = host.is_program(first)
    if host.is_user(first) and not is_command:
        return True
    second_starts = PROGRAM.fullmatch(second) is not None or second in SHELL_WORDS
    if host.is_user(first):  # mail, sync, backup: a user and a program
        return second_starts or host.is_program(second)
    return not is_command and second_starts
