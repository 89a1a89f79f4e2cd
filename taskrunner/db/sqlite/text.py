"""A script of SQL, taken apart."""

from __future__ import annotations

import sqlite3


def split_statements(script: str) -> list[str]:
    """Return the statements of a script one by one, so that they can stand in one transaction.

    >>> split_statements("-- two\\ncreate table a (b);\\ncreate table c (d);\\n")
    ['-- two\\ncreate table a (b);', 'create table c (d);']
    """
    statements, lines = [], []
    for line in script.strip().splitlines():
        lines.append(line)
        if sqlite3.complete_statement("\n".join(lines)):
            statements.append("\n".join(lines).strip())
            lines = []
    if any(line.strip() and not line.lstrip().startswith("--") for line in lines):
        raise ValueError(f"a statement without its semicolon: {lines}")
    return statements
