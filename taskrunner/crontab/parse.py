"""A crontab, read as cron reads it: nothing of it is lost, and nothing is guessed."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from taskrunner.crontab.records import (
    Account,
    BadLineError,
    Comment,
    Crontab,
    Entry,
    Job,
    Left,
    Names,
    RefusedError,
    Variables,
    has_user_column,
)
from taskrunner.errors import InvalidScheduleError, TaskrunnerError
from taskrunner.schedule import Schedule
from taskrunner.schedule.parse import ALIASES, FIELDS, WEEKDAY, parse_fields
from taskrunner.zones import get_zone

if TYPE_CHECKING:
    from collections.abc import Sequence

    from taskrunner.crontab.records import Host

LONGEST_COMMAND = 998
"""Characters of a command with what it reads: of a longer one Debian's cron takes the crontab for broken."""

LOOKED_AT = 4000
"""Characters of a command in which taskrunner is looked for; Debian's cron takes 998 at all."""

OWN_COMMAND = re.compile(r"(^|[\s/;&|('\"])(taskrun|-m\s+taskrunner)['\"]?(\s[^;&|]*)?\scron(\s|$|[;&|)'\"])")


def split_command(text: str) -> tuple[str, str]:
    r"""Return what the shell gets and what the command reads, as Debian's cron does it.

    The first % ends the command; each further one is a line break, and the last line gets one. \% is a %, and
    two backslashes are one, which cronie hands on as two.

    >>> split_command(r"date +\%F"), split_command("mail ann%Hello,%%Where are you?")
    (('date +%F', ''), ('mail ann', 'Hello,\n\nWhere are you?\n'))
    """
    command, at, escaped = list[str](), 0, False
    while at < len(text) and (escaped or text[at] != "%"):
        character = text[at]
        if escaped and character in "%\\":
            command.pop()
        command.append(character)
        escaped = character == "\\" and not escaped
        at += 1
    return "".join(command), _stdin(text[at + 1 :])


def is_own(command: str) -> bool:
    """Return whether a command is the one that starts taskrunner.

    >>> [is_own(command) for command in ("/opt/bin/taskrun --config x.toml cron", "taskrun list", "cron")]
    [True, False, False]
    """
    return OWN_COMMAND.search(command[:LOOKED_AT]) is not None


def _stdin(text: str) -> str:
    r"""A backslash before a % is left out; unlike in the command, also the second one of \\%."""
    stdin = re.sub(r"\\%|%", lambda found: "%" if len(found[0]) == 2 else "\n", text)
    last = stdin.rstrip("\\")[-1:]  # cron does not look at backslashes here
    return stdin if last in ("", "\n") else f"{stdin}\n"


EVERY_MINUTE = "* * * * *"
VALUE = r"([0-9]+|[A-Za-z]{3})"
ITEM = re.compile(rf"{VALUE}|(\*|{VALUE}-{VALUE})(/[0-9]+)?")
STEP_AFTER_VALUE = re.compile(rf"{VALUE}/.*")
ENDS_WITH_SUNDAY = re.compile(r"(?!0+-|sun-)\w+-sun(/[0-9]+)?", re.IGNORECASE)
REBOOT = "taskrunner cannot tell a restart; leave it to cron"


def translate(columns: list[str]) -> str:
    """Return five fields of a crontab as a schedule of taskrunner. Raises RefusedError: no schedule says so.

    Where cron programs differ, or accept what they do not understand, nothing is guessed. To cron a field
    that begins with * restricts nothing, so that day and weekday must both match if one of them does
    (DOM_STAR and DOW_STAR of ISC cron); to taskrunner only * itself does.

    >>> translate(["0", "3", "*/1", "*", "mon"]), translate(["0", "3", "1-7", "*", "1"])
    ('0 3 * * mon', '0 3 1-7 * 1')
    """
    for field, column in zip(FIELDS, columns, strict=True):
        for item in column.split(","):
            _refuse_what_cron_does_not_know(item, field.name)
    minute, hour, day, month, weekday = columns
    if day.startswith("*") or weekday.startswith("*"):
        day, weekday = _both(day, weekday)
    return _checked(" ".join((minute, hour, day, month, weekday)))


def translate_alias(word: str) -> str:
    """Return @daily and its like as a schedule of taskrunner. Raises RefusedError."""
    if word in ALIASES:
        return word
    if word == "@every_minute":  # FreeBSD
        return EVERY_MINUTE
    if word == "@reboot":
        raise RefusedError(REBOOT)
    raise BadLineError(f"{word} is not a time that taskrunner or Linux's cron knows")


def follows_clock(schedule: str) -> bool:
    """Return whether cron skips and repeats a line as the clock does when it is changed.

    So it does with those whose minute or hour begins with * (MIN_STAR and HR_STAR of ISC cron).
    """
    minute, hour, *_ = ALIASES.get(schedule, schedule).split(" ")
    return minute.startswith("*") or hour.startswith("*")


def _refuse_what_cron_does_not_know(item: str, field: str) -> None:
    if "~" in item:
        fixed = f"H({item.replace('~', '-')})" if item.strip("~") == item else "H"
        raise RefusedError(f"{field}: cron draws {item} by chance; {fixed} chooses it once")
    if STEP_AFTER_VALUE.fullmatch(item):
        raise RefusedError(f"{field}: cron programs differ in what {item} means; write a-b/n")
    if field == WEEKDAY.name and ENDS_WITH_SUNDAY.fullmatch(item):
        raise RefusedError(f"{field}: cron programs differ in what {item} means; write its end as 7")
    if not ITEM.fullmatch(item):
        raise BadLineError(f"{field}: {item!r} is not what cron knows")


def _both(day: str, weekday: str) -> tuple[str, str]:
    """Return day and weekday of which one restricts nothing, as taskrunner writes that."""
    if _is_complete("*", weekday):
        return day, "*"
    if _is_complete(day, "*"):
        return "*", weekday
    raise RefusedError(
        f"day {day} and weekday {weekday} must both match, as one begins with *; schedules here let either"
        " match: take one of them, and ask for the other in should_run()"
    )


def _is_complete(day: str, weekday: str) -> bool:
    try:
        return parse_fields(["*", "*", day, "*", weekday], f"{day} {weekday}").every_day
    except InvalidScheduleError as error:
        raise BadLineError(str(error)) from error


def _checked(text: str) -> str:
    try:
        parse_fields(text.split(" "), text)
    except InvalidScheduleError as error:
        raise BadLineError(str(error)) from error
    try:
        Schedule(text, timezone="UTC")
    except InvalidScheduleError as error:  # it never comes: cron accepts it and starts nothing
        raise RefusedError(str(error)) from error
    return text


BLANKS = " \t"
FIELD = re.compile(r"\?|[*0-9][0-9*/,-]*|(mon|tue|wed|thu|fri|sat|sun)([,-][a-z]{3})*", re.IGNORECASE)
USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.$:/-]*")
OPTIONS = re.compile(r"(-[nqs]+[ \t]+)+")
"""What OpenBSD and FreeBSD let stand before a command: no mail of a success, no syslog, once at a time."""


def parse_entry(text: str, *, has_user: bool) -> Entry:
    """Return what a line says; in a system's crontab it also says as whom. Raises RefusedError."""
    words, rest = _split(text)
    user = None
    if has_user:
        user, rest = _next_word(rest)
        if not USER.fullmatch(user) or not rest:
            raise BadLineError("it has no user before its command, as a line of a system's crontab needs one")
    if len(rest) > LONGEST_COMMAND:
        raise BadLineError(
            f"its command has {len(rest)} characters, and Debian's cron takes {LONGEST_COMMAND} at most;"
            " put it into a script"
        )
    if words[0].startswith("@"):
        schedule = by = translate_alias(words[0])
    else:
        words[0] = words[0].removeprefix("-")  # cronie writes no syslog then
        by = " ".join(words)
        schedule = translate(words)
    command, stdin = split_command(OPTIONS.sub("", rest, count=1) if OPTIONS.match(rest) else rest)
    _refuse_no_command(command)
    return Entry(schedule, follows_clock(by), command, stdin, user)


def is_entry(text: str) -> bool:
    """Return whether a text, perhaps out of a comment, is a line that could start a command."""
    try:
        words, rest = _split(text)
        if words[0].startswith("@"):
            translate_alias(words[0])
        else:
            translate(words)
    except RefusedError:
        return False
    return bool(rest)


def command_text(text: str) -> str | None:
    """Return what follows the time of a line, or None if the line has none."""
    try:
        return _split(text)[1]
    except RefusedError:
        return None


def _split(text: str) -> tuple[list[str], str]:
    """Return the fields, or the alias, and the rest of the line."""
    words: list[str] = []
    rest = text.lstrip(BLANKS)
    for _ in range(1 if rest.startswith("@") else 5):
        word, rest = _next_word(rest)
        words.append(word)
    if not words[-1]:
        raise BadLineError("it is not a variable, a comment or a line with five fields and a command")
    return words, rest


def _next_word(text: str) -> tuple[str, str]:
    end = next((at for at, character in enumerate(text) if character in BLANKS), len(text))
    return text[:end], text[end:].lstrip(BLANKS)


def _refuse_no_command(command: str) -> None:
    if not command.strip():
        raise BadLineError("it has no command")
    first, _ = _next_word(command)
    if FIELD.fullmatch(first):
        raise RefusedError(
            f"cron would start {first} as a command: are there six fields, or one for seconds?"
        )


QUOTES = "'\""
VARIABLE_BLANKS = " \t\n\v\f\r"


def parse_variable(text: str) -> tuple[str, str] | None:
    """Return name and value of a line that sets a variable, or None if it does not.

    Name and value may be in quotes, which keep blanks at their ends; nothing is expanded. Read as ISC cron's
    load_env() does, which Debian's cron and cronie have as well.

    >>> [parse_variable(text) for text in ('MAILTO = ann ', "A='b '", 'A="b" c', "* * * * * A=b c", "A=")]
    [('MAILTO', 'ann'), ('A', 'b '), None, None, ('A', '')]
    """
    name, rest = _name(text)
    rest = rest.lstrip(VARIABLE_BLANKS)
    if not name or not rest.startswith("="):
        return None
    value = rest[1:].strip(VARIABLE_BLANKS)
    if value[:1] not in QUOTES or not value:
        return name, value
    inner, quote, after = value[1:].partition(value[0])
    return (name, inner) if quote and not after else None


def _name(text: str) -> tuple[str, str]:
    """Return the name at the start, "" where there is none, and what follows it."""
    if text[:1] and text[0] in QUOTES:
        inner, quote, rest = text[1:].partition(text[0])
        return (inner, rest) if quote and "=" not in inner else ("", text)
    end = next((at for at, character in enumerate(text) if character in f"={VARIABLE_BLANKS}"), len(text))
    return text[:end], text[end:]


HEADER = re.compile(r"m(in(ute)?)?\s+h(our)?\s+(d|dom|day|mday)\b.*", re.IGNORECASE)
AT_END = re.compile(r"\s#([^'\"`#]+)$")


def text_of(comment: str) -> str:
    """Return a comment without its # and the blanks around it."""
    return comment.strip().removeprefix("#").strip()


def divide(texts: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return, of the comments just above a line, those that are about something else and those about it.

    A line that was disabled, a variable that was, and the names of the columns are about themselves, and
    what stands above them is about them.
    """
    start = next((at for at in range(len(texts), 0, -1) if _is_about_itself(texts[at - 1])), 0)
    about = [text.strip("#=-*~_ \t") for text in texts[start:]]
    return list(texts[:start]), [text for text in about if any(map(str.isalnum, text))]


def split_comment(command: str) -> tuple[str, str]:
    """Return a command without the comment in which it ends, as the shell reads it, and the comment.

    Where that is not plain, there is none.

    >>> split_comment("sync # flush"), split_comment("echo 'a # b'"), split_comment("echo a#b")
    (('sync', 'flush'), ("echo 'a # b'", ''), ('echo a#b', ''))
    """
    found = AT_END.search(command)
    if found is None or any(command[: found.start()].count(quote) % 2 for quote in "'\"`"):
        return command, ""
    return command[: found.start()], found[1].strip()


def _is_about_itself(text: str) -> bool:
    found = parse_variable(text)
    is_variable = found is not None and re.fullmatch(r"[A-Z_]+", found[0]) is not None
    return is_variable or HEADER.fullmatch(text) is not None or is_entry(text)


MARK = b"\xef\xbb\xbf"
"""What some editors put before a text in UTF-8; cron takes it for part of the first line."""

LARGEST = 1024 * 1024
"""Bytes of the largest crontab."""

MOST_LINES = 10_000
"""Lines of the longest one: Debian's cron takes no more either."""

OWN = "it is taskrunner's own line"


def read_crontab(data: bytes, account: Account, *, has_users: bool | None = None, host: Host) -> Crontab:
    """Return what a crontab says.

    `has_users` says whether a user stands before each command, None where that is to be found out. Only lines
    of `account` are carried over. Raises TaskrunnerError if it is not a crontab, UserColumnError if only the
    one who asks can know whether it names users.
    """
    has_mark = data.startswith(MARK)
    data = data.removeprefix(MARK)
    if b"\0" in data or len(data) > LARGEST or data.count(b"\n") > MOST_LINES:
        raise TaskrunnerError(
            "it is not a crontab: " + ("it holds bytes 0" if b"\0" in data else "it is too large")
        )
    lines = data.decode("utf-8", "surrogateescape").split("\n")
    texts = [line.removesuffix("\r") for line in lines]
    if has_users is None:
        has_users = _has_users(texts, host)
    reader = Reader(account, has_users=has_users)
    for number, text in enumerate(texts[:-1], 1):
        reader.read(number, text)
    reader.read_unfinished(len(texts), texts[-1])
    is_windows = any(line.endswith("\r") for line in lines)
    return Crontab(account, tuple(reader.items), windows=is_windows, has_mark=has_mark)


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
            reason = "no line break follows it, so cron does not run it either"
            self.items.append(Left(number, text, reason, is_bad=True))

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
            is_bad = isinstance(refusal, BadLineError)
            self.items.append(Left(number, text, str(refusal), is_own=str(refusal) == OWN, is_bad=is_bad))
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


def _has_users(texts: list[str], host: Host) -> bool:
    comments = [text.strip() for text in texts if text.lstrip(BLANKS).startswith("#")]
    commands = [
        (number, command)
        for number, text in enumerate(texts, 1)
        if not text.lstrip(BLANKS).startswith("#")
        and not parse_variable(text)
        and (command := command_text(text)) is not None
    ]
    return has_user_column(comments, commands, host)
