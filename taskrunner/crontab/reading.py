"""A crontab, read as cron reads it: nothing of it is lost, and nothing is guessed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from taskrunner.crontab.commands import is_own
from taskrunner.crontab.comments import divide, split_comment, text_of
from taskrunner.crontab.entries import parse_entry, user_of
from taskrunner.crontab.naming import Names
from taskrunner.crontab.records import Account, Comment, Crontab, Entry, Job, Left, RefusedError, Variables
from taskrunner.crontab.variables import parse_variable
from taskrunner.errors import InvalidScheduleError, TaskrunnerError
from taskrunner.schedule.zones import get_zone

if TYPE_CHECKING:
    from collections.abc import Callable

LARGEST = 1024 * 1024
"""Bytes of the largest crontab."""

MOST_LINES = 10_000
"""Lines of the longest one: Debian's cron takes no more either."""

BLANKS = " \t"
OWN = "it is taskrunner's own line"


def read_crontab(
    data: bytes, account: Account, *, has_users: bool | None = None, is_user: Callable[[str], bool]
) -> Crontab:
    """Return what a crontab says; `has_users`: a user stands before each command, None: find that out.

    Only lines of `account` are carried over. Raises TaskrunnerError: it is no crontab.
    """
    if b"\0" in data or len(data) > LARGEST or data.count(b"\n") > MOST_LINES:
        raise TaskrunnerError(
            "it is no crontab: " + ("it holds bytes 0" if b"\0" in data else "it is too large")
        )
    lines = data.decode("utf-8", "surrogateescape").split("\n")
    texts = [line.removesuffix("\r") for line in lines]
    if has_users is None:
        has_users = _names_users(texts, is_user)
    reader = Reader(account, has_users=has_users)
    for number, text in enumerate(texts[:-1], 1):
        reader.read(number, text)
    reader.read_unfinished(len(texts), texts[-1])
    return Crontab(account, tuple(reader.items), windows=any(line.endswith("\r") for line in lines))


class Reader:
    """Reads line after line; `items` are what there was so far."""

    def __init__(self, account: Account, *, has_users: bool) -> None:
        self.items: list[Comment | Job | Left] = []
        self._account = account
        self._has_users = has_users
        self._variables = Variables()
        self._comments: list[str] = []
        self._names = Names()

    def read(self, number: int, text: str) -> None:
        """Read one line."""
        text = text.lstrip(BLANKS)
        if text.startswith("#"):
            self._comments.append(text_of(text))
            return
        if not text:
            self._keep_comments()
        elif variable := parse_variable(text):
            self._keep_comments()
            self._variables = self._variables.set(*variable, line=number)
        else:
            self._read_entry(number, text)

    def read_unfinished(self, number: int, text: str) -> None:
        """Read what follows the last line break: cron does not run a line that has none."""
        is_command = (
            text.strip(BLANKS) and not text.lstrip(BLANKS).startswith("#") and not parse_variable(text)
        )
        if not is_command:
            self.read(number, text)
        self._keep_comments()
        if is_command:
            self.items.append(Left(number, text, "no line break follows it, so cron does not run it either"))

    def _keep_comments(self) -> None:
        if any(self._comments):
            self.items.append(Comment(tuple(self._comments)))
        self._comments = []

    def _read_entry(self, number: int, text: str) -> None:
        try:
            entry = parse_entry(text, has_user=self._has_users)
            self._refuse_what_cannot_run(entry)
        except RefusedError as refusal:
            self._keep_comments()
            self.items.append(Left(number, text, str(refusal), is_own=str(refusal) == OWN))
            return
        self._comments, about = divide(self._comments)
        self._keep_comments()
        name = self._names.new(split_comment(entry.command)[0], line=number)
        self.items.append(Job(number, text, name, entry, tuple(about), self._variables))

    def _refuse_what_cannot_run(self, entry: Entry) -> None:
        if entry.user not in (None, self._account.name):
            raise RefusedError(f"it is a line of {entry.user}: import it as that user")
        if is_own(entry.command):
            raise RefusedError(OWN)
        for name in ("HOME", "SHELL"):
            if not os.path.isabs(self._variables.get(name, "/")):
                raise RefusedError(f"{name} is not absolute, so cron cannot run it either")
        if zone := self._variables.get("CRON_TZ"):
            _refuse_unknown_zone(zone)


def _refuse_unknown_zone(zone: str) -> None:
    try:
        get_zone(zone)
    except InvalidScheduleError as error:
        raise RefusedError(f"CRON_TZ: {error}") from error


def _names_users(texts: list[str], is_user: Callable[[str], bool]) -> bool:
    """Say whether a crontab looks as a system's: each line names a user that there is, one of them root."""
    commands = [
        text for text in texts if not text.lstrip(BLANKS).startswith("#") and not parse_variable(text)
    ]
    users = {user for text in commands if (user := user_of(text)) is not None}
    return "root" in users and all(map(is_user, users))
