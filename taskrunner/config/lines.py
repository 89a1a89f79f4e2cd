"""The line of the file on which a table or a key stands, which tomllib does not say."""

import json
import re
from collections.abc import Iterator, Mapping

KeyPath = tuple[str, ...]
STRINGS = (
    r'"""(?:\\.|[^\\])*?"{3,5}',
    r"'''.*?'{3,5}",
    r'"(?:\\.|[^"\\])*"',
    r"'[^']*'",
)
PIECE = "|".join((*STRINGS, r"#[^\n]*", r"[\[\]{}]", r"\n"))
DEPTH = {"[": 1, "{": 1, "]": -1, "}": -1}
BARE = r"[A-Za-z0-9_-]+"
"""Patterns are compiled where they are used: most commands read a file that is right."""


def find_lines(text: str) -> dict[KeyPath, int]:
    r"""Return the line on which each table and key of a valid TOML text first appears.

    >>> find_lines('[cron]\nkeep_alive = 0\n\n[tasks."forum.*"]\n')
    {('cron',): 1, ('cron', 'keep_alive'): 2, ('tasks',): 4, ('tasks', 'forum.*'): 4}
    """
    from tomllib import loads

    lines: dict[KeyPath, int] = {}
    table: KeyPath = ()
    for line, statement in _statements(text):
        paths = list(_paths(loads(statement)))
        opens_table = statement.lstrip().startswith("[")
        if opens_table:
            table = ()
        for path in paths:
            lines.setdefault((*table, *path), line)
        if opens_table:
            table = paths[-1]
    return lines


def _statements(text: str) -> Iterator[tuple[int, str]]:
    start, line, depth = 0, 1, 0
    for piece in re.finditer(PIECE, text + "\n", re.DOTALL):
        depth += DEPTH.get(piece[0], 0)
        if piece[0] == "\n" and depth == 0:
            statement = text[start : piece.end()]
            yield line, statement
            start, line = piece.end(), line + statement.count("\n")


def _paths(content: object, prefix: KeyPath = ()) -> Iterator[KeyPath]:
    if isinstance(content, Mapping):
        for key, inner in content.items():
            yield (*prefix, key)
            yield from _paths(inner, (*prefix, key))


def header(keys: KeyPath) -> str:
    """Return the line that opens a table.

    >>> header(("tasks", "forum.*"))
    '[tasks."forum.*"]'
    """
    return f"[{'.'.join(map(_key, keys))}]"


def _key(key: str) -> str:
    return key if re.fullmatch(BARE, key) else json.dumps(key, ensure_ascii=False)


def label(keys: KeyPath) -> str:
    """Return how a key is named in a message.

    >>> label(("timezone",)), label(("cron", "keep_alive"))
    ('timezone', '[cron] keep_alive')
    """
    *table, key = keys
    return f"{header(tuple(table))} {key}" if table else key
