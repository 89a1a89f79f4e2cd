"""Poolers: who shares a session is refused whatever chance says, and nobody waits for one without end."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest

from taskrunner.db.postgres.connect import Connection
from taskrunner.db.postgres.locks import AdvisoryLocks
from taskrunner.errors import ConfigError, StoreBusyError
from tests.acceptance.processes import RealSite
from tests.databases import PostgresDatabases, ask
from tests.db.conftest import OpenPostgres
from tests.patience import DEADLINE
from tests.runner.runner_site import scheduled, site_at
from tests.server.account import ServerError
from tests.server.pgbouncer import find_pgbouncer, running_pgbouncer

NO_PATIENCE = 0.5
ADVISORY = "select count(*) from pg_locks where locktype = 'advisory'"


def have_pgbouncer() -> bool:
    try:
        find_pgbouncer()
    except ServerError:
        return False
    return True


with_pgbouncer = pytest.mark.skipif(not have_pgbouncer(), reason="no pgbouncer: apt install pgbouncer")


@contextmanager
def clients_at_work(url: str, count: int = 6) -> Iterator[None]:
    """Have other programs begin and end short transactions through a pooler."""
    ended = threading.Event()

    def work() -> None:
        with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
            while not ended.wait(0.001):
                connection.execute("select pg_sleep(0.002)")

    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()


@with_pgbouncer
@pytest.mark.parametrize("others", [0, 6])
def test_a_pool_of_transactions_is_refused_however_often_it_gives_the_same_session(
    postgres_databases: PostgresDatabases, others: int
) -> None:
    refused = 0
    with running_pgbouncer(postgres_databases.server) as bouncer, clients_at_work(bouncer.url(), others):
        for _ in range(10):
            locks = AdvisoryLocks(bouncer.url(), "site")
            with pytest.raises(ConfigError, match="a pooler in transaction mode stands between"):
                locks.acquire("slot-1")
            refused += 1
        left = ask(postgres_databases.server.url(), ADVISORY)

    assert (10, [(0,)]) == (refused, left)


@with_pgbouncer
def test_whole_crons_through_a_pool_of_transactions_are_refused_and_check_and_doctor_say_so(
    postgres_databases: PostgresDatabases, tmp_path: Path
) -> None:
    name = "refused_site"
    url = postgres_databases.server.create_database(name)
    site = RealSite.made_in(tmp_path, f'database = "{url}"\n')
    site.write("forum", "class Mail(AdhocTask):\n    def execute(self):\n        witness('sent')\n")
    site.run("adhoc", "queue", "forum.Mail")
    with running_pgbouncer(postgres_databases.server) as bouncer, clients_at_work(bouncer.url(name)):
        site.config.write_text(site.config.read_text().replace(url, bouncer.url(name)))
        crons = [site.run("cron") for _ in range(3)]
        check, doctor = site.run("check"), site.run("doctor")
        left = ask(url, ADVISORY)

    told = "a pooler in transaction mode stands between"
    assert [(78, True)] * 3 == [(cron.returncode, told in cron.stderr) for cron in crons]
    assert (3, True) == (check.returncode, told in check.stdout)
    assert told in doctor.stdout
    assert ([(0,)], []) == (left, site.witnessed())
    postgres_databases.server.drop_database(name)


@with_pgbouncer
def test_a_lock_held_through_a_pool_of_sessions_goes_with_its_client(
    postgres_databases: PostgresDatabases,
) -> None:
    with running_pgbouncer(postgres_databases.server, "session", 2) as bouncer:
        locks, others = (AdvisoryLocks(bouncer.url(), "site") for _ in range(2))
        taken = locks.acquire("slot-1")
        seen = others.is_held("slot-1")
        locks.close()
        until = time.monotonic() + 60
        while others.is_held("slot-1") and time.monotonic() < until:
            time.sleep(0.01)

        assert (True, True, False) == (taken is not None, seen, others.is_held("slot-1"))
        others.close()


@with_pgbouncer
@pytest.mark.parametrize("size", [2, 3, 20])
def test_a_runner_does_with_two_sessions_of_a_pool(
    postgres_databases: PostgresDatabases, tmp_path: Path, size: int
) -> None:
    name = f"pool_{size}"
    postgres_databases.server.create_database(name)
    with running_pgbouncer(postgres_databases.server, "session", size) as bouncer:
        line = f'database = "{bouncer.url(name)}"\n'
        site = site_at(
            tmp_path, database_line=line, plugins={"forum": (scheduled("Digest", "witness('ran')"),)}
        )
        site.clock.now += 86_400
        with site.opened() as opened:
            site.runner(opened).work()
            opened.locks.everywhere.close()

    assert ["ran"] == site.witnessed()
    postgres_databases.server.drop_database(name)


@with_pgbouncer
def test_a_full_pool_is_waited_for_no_longer_than_our_own_deadline(
    postgres_databases: PostgresDatabases, open_server: OpenPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Connection, "patience", NO_PATIENCE)
    with running_pgbouncer(postgres_databases.server, "session", 2) as bouncer, ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(psycopg.connect(bouncer.url())).execute("select 1")
        with pytest.raises(StoreBusyError, match="no answer within") as busy:
            open_server(bouncer.url())

    assert 75 == busy.value.exit_code
    assert "is the pooler full" in str(busy.value.hint)


# Our own deadline


def test_an_answer_that_takes_too_long_drops_the_session_and_the_next_question_opens_another(
    open_server: OpenPostgres,
) -> None:
    database = open_server()
    [before] = database.fetch("select pg_backend_pid() as pid", {})
    database._open().patience = NO_PATIENCE

    with pytest.raises(StoreBusyError, match="no answer within"):
        database.fetch("select pg_sleep(50)", {})

    assert database.fetch("select pg_backend_pid() as pid", {}) != [before]


def test_a_commit_that_waits_for_a_standby_that_is_gone_is_not_waited_for(
    postgres_databases: PostgresDatabases, open_server: OpenPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("taskrunner.db.postgres.connect.ANSWER", NO_PATIENCE * 12)
    server = postgres_databases.server
    name = "waits_for_standby"
    url = server.create_database(name)
    database = open_server(url)
    ask_alone(server.url(), "alter system set synchronous_standby_names = 'gone'")
    ask_alone(server.url(), "select pg_reload_conf()")
    try:
        until = time.monotonic() + DEADLINE  # the server takes the setting up when it comes to it
        with pytest.raises(StoreBusyError, match="no answer within"):
            while time.monotonic() < until:
                with database.transaction():
                    [row] = database.fetch("select set_config('synchronous_commit', 'on', true) as it", {})
                    database.fetch("update task_setting set value = value", {})
    finally:
        ask_alone(server.url(), "alter system reset synchronous_standby_names")
        ask_alone(server.url(), "select pg_reload_conf()")

    assert row == {"it": "on"}
    assert ask(url, "select 1") == [(1,)]
    database.close()
    server.drop_database(name)


def ask_alone(url: str, statement: str) -> None:
    """Run a statement that runs in no transaction."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())
