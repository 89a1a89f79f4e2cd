"""A line of a crontab that starts a command."""

from __future__ import annotations

import re

from taskrunner.crontab.commands import split_command
from taskrunner.crontab.records import Entry, RefusedError
from taskrunner.crontab.schedules import follows_clock, translate, translate_alias

BLANKS = " \t"
FIELD = re.compile(r"\?|[*0-9][0-9*/,-]*|(mon|tue|wed|thu|fri|sat|sun)([,-][a-z]{3})*", re.IGNORECASE)
USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.$:/-]*")
OPTIONS = re.compile(r"(-[nqs]+[ \t]+)+")
"""What OpenBSD and FreeBSD let stand before a command: no mail of a success, no syslog, once at a time."""


def parse_entry(text: str, *, has_user: bool) -> Entry:
    """Return what a line says; in a system's crontab it also says as whom. Raises RefusedError."""
    words, rest = _split(text)
    if words[0].startswith("@"):
        schedule = by = translate_alias(words[0])
    else:
        by = " ".join(words)
        schedule = translate([words[0].removeprefix("-"), *words[1:]])  # -: cronie writes no syslog
    user = None
    if has_user:
        user, rest = _next_word(rest)
        if not USER.fullmatch(user) or not rest:
            raise RefusedError("it has no user before its command, as a line of a system's crontab needs one")
    command, stdin = split_command(OPTIONS.sub("", rest, count=1) if OPTIONS.match(rest) else rest)
    _refuse_no_command(command)
    return Entry(schedule, follows_clock(by.removeprefix("-")), command, stdin, user)


def is_entry(text: str) -> bool:
    """Say whether a text, perhaps out of a comment, is a line that could start a command."""
    try:
        words, rest = _split(text)
        if words[0].startswith("@"):
            translate_alias(words[0])
        else:
            translate(words)
    except RefusedError:
        return False
    return bool(rest)


def user_of(text: str) -> str | None:
    """Return the word that is the user, if the line is one of a system's crontab; None: it is no line."""
    try:
        _, rest = _split(text)
    except RefusedError:
        return None
    user, command = _next_word(rest)
    return user if command else ""


def _split(text: str) -> tuple[list[str], str]:
    """Return the fields, or the alias, and the rest of the line."""
    words: list[str] = []
    rest = text.lstrip(BLANKS)
    for _ in range(1 if rest.startswith("@") else 5):
        word, rest = _next_word(rest)
        words.append(word)
    if not words[-1]:
        raise RefusedError("it is no variable, no comment and no line with five fields and a command")
    return words, rest


def _next_word(text: str) -> tuple[str, str]:
    end = next((at for at, character in enumerate(text) if character in BLANKS), len(text))
    return text[:end], text[end:].lstrip(BLANKS)


def _refuse_no_command(command: str) -> None:
    if not command.strip():
        raise RefusedError("it has no command")
    first, _ = _next_word(command)
    if FIELD.fullmatch(first):
        raise RefusedError(
            f"cron would start {first} as a command: are there six fields, or one for seconds?"
        )
