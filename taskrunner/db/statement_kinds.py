"""Statements of SQL as text: telling reading from writing."""

from __future__ import annotations

import re

COMMENT_OR_TEXT = re.compile(r"--[^\n]*|/\*.*?\*/|'[^']*'", re.DOTALL)


def kind_of_statement(statement: str) -> str:
    """Say whether a statement reads, writes, or does neither (begin, commit …).

    >>> [kind_of_statement(s) for s in ("SELECT 1", "insert into a values (1)", "COMMIT", "-- trigger x")]
    ['read', 'write', '', '']
    >>> kind_of_statement("with a as (select 1) delete from b where c in a")
    'write'
    """
    words = COMMENT_OR_TEXT.sub(" ", statement).lower().replace("(", " ").split()
    first = words[0] if words else ""
    if first in ("", "begin", "commit", "end", "rollback", "start", "savepoint", "release", "set"):
        return ""
    if first in ("select", "values", "table", "show", "pragma", "explain"):
        return "read"
    changes = {"insert", "update", "delete", "replace"}
    return "read" if first == "with" and not changes.intersection(words) else "write"
