"""What a crontab holds, line by line, and what its lines are called.

Whether a crontab names a user before each command, as /etc/crontab and the files of /etc/cron.d do, and the
names of classes for commands: that of the program, in CamelCase.
"""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from taskrunner.errors import TaskrunnerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class RefusedError(ValueError):
    """A line, or a part of it, that cannot be carried over: the message is the reason."""


class BadLineError(RefusedError):
    """A line that Debian's cron does not accept either: it ignores all of a crontab that has one."""


@dataclass(frozen=True, slots=True)
class Account:
    """The user whose crontab it is."""

    name: str
    home: str


@dataclass(frozen=True, slots=True)
class Variables:
    """The variables that hold from a line of the crontab on; cron hands all of them to the commands."""

    line: int = 0
    values: tuple[tuple[str, str], ...] = ()

    def get(self, name: str, default: str = "") -> str:
        """Return what a variable says; `default` where it is not set."""
        return dict(self.values).get(name, default)

    def set(self, name: str, value: str, *, line: int) -> Variables:
        """Return the variables that hold from this line on."""
        return Variables(line, tuple((dict(self.values) | {name: value}).items()))


@dataclass(frozen=True, slots=True)
class Entry:
    """The line of a command: `schedule` as taskrunner writes it; `user` only in a system's crontab.

    `by_clock`: cron takes it for one that follows the clock also when that is changed (man 8 cron).
    """

    schedule: str
    by_clock: bool
    command: str
    stdin: str
    user: str | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """A line that is carried over, under the name of a class; `about` are the comments above it."""

    line: int
    text: str
    name: str
    entry: Entry
    about: tuple[str, ...]
    variables: Variables


@dataclass(frozen=True, slots=True)
class Left:
    """A line that is not carried over, and why.

    `is_own`: because it is the one that starts taskrunner; `is_bad`: Debian's cron does not accept it either.
    """

    line: int
    text: str
    reason: str
    is_own: bool = False
    is_bad: bool = False


@dataclass(frozen=True, slots=True)
class Comment:
    """Comments that are about no line in particular, each without its #."""

    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Crontab:
    """All of it, in its order.

    `windows`: its lines ended as on Windows; `has_mark`: it begins with the mark of some editors.
    """

    account: Account
    items: tuple[Comment | Job | Left, ...]
    windows: bool = False
    has_mark: bool = False

    @property
    def jobs(self) -> list[Job]:
        """What is carried over."""
        return [item for item in self.items if isinstance(item, Job)]

    @property
    def left(self) -> list[Left]:
        """What is not."""
        return [item for item in self.items if isinstance(item, Left)]


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


LONGEST_NAME = 48
LONGEST_LOOKED_AT = 1000
"""Characters of a command that are looked at for its name."""

OPERATORS = re.compile(r"&&|\|\||[;|&(){}<>`\n]")
ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
COMPUTED = re.compile(r"\$\(\([^()]*\)\)|\$\([^()]*\)")
INTERPRETERS = re.compile(r"(php|python|perl|ruby|node|java|(ba|da|z)?sh|sudo|(io)?nice|env|time)[0-9.]*")
"""What only starts the program that is meant; so does `cd folder &&` before it."""

NOT_MEANT = frozenset({"[", "test", "cd", "sleep", "set", "export", "umask", ".", "source", "if", "then"})
TAKEN = frozenset({"ShellTask"})


def name_of(command: str) -> str:
    """Return the name of the program that a command starts, in CamelCase, or "" if there is none.

    >>> [name_of(text) for text in ("php /var/www/moodle/admin/cli/cron.php", "cd /x && docker system prune")]
    ['Cron', 'Docker']
    >>> [name_of(text) for text in ("A=b nice -n 10 rsync -a /data /x", "run-parts /etc/cron.daily", "'$x'")]
    ['Rsync', 'RunParts', '']
    """
    names = [
        name
        for part in OPERATORS.split(COMPUTED.sub(" ", command[:LONGEST_LOOKED_AT]))
        if (words := part.split()) and words[0].strip("'\"") not in NOT_MEANT and (name := _program(words))
    ]
    first = names[0] if names else _program(command[:LONGEST_LOOKED_AT].split())
    first = first.lstrip("0123456789")[:LONGEST_NAME]
    return first if len(first) > 1 else ""


class Names:
    """Names that were given already, each with the number of the next one like it."""

    def __init__(self) -> None:
        self._next = dict.fromkeys(TAKEN, 2)

    def new(self, command: str, *, line: int) -> str:
        """Return a name for a command that no other one has."""
        name = name_of(command) or f"Line{line}"
        name = candidate = f"Run{name}" if keyword.iskeyword(name) else name
        while candidate in self._next:
            candidate = f"{name}{self._next[name]}"
            self._next[name] += 1
        self._next[candidate] = 2
        return candidate


def _program(words: list[str]) -> str:
    """Return the program among words, in CamelCase: not an option, a number or a variable."""
    plain = [
        word.strip("'\"").rstrip("/").rpartition("/")[2]
        for word in words
        if not word.startswith(("-", "$")) and not ASSIGNMENT.match(word) and not word.isdigit()
    ]
    meant = [word for word in plain if not INTERPRETERS.fullmatch(word)]
    base = re.sub(r"\.(sh|php|py|pl|rb|js|jar)$", "", next(iter(meant or plain), ""))
    parts = re.split(r"[^A-Za-z0-9]+", base if base.isascii() else "")
    return "".join(part[:1].upper() + part[1:] for part in parts)
