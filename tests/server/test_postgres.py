"""The server of the tests: what it is like, and that nothing of it is left behind."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from tests.server.account import ServerError
from tests.server.folder import folder_for_servers, roomy_folder
from tests.server.postgres import SIGNALS, PostgresServer, Shutdown
from tests.server.undertaker import processes_in

SESSION = """
import sys
from tests.server.postgres import running_server
with running_server() as server:
    print(server.folder, server.url(), flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def session() -> Iterator[subprocess.Popen[str]]:
    """A test session with a server, in a process group of its own."""
    with subprocess.Popen(
        [sys.executable, "-c", SESSION],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as session:
        yield session


@pytest.fixture
def database(server: PostgresServer) -> Iterator[str]:
    """The address of an empty database, which is gone after the test."""
    yield server.create_database("mine")
    server.drop_database("mine")


def ask(url: str, question: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(question).fetchone()
    assert row is not None
    return row[0]


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("fsync", "off"),
        ("full_page_writes", "off"),
        ("synchronous_commit", "on"),
        ("max_connections", "200"),
        ("server_encoding", "UTF8"),
        ("listen_addresses", "127.0.0.1"),
    ],
)
def test_the_server_is_quick_where_only_a_crash_of_the_machine_would_tell(
    server: PostgresServer, setting: str, expected: str
) -> None:
    assert expected == ask(server.url(), f"show {setting}")


def test_text_is_sorted_by_its_code_points(database: str) -> None:
    assert ["B", "a", "ä"] == ask(
        database, "select array_agg(word order by word) from unnest(array['a', 'ä', 'B']) as word"
    )


def test_the_server_never_runs_as_root(server: PostgresServer) -> None:
    owner = (server.folder / "data").stat().st_uid

    assert (os.geteuid() == 0, True) == (owner != os.geteuid(), owner != 0)


def test_its_unix_socket_is_in_its_folder(server: PostgresServer) -> None:
    with psycopg.connect(host=str(server.folder), port=server.port, user=server.user) as connection:
        assert connection.info.host == str(server.folder)


def test_an_address_may_name_another_user(server: PostgresServer) -> None:
    assert f"postgresql://reader@127.0.0.1:{server.port}/mine" == server.url("mine", user="reader")


def test_a_database_of_any_name_is_made_and_dropped(server: PostgresServer) -> None:
    name = 'Größe "1/2"'
    url = server.create_database(name)
    made = ask(url, "select current_database()")
    server.drop_database(name)

    assert name == made
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(url)


def test_a_database_is_made_as_a_copy_of_another(server: PostgresServer, database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("create table numbers as select 7 as n")
    copy = server.create_database("copy", template="mine")

    assert 7 == ask(copy, "select n from numbers")
    server.drop_database("copy")


def test_a_database_in_use_is_dropped(server: PostgresServer) -> None:
    with psycopg.connect(server.create_database("used")) as connection:
        server.drop_database("used")

        with pytest.raises(psycopg.OperationalError):
            connection.execute("select 1")


def test_dropping_a_database_that_is_not_there_does_nothing(server: PostgresServer) -> None:
    server.drop_database("nowhere")


@pytest.mark.parametrize("mode", SIGNALS)
def test_a_restart_ends_connections_and_keeps_port_and_data(
    server: PostgresServer, database: str, mode: Shutdown
) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("create table numbers as select 7 as n")
        connection.commit()
        server.restart(mode)

        with pytest.raises(psycopg.OperationalError):
            connection.execute("select 1")
    assert 7 == ask(database, "select n from numbers")


def test_a_stopped_server_refuses_clients_until_it_starts(server: PostgresServer) -> None:
    server.stop()
    server.stop()

    with pytest.raises(psycopg.OperationalError, match="refused"):
        psycopg.connect(server.url())
    server.start()
    assert 1 == ask(server.url(), "select 1")


def test_a_server_that_does_not_start_shows_its_log(server: PostgresServer) -> None:
    settings = server.folder / "data" / "postgresql.conf"
    before = settings.read_text("utf-8")
    settings.write_text(f"{before}\nnonsense = on\n", "utf-8")

    with pytest.raises(
        ServerError, match='does not start(.|\n)*unrecognized configuration parameter "nonsense"'
    ):
        server.restart()

    settings.write_text(before, "utf-8")
    server.start()


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_session_that_is_killed_leaves_no_process_and_no_file(
    session: subprocess.Popen[str], end: signal.Signals
) -> None:
    assert session.stdout is not None
    folder, url = session.stdout.readline().split()
    with closing(psycopg.connect(url)) as connection:
        connection.pgconn.send_query(b"select pg_sleep(1000)")
        running = list(processes_in(folder))
        os.killpg(session.pid, end)
        session.stdout.read()  # its end is that of the last process of the session

    assert len(running) > 1
    assert ([], False) == (list(processes_in(folder)), Path(folder).exists())


def test_a_session_that_ends_leaves_no_process_and_no_file(session: subprocess.Popen[str]) -> None:
    assert session.stdout is not None
    folder, _ = session.stdout.readline().split()
    session.communicate()

    assert 0 == session.returncode
    assert ([], False) == (list(processes_in(folder)), Path(folder).exists())


def test_a_folder_for_servers_is_in_memory_only_where_there_is_room(tmp_path: Path) -> None:
    assert tmp_path == roomy_folder(memory=tmp_path, room=0)
    assert tmp_path != roomy_folder(memory=tmp_path, room=1 << 60)
    assert tmp_path / "missing" != roomy_folder(memory=tmp_path / "missing", room=0)


def test_a_folder_for_servers_is_closed_to_others_and_gone_afterwards(tmp_path: Path) -> None:
    with folder_for_servers(tmp_path) as folder:
        mode = folder.stat().st_mode & 0o777

    assert (0o700, []) == (mode, list(tmp_path.iterdir()))
