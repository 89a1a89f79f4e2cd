"""The tables, version by version: NNNN_name.sql in a folder for each database."""

from __future__ import annotations

import os

FOLDER = os.path.dirname(__file__)


def load_migrations(dialect: str) -> list[tuple[int, str]]:
    """Return (version, SQL) of every migration of a database, in order."""
    folder = os.path.join(FOLDER, dialect)
    names = sorted(name for name in os.listdir(folder) if name.endswith(".sql"))
    return [(int(name[:4]), _text(os.path.join(folder, name))) for name in names]


def _text(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()
