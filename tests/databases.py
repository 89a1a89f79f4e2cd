"""Databases for tests: of each kind, with the tables of taskrunner and nothing in them."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

from taskrunner.db import open_database
from tests.server.postgres import PostgresServer

KINDS = ("sqlite", "postgres")
TEMPLATE = "taskrunner_template"

ON_SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
"""For a test of what only SQLite has: files, a lock on all of the database."""

ON_POSTGRES = pytest.mark.parametrize("database_kind", ["postgres"], indirect=True)
"""For a test of what only PostgreSQL has: sessions that can be ended, several hosts."""


class PostgresDatabases:
    """Makes databases of a server as copies of one whose tables are made."""

    def __init__(self, server: PostgresServer) -> None:
        self.server = server
        self._numbers = count(1)
        open_database(server.create_database(TEMPLATE)).close()

    @contextmanager
    def new(self) -> Iterator[str]:
        """Give the URL of a new database."""
        name = f"taskrunner_{next(self._numbers)}"
        yield self.server.create_database(name, template=TEMPLATE)
        self.server.drop_database(name)


def sqlite_url(folder: Path) -> str:
    """Return the URL that a site in a folder has if its config says nothing of a database."""
    return f"sqlite:{folder / 'state' / 'taskrunner.db'}"


def connect_to(url: str, **options: Any) -> Any:
    """Connect as any program would, with the standard driver of the database."""
    if url.startswith("sqlite:"):
        return sqlite3.connect(url.removeprefix("sqlite:"), **options)
    return psycopg.connect(url, **options)


def ask(url: str, statement: str) -> list[tuple[Any, ...]]:
    """Run a statement on a connection of its own, and return its rows."""
    with closing(connect_to(url)) as connection:
        cursor = connection.execute(statement)
        rows = cursor.fetchall() if cursor.description else []
        connection.commit()
    return list(rows)


def placeholder(url: str) -> str:
    """Return what stands for a parameter in the standard driver."""
    return "?" if url.startswith("sqlite:") else "%s"
