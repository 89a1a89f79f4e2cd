"""Opening a connection to PostgreSQL: its waits bounded, its loss noticed."""

from __future__ import annotations

import logging
import os
import select
import time
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import psycopg
from psycopg import conninfo
from psycopg.rows import dict_row

from taskrunner.db.waits import NETWORK, TIMEOUTS
from taskrunner.errors import ConfigError

if TYPE_CHECKING:
    from taskrunner.db import Row

    Connection = psycopg.Connection[Row]

logging.getLogger("psycopg").addHandler(logging.NullHandler())  # what it warns of is told as an error

HUNG_UP = ("connection socket closed", "server closed the connection unexpectedly")
PAUSE = 0.5
"""Seconds before a second try."""

REFUSED_BY_A_POOLER = "unsupported startup parameter"


def connect(url: str, *, application: str, through_pooler: bool = False) -> Connection:
    """Open a connection that commits each statement, with all waits bounded.

    Through a pooler, the connection behind may be another one for each transaction: nothing is set or
    prepared on it then. One that says that it is a pooler is taken for such. Raises StoreError.
    """
    if through_pooler:
        return _open(url, application=application, prepare_threshold=None)
    try:
        options = " ".join(f"-c {name}={value}" for name, value in TIMEOUTS.items())
        return _open(url, application=application, options=options, prepare_threshold=2)
    except psycopg.OperationalError as error:
        if REFUSED_BY_A_POOLER not in str(error):
            raise
        return _open(url, application=application, prepare_threshold=None)


def _let_go_in_child() -> None:
    """In a forked child: hold no session open that its parent's death is to end, and say no goodbye on it."""
    nowhere = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    for connection in OPENED:
        if not connection.closed:
            os.dup2(nowhere, connection.fileno(), inheritable=False)
    os.close(nowhere)


OPENED: WeakSet[psycopg.Connection[Any]] = WeakSet()
"""The connections of this process, for its forked children."""

os.register_at_fork(after_in_child=_let_go_in_child)


def _open(url: str, *, application: str, prepare_threshold: int | None, options: str = "") -> Connection:
    settings = parameters(url, application=application)
    if options:
        settings["options"] = f"{options} {settings.get('options', '')}".strip()
    connection = _connected(settings, prepare_threshold)
    OPENED.add(connection)
    return connection


def _connected(settings: dict[str, Any], prepare_threshold: int | None) -> Connection:
    """Connect; once more where the server was there and hung up, as it does in the moment it is restarted."""
    try:
        return psycopg.connect(
            autocommit=True, row_factory=dict_row, prepare_threshold=prepare_threshold, **settings
        )
    except psycopg.OperationalError as error:
        if not any(words in str(error) for words in HUNG_UP):
            raise
    time.sleep(PAUSE)
    return psycopg.connect(
        autocommit=True, row_factory=dict_row, prepare_threshold=prepare_threshold, **settings
    )


def parameters(url: str, *, application: str) -> dict[str, Any]:
    """Return what libpq is told: what the URL says, and our settings where it says nothing.

    Raises ConfigError, which does not quote the URL: it may hold a password.
    """
    try:
        named = conninfo.conninfo_to_dict(url)
    except psycopg.Error:
        raise ConfigError(
            "the URL of the PostgreSQL database cannot be understood",
            hint="right is postgresql://USER@HOST:PORT/NAME; write special characters of a password as %XX",
        ) from None  # libpq's text quotes it
    return {**NETWORK, "application_name": application, **named}


def shown(url: str) -> str:
    """Return a URL as people may see it, without its password.

    >>> shown("postgresql://anna:geheim@db.example/tasks?sslmode=require")
    'postgresql://anna@db.example/tasks'
    """
    try:
        named = conninfo.conninfo_to_dict(url)
    except psycopg.Error:
        return "postgresql://…"
    host = f"{named.get('host', '')}{f':{port}' if (port := named.get('port')) else ''}"
    return f"postgresql://{f'{user}@' if (user := named.get('user')) else ''}{host}/{named.get('dbname', '')}"


def is_pooled(connection: Connection) -> bool:
    """Say whether something stands between: the server process is not the one we were told at the start."""
    told = connection.pgconn.backend_pid
    return told != backend_of(connection)


def backend_of(connection: Connection) -> int:
    """Return the pid of the server process that answers now."""
    row = connection.execute("select pg_backend_pid() as pid", prepare=False).fetchone()
    return row["pid"] if row else 0


def is_lost(connection: psycopg.Connection[Any]) -> bool:
    """Say whether an idle connection is of no use any more; asks nobody, so that it costs no round trip.

    A server that goes says so, and the kernel ends a connection whose other side does not answer.
    """
    if connection.closed:
        return True
    try:
        incoming = select.poll()  # `select` takes no descriptor above 1023, and a task may leave so many
        incoming.register(connection.fileno(), select.POLLIN)
        while incoming.poll(0):
            connection.pgconn.consume_input()  # raises at the end of the stream
    except (OSError, psycopg.Error):
        return True
    return False
