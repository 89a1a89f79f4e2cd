"""The real pgbouncer in front of a server. PyPI does not have it; pooler.py runs everywhere."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from tests.patience import DEADLINE
from tests.server.account import ServerError, hand_over, start
from tests.server.folder import folder_for_servers
from tests.server.postgres import PostgresServer, free_port

SETTINGS = """
[databases]
* = host={server.host} port={server.port}
[pgbouncer]
listen_addr = {server.host}
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users
admin_users = {server.user}
pool_mode = {pool_mode}
default_pool_size = {pool_size}
"""


class PgBouncer:
    """One pgbouncer, which lets in the server's superuser."""

    def __init__(self, server: PostgresServer, port: int) -> None:
        self.host = server.host
        self.user = server.user
        self.port = port

    def url(self, database: str = "postgres") -> str:
        """Return the address of a database behind it; "pgbouncer" is its own."""
        return f"postgresql://{self.user}@{self.host}:{self.port}/{quote(database)}"


@contextmanager
def running_pgbouncer(
    server: PostgresServer, pool_mode: str = "transaction", pool_size: int = 20
) -> Iterator[PgBouncer]:
    """Run a pgbouncer until the block ends.

    Raises:
        ServerError: there is none, or it does not start.
    """
    program = find_pgbouncer()
    with folder_for_servers() as folder:
        bouncer = PgBouncer(server, free_port())
        settings = SETTINGS.format(
            server=server, port=bouncer.port, folder=folder, pool_mode=pool_mode, pool_size=pool_size
        )
        (folder / "settings").write_text(settings, "utf-8")
        (folder / "users").write_text(f'"{server.user}" ""\n', "utf-8")
        hand_over(folder)
        with (folder / "log").open("wb") as log:
            process = start(program, [str(folder / "settings")], folder, log)
        try:
            wait_for(process, bouncer, folder / "log")
            yield bouncer
        finally:
            process.terminate()
            process.wait(DEADLINE)


def find_pgbouncer(path: str = "/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin") -> Path:
    """Return the program, which PATH often leaves out."""
    found = shutil.which("pgbouncer") or shutil.which("pgbouncer", path=path)
    if found is None:
        raise ServerError("This test needs pgbouncer, and found none: apt install pgbouncer")
    return Path(found)


def wait_for(process: subprocess.Popen[bytes], bouncer: PgBouncer, log: Path) -> None:
    deadline = time.monotonic() + DEADLINE
    while True:
        try:
            socket.create_connection((bouncer.host, bouncer.port), timeout=DEADLINE).close()
            return
        except ConnectionRefusedError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise ServerError(f"pgbouncer does not start; its log:\n{log.read_text('utf-8')}") from None
        time.sleep(0.01)
