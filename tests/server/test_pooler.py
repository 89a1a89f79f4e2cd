"""What stands between a client and the server, and what it does to sessions."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import psycopg
import pytest

from tests.server.account import ServerError
from tests.server.pgbouncer import PgBouncer, find_pgbouncer, running_pgbouncer
from tests.server.pooler import Pooler, running_pooler
from tests.server.postgres import PostgresServer

Run = Callable[[PostgresServer], AbstractContextManager[PgBouncer | Pooler]]


NO_PGBOUNCER = "the pooler of the tests stands in for pgbouncer, which is not here: apt install pgbouncer"


def have_pgbouncer() -> bool:
    try:
        find_pgbouncer()
    except ServerError:
        return False
    return True


with_pgbouncer = pytest.mark.skipif(not have_pgbouncer(), reason=NO_PGBOUNCER)


@pytest.fixture(
    params=[
        pytest.param(running_pgbouncer, id="pgbouncer", marks=with_pgbouncer),
        pytest.param(running_pooler, id="pooler"),
    ]
)
def run(request: pytest.FixtureRequest) -> Run:
    run: Run = request.param
    return run


def backend(connection: psycopg.Connection[tuple[int]]) -> int:
    row = connection.execute("select pg_backend_pid()").fetchone()
    assert row is not None
    return row[0]


def test_a_client_is_not_told_which_process_serves_it(server: PostgresServer, run: Run) -> None:
    with run(server) as pooler, psycopg.connect(pooler.url()) as connection:
        told, served_by = connection.info.backend_pid, backend(connection)

    assert told != served_by


def test_a_transaction_stays_on_its_connection(server: PostgresServer, run: Run) -> None:
    with run(server) as pooler, psycopg.connect(pooler.url()) as connection:
        served_by = {backend(connection) for _ in range(3)}

    assert 1 == len(served_by)


def test_a_lock_of_a_session_outlives_its_client(server: PostgresServer, run: Run) -> None:
    with run(server) as pooler, psycopg.connect(server.url()) as direct:
        with psycopg.connect(pooler.url(), autocommit=True) as connection:
            connection.execute("select pg_advisory_lock(1)")
        free = direct.execute("select pg_try_advisory_lock(1)").fetchone()

    assert (False,) == free


def test_large_answers_and_pipelines_come_through(server: PostgresServer, run: Run) -> None:
    with run(server) as pooler, psycopg.connect(pooler.url()) as connection:
        connection.prepare_threshold = None
        with connection.pipeline():
            cursors = [connection.execute("select repeat('x', 1000000), %s::int", [n]) for n in range(20)]
        answers = [cursor.fetchone() for cursor in cursors]

    assert [("x" * 1_000_000, n) for n in range(20)] == answers


def test_copy_comes_through(server: PostgresServer, run: Run) -> None:
    with run(server) as pooler, psycopg.connect(pooler.url()) as connection:
        connection.execute("create temporary table numbers (n int) on commit drop")
        with connection.cursor().copy("copy numbers from stdin") as copy:
            for n in range(50_000):
                copy.write_row([n])
        total = connection.execute("select sum(n) from numbers").fetchone()

    assert (sum(range(50_000)),) == total


def test_an_error_of_the_server_comes_through(server: PostgresServer, run: Run) -> None:
    with (
        run(server) as pooler,
        psycopg.connect(pooler.url()) as connection,
        pytest.raises(psycopg.errors.DivisionByZero),
    ):
        connection.execute("select 1 / 0")


def test_a_database_that_is_not_there_is_refused(server: PostgresServer, run: Run) -> None:
    with run(server) as pooler, pytest.raises(psycopg.OperationalError, match='database "nowhere"'):
        psycopg.connect(pooler.url("nowhere"))


def test_one_client_gets_two_connections_by_turns(server: PostgresServer) -> None:
    with running_pooler(server) as pooler, psycopg.connect(pooler.url(), autocommit=True) as connection:
        served_by = [backend(connection) for _ in range(4)]

    assert served_by[:2] == served_by[2:]
    assert served_by[0] != served_by[1]


@with_pgbouncer
def test_pgbouncer_in_session_mode_keeps_a_client_on_its_connection(server: PostgresServer) -> None:
    with (
        running_pgbouncer(server, pool_mode="session") as bouncer,
        psycopg.connect(bouncer.url(), autocommit=True) as connection,
    ):
        connection.execute("set application_name = 'kept'")
        kept = connection.execute("show application_name").fetchone()

    assert ("kept",) == kept


def test_a_machine_without_pgbouncer_is_told_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(ServerError, match="apt install pgbouncer"):
        find_pgbouncer(path="/nowhere")
