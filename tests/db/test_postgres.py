"""PostgreSQL: sessions that end at any time, transactions, errors in our words, news of work."""

import os
import resource
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

import psycopg
import pytest

from taskrunner.db import TIMEOUTS, open_database, open_task_connection
from taskrunner.db.postgres import PostgresDatabase, open_postgres
from taskrunner.errors import ConfigError, StoreBusyError, StoreError, TaskrunnerError
from taskrunner.store import Store
from taskrunner.store.tasks import NewTask
from tests.databases import ask
from tests.db.conftest import OpenPostgres
from tests.patience import DEADLINE
from tests.server.pooler import running_pooler
from tests.server.postgres import PostgresServer, free_port

WRITE = "insert into task_setting (name, value) values (:name, 'x')"
COLOURS = "select name from task_setting where name <> 'instance_id' order by name"
BACKEND = "select pg_backend_pid() as pid"
MAIL = NewTask("forum.Mail", "forum", "null", None, "I", 5.0, 12)


def names(database: PostgresDatabase) -> list[str]:
    return [row["name"] for row in database.fetch(COLOURS, {})]


def backend(database: PostgresDatabase) -> int:
    return int(database.fetch(BACKEND, {})[0]["pid"])


def end_session(url: str, pid: int) -> None:
    """End a session, and wait until it is gone and its client can know."""
    assert [(True,)] == ask(url, f"select pg_terminate_backend({pid}, 10000)")


# Statements and transactions


def test_signs_that_mean_something_to_the_driver_mean_nothing_in_a_query(open_server: OpenPostgres) -> None:
    sql = "select '100 %' as a, '%s :name' as b, 'ab' like 'a%' as c, 7 % 4 as d, cast('5' as int)::text as e"
    rows = open_server().fetch(sql, {"name": "x"})

    assert [{"a": "100 %", "b": "%s :name", "c": True, "d": 3, "e": "5"}] == rows


@pytest.mark.parametrize("text", ["\0", "\ud800"], ids=["NUL", "half a character"])
def test_a_text_that_it_cannot_hold_is_an_error_of_the_store(open_server: OpenPostgres, text: str) -> None:
    database = open_server()

    with pytest.raises(StoreError):
        database.fetch(WRITE, {"name": text})

    assert [] == names(database)


def test_rows_inserted_together_get_their_ids_in_the_order_given(open_server: OpenPostgres) -> None:
    store = Store(open_server())
    texts = [f'"{number}\t\\n%"' for number in range(1500)]
    tasks = [NewTask("forum.Mail", "forum", text, None, "I", 5.0, 12) for text in texts]

    with store.transaction():
        ids = store.adhoc.add(tasks, 1.0)

    rows = {row.id: row.custom_data for row in store.adhoc.list()}
    assert sorted(set(ids)) == ids
    assert texts == [rows[task_id] for task_id in ids]


def test_of_rows_inserted_together_all_are_there_or_none(open_server: OpenPostgres) -> None:
    database = open_server()
    columns, rows = ("name", "value"), [("blue", "x"), ("red", None)]

    with pytest.raises(StoreError, match="relation|null value|sequence"), database.transaction():
        database.insert("task_setting", columns, rows)

    assert [] == names(database)


# Waits are bounded


@pytest.mark.parametrize("name", TIMEOUTS)
def test_what_the_server_may_take_is_limited(open_server: OpenPostgres, name: str) -> None:
    (row,) = open_server().fetch(f"select setting, unit from pg_settings where name = '{name}'", {})

    assert {"setting": str(int(TIMEOUTS[name][:-1]) * 1000), "unit": "ms"} == row


def test_a_loss_of_the_server_is_noticed_in_half_a_minute(open_server: OpenPostgres) -> None:
    names = "'tcp_keepalives_idle', 'tcp_keepalives_interval', 'tcp_user_timeout'"
    database = open_server()
    connection = database._open()

    known = {setting.keyword.decode(): setting.val for setting in connection.pgconn.info}

    assert [] != database.fetch(f"select name from pg_settings where name in ({names})", {})
    wanted = {
        "connect_timeout": b"10",
        "keepalives": b"1",
        "keepalives_idle": b"10",
        "keepalives_interval": b"5",
        "keepalives_count": b"3",
        "tcp_user_timeout": b"30000",
        "application_name": b"taskrun",
    }
    assert wanted == {name: known[name] for name in wanted}


def test_what_the_url_says_comes_before_our_settings(postgres_url: str, open_server: OpenPostgres) -> None:
    url = f"{postgres_url}?application_name=mine&options=-c%20lock_timeout%3D3s%20-c%20work_mem%3D5MB"
    database = open_server(url)

    (row,) = database.fetch(
        "select current_setting('application_name') as a, current_setting('lock_timeout') as b,"
        " current_setting('work_mem') as c, current_setting('statement_timeout') as d",
        {},
    )

    assert {"a": "mine", "b": "3s", "c": "5MB", "d": "1min"} == row


def test_a_lock_of_somebody_else_is_waited_for_with_an_end(
    postgres_url: str, open_server: OpenPostgres
) -> None:
    database = open_server(f"{postgres_url}?options=-c%20lock_timeout%3D50ms")
    with psycopg.connect(postgres_url) as other:
        other.execute("lock table task_setting")

        with pytest.raises(StoreBusyError, match="lock timeout") as refusal:
            database.fetch(WRITE, {"name": "blue"})

    assert 75 == refusal.value.exit_code
    database.fetch(WRITE, {"name": "blue"})


def test_a_statement_takes_only_so_long(postgres_url: str, open_server: OpenPostgres) -> None:
    database = open_server(f"{postgres_url}?options=-c%20statement_timeout%3D50ms")

    with pytest.raises(StoreBusyError, match="statement timeout"):
        database.fetch("select pg_sleep(60)", {})


# Sessions that end


def test_a_session_that_was_ended_between_two_statements_is_not_missed(
    postgres_url: str, open_server: OpenPostgres
) -> None:
    database = open_server()
    first = backend(database)
    end_session(postgres_url, first)

    database.fetch(WRITE, {"name": "blue"})

    assert ["blue"] == names(database)
    assert first != backend(database)


def test_a_session_that_was_ended_before_a_transaction_is_not_missed(
    postgres_url: str, open_server: OpenPostgres
) -> None:
    database = open_server()
    end_session(postgres_url, backend(database))

    with database.transaction():
        database.fetch(WRITE, {"name": "blue"})

    assert ["blue"] == names(database)


def test_a_transaction_whose_session_is_ended_is_lost_whole_and_the_next_one_works(
    postgres_url: str, open_server: OpenPostgres
) -> None:
    database = open_server()

    with pytest.raises(StoreError), database.transaction():
        database.fetch(WRITE, {"name": "blue"})
        end_session(postgres_url, backend(database))
        database.fetch(WRITE, {"name": "red"})

    assert [] == names(database)
    with database.transaction():
        database.fetch(WRITE, {"name": "green"})
    assert ["green"] == names(database)


def test_a_commit_that_nobody_hears_is_an_error(postgres_url: str, open_server: OpenPostgres) -> None:
    database = open_server()

    with pytest.raises(StoreError), database.transaction():
        database.fetch(WRITE, {"name": "blue"})
        end_session(postgres_url, backend(database))

    assert [] == names(database)


def test_after_a_restart_of_the_server_it_goes_on(
    own_server: PostgresServer, open_server: OpenPostgres
) -> None:
    database = open_server(own_server.create_database("restarted"))
    own_server.restart()

    database.fetch(WRITE, {"name": "blue"})

    assert ["blue"] == names(database)


def test_while_the_server_is_down_each_statement_says_so(
    own_server: PostgresServer, open_server: OpenPostgres
) -> None:
    database = open_server(own_server.create_database("down"))
    own_server.stop()
    try:
        with pytest.raises(StoreError, match="refused") as refusal:
            database.fetch(COLOURS, {})
    finally:
        own_server.start()

    assert (69, "is the server running, and is this its host and port?") == (
        refusal.value.exit_code,
        refusal.value.hint,
    )
    assert [] == names(database)


def test_a_closed_database_opens_again_when_a_statement_needs_it(open_server: OpenPostgres) -> None:
    database = open_server()
    database.close()
    database.close()

    assert [] == names(database)


def test_a_database_leaves_nothing_behind_when_it_is_closed(postgres_url: str) -> None:
    open_postgres(postgres_url).close()

    sessions = (
        "select count(*) from pg_stat_activity"
        " where datname = current_database() and application_name = 'taskrun'"
    )
    deadline = time.monotonic() + DEADLINE
    while ask(postgres_url, sessions) != [(0,)]:
        assert time.monotonic() < deadline, "its session is still there"


def test_many_open_files_do_not_make_it_connect_each_time(open_server: OpenPostgres) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    with ExitStack() as stack:
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, before)
        resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
        for _ in range(1100):
            stack.callback(os.close, os.dup(0))
        database = open_server()

        assert backend(database) == backend(database)


# Forks


def in_child(do: object) -> int:
    """Call in a forked child; return its exit code, 0: nothing was raised."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            do()  # type: ignore[operator]
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_forked_child_has_a_session_of_its_own(open_server: OpenPostgres) -> None:
    database = open_server()
    ours = backend(database)

    def compare() -> None:
        assert ours != backend(database)
        database.fetch(WRITE, {"name": "child"})
        database.close()

    assert 0 == in_child(compare)
    assert (ours, ["child"]) == (backend(database), names(database))


def test_a_forked_child_that_closes_the_database_leaves_it_to_its_process(open_server: OpenPostgres) -> None:
    database = open_server()
    ours = backend(database)

    assert 0 == in_child(database.close)
    assert ours == backend(database)


def test_a_fork_inside_a_transaction_does_not_harm_it(open_server: OpenPostgres) -> None:
    database = open_server()

    with database.transaction():
        database.fetch(WRITE, {"name": "blue"})
        assert 0 == in_child(lambda: None)
        database.fetch(WRITE, {"name": "red"})

    assert ["blue", "red"] == names(database)


def test_databases_that_are_let_go_do_not_pile_up(postgres_url: str) -> None:
    """A web server queues through a new one each time."""
    import gc
    import weakref

    database = open_postgres(postgres_url)
    database.close()
    here = weakref.ref(database)
    del database
    gc.collect()

    assert here() is None


# News


def queue_in_another_session(url: str) -> None:
    with closing(open_database(url)) as database:
        Store(database).adhoc.add([MAIL], 1.0)


def test_waiting_ends_at_once_when_a_task_is_queued(postgres_url: str, open_server: OpenPostgres) -> None:
    database = open_server()
    database.wait(0.0)
    queueing = threading.Timer(0.1, queue_in_another_session, [postgres_url])
    queueing.start()
    began_at = time.monotonic()

    database.wait(2 * DEADLINE)

    queueing.join()
    assert time.monotonic() - began_at < DEADLINE


def test_what_was_queued_since_the_last_look_is_not_waited_for(
    postgres_url: str, open_server: OpenPostgres
) -> None:
    database = open_server()
    database.wait(0.0)
    queue_in_another_session(postgres_url)
    names(database)
    began_at = time.monotonic()

    database.wait(2 * DEADLINE)

    assert time.monotonic() - began_at < DEADLINE


def test_one_wait_ends_for_all_that_was_queued_in_one_transaction(
    postgres_url: str, open_server: OpenPostgres
) -> None:
    database = open_server()
    database.wait(0.0)
    with closing(open_database(postgres_url)) as other:
        store = Store(other)
        with store.transaction():
            store.adhoc.add([MAIL] * 50, 1.0)
            store.adhoc.add([MAIL], 1.0)
    database.wait(2 * DEADLINE)
    began_at = time.monotonic()

    database.wait(0.2)

    assert time.monotonic() - began_at >= 0.15


def test_without_news_it_is_waited_as_long_as_asked(open_server: OpenPostgres) -> None:
    database = open_server()
    began_at = time.monotonic()

    database.wait(0.2)

    assert time.monotonic() - began_at >= 0.15


def test_waiting_goes_on_in_a_new_session_after_the_old_one_was_ended(
    postgres_url: str, open_server: OpenPostgres
) -> None:
    database = open_server()
    database.wait(0.0)
    end_session(postgres_url, backend(database))
    database.wait(0.0)
    queue_in_another_session(postgres_url)
    began_at = time.monotonic()

    database.wait(2 * DEADLINE)

    assert time.monotonic() - began_at < DEADLINE


# Through a pooler


@pytest.mark.parametrize("told", [True, False], ids=["told", "noticed"])
def test_through_a_pooler_in_transaction_mode_statements_and_transactions_work(
    postgres_url: str, postgres_databases, open_server: OpenPostgres, told: bool
) -> None:
    name = postgres_url.rpartition("/")[2]
    with running_pooler(postgres_databases.server) as pooler:
        database = open_server(pooler.url(name), through_pooler=told)
        for number in range(8):
            database.fetch(WRITE, {"name": f"alone {number}"})
        with database.transaction():
            pids = {backend(database) for _ in range(8)}
            database.fetch(WRITE, {"name": "together"})
        found = names(database)
        database.close()

    assert [*(f"alone {number}" for number in range(8)), "together"] == found
    assert 1 == len(pids)


def test_through_a_pooler_that_is_known_waits_are_bounded_as_well_and_nothing_is_compiled(
    postgres_url: str, postgres_databases, open_server: OpenPostgres
) -> None:
    names = "'statement_timeout', 'lock_timeout', 'jit'"
    with running_pooler(postgres_databases.server) as pooler:
        database = open_server(pooler.url(postgres_url.rpartition("/")[2]), through_pooler=True)
        rows = database.fetch(f"select name, setting from pg_settings where name in ({names})", {})
        database.close()

    expected = {name: str(int(TIMEOUTS[name][:-1]) * 1000) for name in ("statement_timeout", "lock_timeout")}
    assert {**expected, "jit": "off"} == {row["name"]: row["setting"] for row in rows}


def test_through_a_pooler_no_news_are_waited_for_and_none_needed(
    postgres_url: str, postgres_databases, open_server: OpenPostgres
) -> None:
    with running_pooler(postgres_databases.server) as pooler:
        database = open_server(pooler.url(postgres_url.rpartition("/")[2]), through_pooler=True)
        began_at = time.monotonic()
        database.wait(0.2)
        waited = time.monotonic() - began_at
        database.close()

    assert waited >= 0.15


# Errors in our words


def refusal_of(url: str) -> StoreError:
    with pytest.raises(StoreError) as refusal:
        open_postgres(url)
    return refusal.value


def test_a_database_that_is_not_there_is_named(postgres_databases) -> None:
    server = postgres_databases.server

    error = refusal_of(server.url("nowhere"))

    assert (
        f'database postgresql://postgres@127.0.0.1:{server.port}/nowhere: database "nowhere" does not exist'
        == (str(error))
    )
    assert (69, "create it, or correct `database` in taskrunner.toml") == (error.exit_code, error.hint)


def test_a_port_where_nobody_listens_is_named() -> None:
    url = f"postgresql://anna@127.0.0.1:{free_port()}/tasks"

    error = refusal_of(url)

    assert str(error).startswith(f"database {url}: ")
    assert "refused" in str(error)
    assert "\n" not in str(error)


def test_a_host_that_is_not_there_is_named() -> None:
    error = refusal_of("postgresql://anna@nowhere.invalid/tasks")

    assert "nowhere.invalid" in str(error)
    assert (69, "correct the host in `database`") == (error.exit_code, error.hint)


@pytest.mark.parametrize(
    "url",
    ["postgresql://anna:geheim@host:no-port/x", "postgresql://a:geheim@h/x?nonsense=1", "postgres://[geheim"],
)
def test_a_url_that_cannot_be_read_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(TaskrunnerError) as refusal:
        open_postgres(url)

    assert "geheim" not in f"{refusal.value} {refusal.value.hint} {refusal.value.__cause__}"


@pytest.fixture
def anna(own_server: PostgresServer) -> Iterator[str]:
    """The address of a role that needs its password, without that."""
    rules = own_server.folder / "data" / "pg_hba.conf"
    before = rules.read_text()
    rules.write_text(
        f"host all anna 127.0.0.1/32 scram-sha-256\nhost all berta 127.0.0.1/32 reject\n{before}"
    )
    for statement in ("create role anna login password 'geheim'", "create role berta login"):
        ask(own_server.url(), statement)
    with psycopg.connect(own_server.url(), autocommit=True) as connection:
        connection.execute("select pg_reload_conf()")
    yield own_server.url(user="anna")
    rules.write_text(before)
    with psycopg.connect(own_server.url(), autocommit=True) as connection:
        connection.execute("select pg_reload_conf()")
        connection.execute("drop role anna, berta")


def until_refused(url: str, words: str) -> StoreError:
    """Return why a connection is refused; the server reads its files in its own time."""
    deadline = time.monotonic() + DEADLINE
    while True:
        try:
            with closing(open_task_connection(url).connection):
                said = "it was let in"
        except StoreError as error:
            if words in str(error):
                return error
            said = str(error)
        assert time.monotonic() < deadline, said


def test_a_wrong_password_is_told_and_not_shown(anna: str) -> None:
    error = until_refused(anna.replace("anna@", "anna:falsch@"), "password authentication failed")

    assert 'password authentication failed for user "anna"' in str(error)
    assert "falsch" not in f"{error} {error.hint}"
    assert (69, "check user and password of `database`") == (error.exit_code, error.hint)


def test_a_missing_password_is_told(anna: str) -> None:
    error = until_refused(anna, "no password supplied")

    assert (69, "put the password into `database`, or into ~/.pgpass") == (error.exit_code, error.hint)


def test_a_host_that_is_not_let_in_is_told(anna: str) -> None:
    error = until_refused(anna.replace("anna", "berta"), "pg_hba.conf rejects connection")

    assert "berta" in str(error)


def test_the_right_password_is_used_and_never_shown(anna: str) -> None:
    until_refused(anna, "no password supplied")
    url = anna.replace("anna@", "anna:geheim@")

    with psycopg.connect(url) as connection:
        connection.execute("select 1")
    error = refusal_of(url)  # anna may make no tables here

    assert "geheim" not in f"{error} {error.hint} {error.__cause__}"


def test_too_many_connections_of_a_role_are_worth_another_try(postgres_databases) -> None:
    server = postgres_databases.server
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("create role few login connection limit 0")

        error = refusal_of(server.url(user="few"))

        connection.execute("drop role few")
    assert isinstance(error, StoreBusyError)
    assert (75, "raise the connection limit of the role or the database") == (error.exit_code, error.hint)


def test_a_server_without_a_free_connection_is_worth_another_try(own_server: PostgresServer) -> None:
    small = ("max_connections = 3", "superuser_reserved_connections = 0", "max_wal_senders = 0")
    with psycopg.connect(own_server.url(), autocommit=True) as connection:
        for setting in small:
            connection.execute(f"alter system set {setting}".encode())
    own_server.restart()
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(psycopg.connect(own_server.url()))
        error = refusal_of(own_server.url())
    (own_server.folder / "data" / "postgresql.auto.conf").write_text("")
    own_server.restart()

    assert isinstance(error, StoreBusyError)
    assert "sorry, too many clients already" in str(error)
    assert "raise max_connections on the server, or start fewer crons" == error.hint


@contextmanager
def refusing(code: str, words: str) -> Iterator[str]:
    """Give the address of a server that refuses every client with these words."""
    fields = b"".join(
        f"{kind}{text}".encode() + b"\0"
        for kind, text in (("S", "FATAL"), ("V", "FATAL"), ("C", code), ("M", words))
    )
    answer = b"E" + struct.pack("!i", len(fields) + 5) + fields + b"\0"

    def refuse() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client:
                while client.recv(8)[4:8] in (struct.pack("!i", 80877103), struct.pack("!i", 80877104)):
                    client.sendall(b"N")
                client.recv(1024)
                client.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=refuse)
        thread.start()
        yield f"postgresql://anna@127.0.0.1:{listener.getsockname()[1]}/tasks"
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()


@pytest.mark.parametrize(
    ("code", "words", "kind"),
    [
        ("57P03", "the database system is starting up", StoreBusyError),
        ("57P03", "the database system is shutting down", StoreBusyError),
        ("57P03", "the database system is in recovery mode", StoreBusyError),
        (
            "53300",
            "remaining connection slots are reserved for roles with the SUPERUSER attribute",
            StoreBusyError,
        ),
        ("08P01", "query_wait_timeout", StoreBusyError),
        ("28000", 'no pg_hba.conf entry for host "10.0.0.1", user "anna"', StoreError),
        ("28000", 'role "anna" does not exist', StoreError),
    ],
)
def test_what_a_server_says_when_it_refuses_is_told_with_what_to_do(
    code: str, words: str, kind: type[StoreError]
) -> None:
    with refusing(code, words) as url:
        error = refusal_of(url)

    assert kind is type(error)
    assert f"database {url}: {words}" == str(error)
    assert error.hint


def test_a_database_that_may_only_be_read_says_so(postgres_url: str, open_server: OpenPostgres) -> None:
    database = open_server(f"{postgres_url}?options=-c%20default_transaction_read_only%3Don")

    with pytest.raises(StoreError, match="read-only") as refusal:
        database.fetch(WRITE, {"name": "blue"})

    assert 69 == refusal.value.exit_code
    assert "default_transaction_read_only of server, database and role" in str(refusal.value.hint)
    assert [] == names(database)


def test_an_empty_database_that_may_only_be_read_says_so(postgres_databases) -> None:
    url = postgres_databases.server.create_database("empty_standby")

    error = refusal_of(f"{url}?options=-c%20default_transaction_read_only%3Don")

    assert "read-only" in str(error)
    postgres_databases.server.drop_database("empty_standby")


def test_a_url_of_another_kind_is_refused_with_those_that_are_right() -> None:
    with pytest.raises(ConfigError, match="this kind of database is not known") as refusal:
        open_database("mysql://anna@host/tasks")

    assert "write sqlite:PATH or postgresql://USER@HOST/NAME" == refusal.value.hint


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_a_database_that_cannot_hold_every_text_is_refused_with_what_to_do(
    postgres_databases, encoding: str
) -> None:
    server = postgres_databases.server
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(
            f"create database old encoding '{encoding}' template template0 locale 'C'".encode()
        )

    error = refusal_of(server.url("old"))

    assert 78 == error.exit_code
    assert f"has the encoding {encoding}" in str(error) and "--encoding UTF8" in str(error.hint)
    server.drop_database("old")
