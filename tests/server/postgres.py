"""Start and stop one PostgreSQL server, of an empty installation that is thrown away."""

from __future__ import annotations

import random
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, LiteralString
from urllib.parse import quote

import psycopg
from psycopg import sql

from tests.patience import DEADLINE
from tests.server.account import ServerError, run, start
from tests.server.binaries import Binaries, find_binaries, within_reach
from tests.server.folder import folder_for_servers

SETTINGS = """
listen_addresses = '{host}'
port = {port}
unix_socket_directories = '{folder}'
max_connections = 200
shared_buffers = 16MB
dynamic_shared_memory_type = mmap  # in its folder: none is left behind in /dev/shm
max_wal_size = 64MB
min_wal_size = 8MB
fsync = off  # nothing here outlives the machine; commits are as synchronous as elsewhere
full_page_writes = off
autovacuum = off  # it would write, and change plans, whenever it likes
timezone = 'UTC'
"""

Shutdown = Literal["fast", "immediate"]
SIGNALS: dict[Shutdown, signal.Signals] = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}


class PostgresServer:
    """One server on 127.0.0.1, where everybody is let in; `folder` has its unix socket."""

    host = "127.0.0.1"
    user = "postgres"

    def __init__(self, binaries: Binaries, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self.binaries = binaries
        self.programs = binaries.folder
        self._data = folder / "data"
        self._process: subprocess.Popen[bytes] | None = None
        self._session: psycopg.Connection[Any] | None = None

    def url(self, database: str = "postgres", user: str | None = None) -> str:
        """Return the address of a database."""
        return f"postgresql://{quote(user or self.user)}@{self.host}:{self.port}/{quote(database)}"

    def create_database(self, name: str, template: str | None = None) -> str:
        """Make a database, empty or a copy of another that nobody uses just now; return its address."""
        command = sql.SQL("create database {} template {}" + self._as_files())
        self._execute(command.format(sql.Identifier(name), sql.Identifier(template or "template1")))
        return self.url(name)

    def _as_files(self) -> LiteralString:
        """Have a database copied file by file, for half of what it costs page by page, the way since 15."""
        version = self._opened_session().info.server_version
        return " strategy file_copy" if version >= 150_000 else ""

    def drop_database(self, name: str) -> None:
        """Remove a database if it is there, and end its connections."""
        self._execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))

    def log(self) -> str:
        """Return what the server has written."""
        return (self.folder / "log").read_text("utf-8", errors="replace")

    def initialise(self) -> None:
        """Make the data folder."""
        options = ["--username", self.user, "--auth=trust", "--encoding=UTF8", "--locale=C"]
        run(
            self.programs / "initdb",
            *options,
            "--wal-segsize=1",
            "--no-sync",
            f"--pgdata={self._data}",
            folder=self.folder,
        )
        with (self._data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(SETTINGS.format(host=self.host, port=self.port, folder=self.folder))

    def start(self) -> None:
        """Start the server; return when it lets clients in.

        Raises:
            ServerError: it does not; has the server's log.
        """
        with (self.folder / "log").open("ab") as log:
            self._process = start(self.programs / "postgres", ["-D", str(self._data)], self._data, log)
        deadline = time.monotonic() + DEADLINE
        while not self._is_ready(self._process.pid):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise ServerError(f"PostgreSQL in {self.programs} does not start; its log:\n{self.log()}")
            time.sleep(0.01)

    def stop(self, mode: Shutdown = "immediate") -> None:
        """Stop the server; does nothing where it is stopped."""
        if self._session is not None:
            self._session.close()
            self._session = None
        if self._process is not None:
            self._process.send_signal(SIGNALS[mode])
            self._process.wait(DEADLINE)
            self._process = None

    def restart(self, mode: Shutdown = "fast") -> None:
        """Stop the server, by a shutdown or a crash, and start it on the same port."""
        self.stop(mode)
        self.start()

    def _is_ready(self, process: int) -> bool:
        """Tell what the server itself notes: its process first, its state last."""
        try:
            noted = (self._data / "postmaster.pid").read_text("utf-8").split()
        except FileNotFoundError:
            return False
        return noted[:1] == [str(process)] and noted[-1] == "ready"

    def _execute(self, command: sql.Composed) -> None:
        """Run a command in a session that is kept: a test would make two otherwise."""
        session = self._opened_session()
        try:
            session.execute(command)
        except psycopg.OperationalError:
            if not session.closed:
                raise
            self._execute(command)  # somebody had ended the session

    def _opened_session(self) -> psycopg.Connection[Any]:
        if self._session is None or self._session.closed:
            self._session = psycopg.connect(self.url(), autocommit=True)
        return self._session


@contextmanager
def running_server(folder: Path | None = None) -> Iterator[PostgresServer]:
    """Run a server of its own until the block ends; in a folder in memory, if none is given.

    Raises:
        ServerError: there is no server to run, or it does not start.
    """
    with within_reach(find_binaries()) as binaries, folder_for_servers(folder) as home:
        server = PostgresServer(binaries, home, free_port())
        try:
            server.initialise()
            server.start()
            yield server
        finally:
            server.stop()


def free_port() -> int:
    """Return a port that is free, and below those given to clients: it still is after a restart."""
    for port in random.sample(range(20_000, 32_000), 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((PostgresServer.host, port))
            except OSError:
                continue
        return port
    raise ServerError("no free port on 127.0.0.1 between 20000 and 32000")
