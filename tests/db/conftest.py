"""Opening databases, and closing them again."""

import os
import pwd
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from taskrunner.db.postgres import PostgresDatabase, open_postgres
from taskrunner.db.sqlite import SqliteDatabase, open_sqlite
from tests.server.postgres import PostgresServer, running_server

Open = Callable[..., SqliteDatabase]
OpenPostgres = Callable[..., PostgresDatabase]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the database of the test lies; there is none yet."""
    return tmp_path / "state" / "taskrunner.db"


@pytest.fixture
def open_file(path: Path) -> Iterator[Open]:
    """Open the database of the test, or that of another path; all are closed at the end."""
    opened: list[SqliteDatabase] = []

    def open_file(other: Path | None = None) -> SqliteDatabase:
        opened.append(open_sqlite(str(other or path)))
        return opened[-1]

    yield open_file
    for database in opened:
        database.close()


@pytest.fixture
def open_server(request: pytest.FixtureRequest) -> Iterator[OpenPostgres]:
    """Open a PostgreSQL database, that of the test if none is named; all are closed at the end."""
    opened: list[PostgresDatabase] = []

    def open_server(url: str = "", *, through_pooler: bool = False) -> PostgresDatabase:
        url = url or request.getfixturevalue("postgres_url")
        opened.append(open_postgres(url, through_pooler=through_pooler))
        return opened[-1]

    yield open_server
    for database in opened:
        database.close()


@pytest.fixture(scope="module")
def own_server() -> Iterator[PostgresServer]:
    """A server whose settings a test may change, and that it may stop if it starts it again."""
    with running_server() as server:
        yield server


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait for a database that another process holds."""
    monkeypatch.setattr("taskrunner.db.sqlite.connect.BUSY_SECONDS", 0.0)


@pytest.fixture
def nobodys_folder(open_file: Open) -> Iterator[Path]:
    """A folder of the user as whom the test goes on: one to whom permissions mean something, so not root.

    It asks for `open_file` so that the folders of root are made before.
    """
    folder = Path(tempfile.mkdtemp())
    nobody = pwd.getpwnam("nobody")
    is_root = os.geteuid() == 0
    try:
        if is_root:
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
            os.seteuid(nobody.pw_uid)
        yield folder
    finally:
        if is_root:
            os.seteuid(0)
        folder.chmod(0o700)
        shutil.rmtree(folder)
