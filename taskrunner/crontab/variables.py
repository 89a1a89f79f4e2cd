"""The lines of a crontab that set a variable."""

from __future__ import annotations

QUOTES = "'\""
BLANKS = " \t\n\v\f\r"


def parse_variable(text: str) -> tuple[str, str] | None:
    """Return name and value of a line that sets a variable, None: it does not.

    Name and value may be in quotes, which keep blanks at their ends; nothing is expanded. Read as ISC cron's
    load_env() does, which Debian's cron and cronie have as well.

    >>> [parse_variable(text) for text in ('MAILTO = ann ', "A='b '", 'A="b" c', "* * * * * A=b c", "A=")]
    [('MAILTO', 'ann'), ('A', 'b '), None, None, ('A', '')]
    """
    name, rest = _name(text)
    rest = rest.lstrip(BLANKS)
    if not name or not rest.startswith("="):
        return None
    value = rest[1:].strip(BLANKS)
    if value[:1] not in QUOTES or not value:
        return name, value
    inner, quote, after = value[1:].partition(value[0])
    return (name, inner) if quote and not after else None


def _name(text: str) -> tuple[str, str]:
    """Return the name at the start, "" where there is none, and what follows it."""
    if text[:1] and text[0] in QUOTES:
        inner, quote, rest = text[1:].partition(text[0])
        return (inner, rest) if quote and "=" not in inner else ("", text)
    end = next((at for at, character in enumerate(text) if character in f"={BLANKS}"), len(text))
    return text[:end], text[end:]
