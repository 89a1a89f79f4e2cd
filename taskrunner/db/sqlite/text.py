"""Statements of SQL as text: taking a script apart, telling reading from writing."""

from __future__ import annotations

import re
import sqlite3

COMMENT_OR_TEXT = re.compile(r"--[^\n]*|/\*.*?\*/|'[^']*'", re.DOTALL)


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


def kind_of_statement(statement: str) -> str:
    """Say whether a statement reads, writes, or does neither (begin, commit …).

    >>> [kind_of_statement(s) for s in ("SELECT 1", "insert into a values (1)", "COMMIT", "-- trigger x")]
    ['read', 'write', '', '']
    >>> kind_of_statement("with a as (select 1) delete from b where c in a")
    'write'
    """
    words = COMMENT_OR_TEXT.sub(" ", statement).lower().replace("(", " ").split()
    first = words[0] if words else ""
    if first in ("", "begin", "commit", "end", "rollback", "savepoint", "release"):
        return ""
    if first in ("select", "values", "pragma", "explain"):
        return "read"
    changes = {"insert", "update", "delete", "replace"}
    return "read" if first == "with" and not changes.intersection(words) else "write"
