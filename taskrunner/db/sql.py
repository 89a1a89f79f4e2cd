"""One text of SQL for both databases: what a driver makes of a query file."""

from __future__ import annotations

import os

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


FOLDER = os.path.join(os.path.dirname(__file__), "migrations")

NOTE_VERSION = {
    "sqlite": "insert into schema_version values ({version}, unixepoch());",
    "postgres": "insert into schema_version values ({version}, extract(epoch from clock_timestamp()));",
}
NOTE_INSTANCE = {
    "sqlite": "pragma application_id = 1952543595;\n"
    "insert into task_setting (name, value) values ('instance_id', lower(hex(randomblob(16))));",
    "postgres": "insert into task_setting (name, value)"
    " values ('instance_id', replace(cast(gen_random_uuid() as text), '-', ''));",
}
"""What a new installation is known by."""


def script_from(version: int, dialect: str) -> str:
    """Return the SQL that brings tables up to date, "" if they are; version 0 stands for no tables."""
    parts = []
    for number, script in load_migrations(dialect):
        if number > version:
            parts += [script.rstrip(), NOTE_VERSION[dialect].format(version=number), ""]
    if parts and not version:
        parts += [NOTE_INSTANCE[dialect], ""]
    return "\n".join(["begin;", "", *parts, "commit;"]) if parts else ""


LOADED: dict[str, list[tuple[int, str]]] = {}
"""Database -> its migrations, once they have been read."""


def newest_version(dialect: str) -> int:
    """Return the version of the tables that this program works with: that of its last migration."""
    if dialect in LOADED:
        return LOADED[dialect][-1][0]
    folder = os.path.join(FOLDER, dialect)  # their names say it: an idle minute reads none of them
    return max(int(name[:4]) for name in os.listdir(folder) if name.endswith(".sql"))


def load_migrations(dialect: str) -> list[tuple[int, str]]:
    """Return (version, SQL) of every migration of a database, in order."""
    if dialect not in LOADED:
        folder, scripts = os.path.join(FOLDER, dialect), []
        for name in sorted(name for name in os.listdir(folder) if name.endswith(".sql")):
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                scripts.append((int(name[:4]), file.read()))
        LOADED[dialect] = scripts
    return LOADED[dialect]


COMMENT_OR_TEXT = r"(?s)--[^\n]*|/\*.*?\*/|'[^']*'"


def kind_of_statement(statement: str) -> str:
    """Return "read" or "write" for a statement, or "" if it does neither (begin, commit …).

    >>> [kind_of_statement(s) for s in ("SELECT 1", "insert into a values (1)", "COMMIT", "-- trigger x")]
    ['read', 'write', '', '']
    >>> kind_of_statement("with a as (select 1) delete from b where c in a")
    'write'
    """
    import re  # late: an idle minute does without it

    words = re.sub(COMMENT_OR_TEXT, " ", statement).lower().replace("(", " ").split()
    first = words[0] if words else ""
    if first in ("", "begin", "commit", "end", "rollback", "start", "savepoint", "release", "set"):
        return ""
    if first in ("select", "values", "table", "show", "pragma", "explain"):
        return "read"
    changes = {"insert", "update", "delete", "replace"}
    return "read" if first == "with" and not changes.intersection(words) else "write"
