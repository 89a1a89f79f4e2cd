"""The tables, version by version: NNNN_name.sql in a folder for each database."""

from __future__ import annotations

from pathlib import Path


def load_migrations(dialect: str) -> list[tuple[int, str]]:
    """Return (version, SQL) of every migration of a database, in order."""
    folder = Path(__file__).parent / dialect
    return [(int(file.name[:4]), file.read_text("utf-8")) for file in sorted(folder.glob("*.sql"))]
