"""What a crontab holds, line by line."""

from __future__ import annotations

from dataclasses import dataclass


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
