"""The tables, version by version: NNNN_name.sql in a folder for each database."""

from __future__ import annotations

import os

FOLDER = os.path.dirname(__file__)

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
    """Return the SQL that brings tables of a version (0: there are none) up to date; "" if they are."""
    parts = []
    for number, script in load_migrations(dialect):
        if number > version:
            parts += [script.rstrip(), NOTE_VERSION[dialect].format(version=number), ""]
    if parts and not version:
        parts += [NOTE_INSTANCE[dialect], ""]
    return "\n".join(["begin;", "", *parts, "commit;"]) if parts else ""


def load_migrations(dialect: str) -> list[tuple[int, str]]:
    """Return (version, SQL) of every migration of a database, in order."""
    folder = os.path.join(FOLDER, dialect)
    names = sorted(name for name in os.listdir(folder) if name.endswith(".sql"))
    return [(int(name[:4]), _text(os.path.join(folder, name))) for name in names]


def _text(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()
