"""Comments of a crontab: which are about the line below them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from taskrunner.crontab.entries import is_entry
from taskrunner.crontab.variables import parse_variable

if TYPE_CHECKING:
    from collections.abc import Sequence

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
