"""The command of a crontab line: what the shell gets of it, and what its stdin."""

from __future__ import annotations

import re

LOOKED_AT = 4000
"""Characters of a command in which taskrunner is looked for; Debian's cron takes 998 at all."""

OWN = re.compile(r"(^|[\s/;&|('\"])(taskrun|-m\s+taskrunner)['\"]?(\s[^;&|]*)?\scron(\s|$|[;&|)'\"])")


def split_command(text: str) -> tuple[str, str]:
    r"""Return what the shell gets and what the command reads, as crontab(5) tells it and ISC cron does it.

    The first % ends the command; each further one is a line break, and the last line gets one. \% is a %.

    >>> split_command(r"date +\%F"), split_command("mail ann%Hello,%%Where are you?")
    (('date +%F', ''), ('mail ann', 'Hello,\n\nWhere are you?\n'))
    """
    command, at, escaped = list[str](), 0, False
    while at < len(text) and (escaped or text[at] != "%"):
        character = text[at]
        if escaped and character == "%":
            command.pop()
        command.append(character)
        escaped = character == "\\" and not escaped
        at += 1
    return "".join(command), _stdin(text[at + 1 :])


def is_own(command: str) -> bool:
    """Say whether a command is the one that starts taskrunner.

    >>> [is_own(command) for command in ("/opt/bin/taskrun --config x.toml cron", "taskrun list", "cron")]
    [True, False, False]
    """
    return OWN.search(command[:LOOKED_AT]) is not None


def _stdin(text: str) -> str:
    r"""A backslash before a % is left out; unlike in the command, also the second one of \\%."""
    told = re.sub(r"\\%|%", lambda found: "%" if len(found[0]) == 2 else "\n", text)
    last = told.rstrip("\\")[-1:]  # cron does not look at backslashes here
    return told if last in ("", "\n") else f"{told}\n"
