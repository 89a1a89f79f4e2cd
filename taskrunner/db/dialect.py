"""One text of SQL for both databases: what a driver makes of a query file."""

from __future__ import annotations

DIALECTS = ("sqlite", "postgres")


def adapt(text: str, dialect: str) -> str:
    """Return the SQL of a query file for one database.

    The comments in front go. `/*sqlite … */` and `/*postgres … */` are taken out of their comment for the
    database they name and left out for the other one.

    >>> adapt("-- promise\\nselect 1 /*postgres for update skip locked */", "sqlite")
    'select 1'
    >>> adapt("-- promise\\nselect 1 /*postgres for update skip locked */", "postgres")
    'select 1 for update skip locked'
    """
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("--")]
    return _open_comments("\n".join(lines), dialect).strip()


def _open_comments(text: str, dialect: str) -> str:
    before, opened, rest = text.partition("/*")
    if not opened:
        return before
    comment, closed, after = rest.partition("*/")
    if not closed:
        raise ValueError(f"comment without an end: /*{comment}")
    word, _, inside = comment.partition(" ")
    if word not in DIALECTS:
        raise ValueError(f"a comment in a query names no database: /*{comment}*/")
    kept = inside.strip() if word == dialect else ""
    return before + kept + _open_comments(after, dialect)
