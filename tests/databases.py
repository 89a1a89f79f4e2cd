"""Databases for tests: of each kind, with the tables of taskrunner and nothing in them."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

from taskrunner.db import TAKE, Database, open_database
from taskrunner.store import Store
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
        self._used: list[str] = []
        open_database(server.create_database(TEMPLATE)).close()

    @contextmanager
    def new(self, template: str = TEMPLATE) -> Iterator[str]:
        """Give the URL of a new database."""
        name = f"taskrunner_{next(self._numbers)}"
        url = self.server.create_database(name, template=template)
        ONLOOKERS[url] = onlooker = Onlooker(url)
        yield url
        del ONLOOKERS[url]
        onlooker.close()
        self._drop_those_before(name)

    def _drop_those_before(self, name: str) -> None:
        """Keep the last one a while: a server waits 0.1 s for sessions that are just about to end."""
        self._used.append(name)
        while len(self._used) > 1:
            self.server.drop_database(self._used.pop(0))


class Onlooker:
    """Looks at a database for a test, in sessions that it keeps: a new one costs more than what is asked."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._process = os.getpid()
        self._session: psycopg.Connection[Any] | None = None
        self._database: Database | None = None

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        if self._process != os.getpid():
            return ask_anew(self._url, statement)
        if self._session is None or self._session.closed:
            self._session = psycopg.connect(self._url, autocommit=True)
        try:
            return _rows(self._session.execute(statement))
        except psycopg.OperationalError:
            if not self._session.closed:
                raise
            return self.ask(statement)  # somebody had ended the session

    def store(self) -> Store:
        if self._database is None:
            self._database = open_database(self._url, older=TAKE)
        return Store(self._database)

    def close(self) -> None:
        for opened in (self._session, self._database):
            if opened is not None:
                opened.close()


ONLOOKERS: dict[str, Onlooker] = {}
"""URL -> who looks at a database that this process has made."""


def sqlite_url(folder: Path) -> str:
    """Return the URL that a site in a folder has if its config says nothing of a database."""
    return f"sqlite:{folder / 'state' / 'taskrunner.db'}"


def new_sqlite(folder: Path, template: Path | None) -> str:
    """Give a site in a folder the database of another one, if any; return its URL."""
    if template is not None:
        shutil.copytree(template / "state", folder / "state")
    return sqlite_url(folder)


def connect_to(url: str, **options: Any) -> Any:
    """Connect as any program would, with the standard driver of the database."""
    if url.startswith("sqlite:"):
        return sqlite3.connect(url.removeprefix("sqlite:"), **options)
    return psycopg.connect(url, **options)


def ask(url: str, statement: str) -> list[tuple[Any, ...]]:
    """Run a statement as another program than taskrunner, and return its rows."""
    onlooker = ONLOOKERS.get(url)
    return onlooker.ask(statement) if onlooker else ask_anew(url, statement)


def ask_anew(url: str, statement: str) -> list[tuple[Any, ...]]:
    """Run a statement on a connection of its own, which is closed then, and return its rows."""
    with closing(connect_to(url)) as connection:
        rows = _rows(connection.execute(statement))
        connection.commit()
    return rows


def _rows(cursor: Any) -> list[tuple[Any, ...]]:
    return list(cursor.fetchall()) if cursor.description else []


@contextmanager
def store_on(url: str) -> Iterator[Store]:
    """Give the store of a database, as another program would have it open."""
    if url in ONLOOKERS:
        yield ONLOOKERS[url].store()
        return
    database = open_database(url, older=TAKE)
    try:
        yield Store(database)
    finally:
        database.close()


def placeholder(url: str) -> str:
    """Return what stands for a parameter in the standard driver."""
    return "?" if url.startswith("sqlite:") else "%s"
