"""PostgreSQL for reading commands: through libpq the same rows, settings and errors as through psycopg."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from typing import Any

import psycopg
import pytest

from taskrunner.db import REFUSE, Database, open_database
from taskrunner.db.reader import PostgresReader, open_reader
from taskrunner.db.sql import adapt, kind_of_statement
from taskrunner.errors import StoreBusyError, StoreError, TaskrunnerError
from tests.databases import PostgresDatabases, ask, ask_anew, connect_to
from tests.db.test_postgres import WRITE, backend, end_session, in_child, names
from tests.guards.test_queries import NAMES, parameters_of, text_of
from tests.patience import DEADLINE
from tests.server.pooler import running_pooler
from tests.server.postgres import PostgresServer

Told = tuple[type, str, str | None, int]
MOMENT = 1_800_000_000.123456
COLUMNS = """
select c.table_name, c.column_name, c.data_type, c.is_nullable = 'YES' from information_schema.columns c
join information_schema.tables t using (table_schema, table_name)
where t.table_type = 'BASE TABLE' and c.table_schema = 'public' and c.table_name <> 'schema_version'
"""
ASKED: dict[str, object] = {
    **dict.fromkeys(("since", "after", "min_duration"), -1e15),
    **dict.fromkeys(("until", "max_duration", "now"), 1e15),
    **dict.fromkeys(("failed", "due", "adhoc_id", "passed", "after_id"), 0),
    **dict.fromkeys(("type", "plugin", "hostname", "user", "outcome", "target"), ""),
    **{"id": 1, "file_id": 1, "runs": 1, "limit": 50, "count": 10, "until_id": 10**15, "name": "name 1 äöü"},
    **{"names": '["name 1 äöü", "none"]', "grep": "%OUTPUT 1%", "suffix": "%äöü", "path": "path 1 äöü"},
    **{"identity": "identity 1 äöü", "run_id": "run_id 1 äöü", "first_line": "first_line 1 äöü"},
    **{"first": "run_id", "last": "run_id~", "second": "b", "third": "c"},
}
"""Parameter -> a value as the store gives it, with which rows of a filled table are found."""

OTHERWISE: dict[str, dict[str, object]] = {
    **dict.fromkeys(("log/lengths", "reports/lengths"), {"first": 1, "last": 9}),
    **dict.fromkeys(("log/crashed", "reports/crashed"), {"name": ""}),
    "adhoc/page": {"after": 0},
    "log/newest_kept": {"runs": 0},
    "settings/three": {"first": "name 1 äöü"},
}
"""Query -> what its parameters are where the same name means something else."""

CHANGE = {"adhoc/begin_ids", "adhoc/move_ids_on", "settings/alone", "settings/clock"}
"""Queries that move a sequence or take a lock, though they look as if they read; and that for the time."""

READ = [
    name
    for name in NAMES
    if name not in CHANGE and kind_of_statement(adapt(text_of(name), "postgres")) == "read"
]


def shown(rows: list[dict[str, Any]]) -> list[list[tuple[str, type, object]]]:
    """Return rows with the types of their values, and a NaN that is equal to itself."""
    return [
        [(name, type(value), "nan" if value != value else value) for name, value in row.items()]
        for row in rows
    ]


@pytest.fixture
def reader(postgres_url: str) -> Iterator[PostgresReader]:
    """The database of the test, as a reading command opens it."""
    reader = open_reader(postgres_url)
    assert reader is not None
    yield reader
    reader.close()


@pytest.fixture
def psycopgs(postgres_url: str) -> Iterator[Database]:
    """The same database, as all others open it."""
    with closing(open_database(postgres_url)) as database:
        yield database


def uses_psycopg(reader: PostgresReader) -> bool:
    return reader._whole is not None


# Rows


@pytest.fixture(scope="module")
def filled(postgres_databases: PostgresDatabases) -> Iterator[tuple[Database, PostgresReader]]:
    """Both ways to a database with two rows in each table, one of them with NULL wherever it may be."""
    with postgres_databases.new() as url:
        with connect_to(url) as connection:
            fill(connection)
        reader = open_reader(url)
        assert reader is not None
        with closing(open_database(url)) as database, closing(reader):
            yield database, reader


def fill(connection: psycopg.Connection[Any]) -> None:
    tables: dict[str, list[tuple[str, str, bool]]] = {}
    for table, *column in connection.execute(COLUMNS).fetchall():
        tables.setdefault(table, []).append((column[0], column[1], column[2]))
    for table, columns in tables.items():
        for number in (1, 2):
            kept = [(name, kind) for name, kind, may_be_null in columns if number == 1 or not may_be_null]
            quoted = ", ".join(f'"{name}"' for name, _ in kept)
            values = [value_for(name, kind, number) for name, kind in kept]
            places = ", ".join(["%s"] * len(values))
            statement = f"insert into {table} ({quoted}) overriding system value values ({places})"
            connection.execute(statement.encode(), values)
    for statement in OUTCOMES:
        connection.execute(statement)


OUTCOMES = (
    "update task_log set outcome = case id when 1 then 'failed' else 'crashed' end",
    "update report_task set outcome = 'crashed', file_id = 1",
    "update task_scheduled set disabled = 0 where id = 2",
    "update task_adhoc set tries = 0, interruptions = 0, last_message = 'parked äöü' where id = 2",
)


def value_for(name: str, kind: str, number: int) -> object:
    if kind == "text":
        return f"{name} {number} äöü"
    return number if kind in ("bigint", "integer", "smallint") else MOMENT / number


@pytest.mark.parametrize("name", READ)
def test_each_query_that_reads_gives_the_same_rows_of_the_same_types(
    filled: tuple[Database, PostgresReader], name: str
) -> None:
    database, reader = filled
    sql = adapt(text_of(name), "postgres")
    parameters = {each: (ASKED | OTHERWISE.get(name, {}))[each] for each in parameters_of(sql)}

    rows = reader.fetch(sql, parameters)

    assert shown(database.fetch(sql, parameters)) == shown(rows)
    assert not uses_psycopg(reader)
    assert rows


VALUES = """
select true as yes, false as no, cast(7 as smallint) as small,
  -2147483648 as whole, 9223372036854775807 as large,
  cast('inf' as double precision) as endless, cast('nan' as double precision) as nan,
  cast(0.1 as double precision) + 0.2 as digits, cast(5e-324 as double precision) as tiny, '' as empty,
  cast(null as text) as nothing, E'a\\n\\t\\\\\\x7f 100 %' as word, 'name' collate "C" as plain,
  cast('x' as varchar(5)) as narrow, cast('pg_class' as name) as name, cast(26 as oid) as number
"""


def test_values_are_read_exactly_whatever_a_role_is_set_to(
    postgres_url: str, postgres_databases: PostgresDatabases
) -> None:
    name = postgres_url.rpartition("/")[2]
    ask(postgres_url, f"alter database {name} set extra_float_digits = -10")
    reader = open_reader(postgres_url)
    assert reader is not None
    with closing(reader), closing(open_database(postgres_url)) as database:
        assert shown(database.fetch(VALUES, {})) == shown(reader.fetch(VALUES, {}))


@pytest.mark.parametrize(
    "value",
    [None, True, 0, -32769, 2**31, -(2**63), 2**63, 0.1, float("inf"), "", "it's äöü \\ %", "of\nlines"],
)
def test_a_parameter_has_the_type_as_which_psycopg_sends_it(
    reader: PostgresReader, psycopgs: Database, value: object
) -> None:
    sql = "select pg_typeof(:it)::text as type, cast(:it as text) as it"
    if isinstance(value, str) or value is None:
        sql = "select pg_typeof(coalesce(:it, '?'))::text as type, cast(:it as text) as it"

    assert psycopgs.fetch(sql, {"it": value}) == reader.fetch(sql, {"it": value})
    assert uses_psycopg(reader) == (value == "of\nlines")


@pytest.mark.parametrize(("sql", "value"), [("1 = any(:it)", [1, 2]), (":it = '\\x00'::bytea", b"\0")])
def test_a_parameter_of_another_type_is_sent_by_psycopg(
    reader: PostgresReader, sql: str, value: object
) -> None:
    assert [{"found": True}] == reader.fetch(f"select {sql} as found", {"it": value})


@pytest.mark.parametrize("text", ["\0", "\ud800"], ids=["NUL", "half a character"])
def test_a_text_that_it_cannot_hold_is_refused_in_the_same_words(
    reader: PostgresReader, psycopgs: Database, text: str
) -> None:
    sql = "select cast(:it as text)"

    assert refused(psycopgs, sql, it=text) == refused(reader, sql, it=text)


def refused(database: Database, sql: str, **parameters: object) -> Told:
    """Return what a person is told of a statement that fails."""
    with pytest.raises(StoreError) as error:
        database.fetch(sql, parameters)
    return told(error.value)


def told(error: TaskrunnerError) -> Told:
    return type(error), str(error), error.hint, error.exit_code


# Settings


SETTINGS = """
select name, setting from pg_settings
where name in ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'jit',
  'search_path', 'application_name', 'client_encoding', 'tcp_keepalives_idle', 'tcp_user_timeout', 'work_mem',
  'DateStyle')
order by name
"""


@pytest.mark.parametrize(
    "more",
    [
        "",
        "?application_name=mine&options=-c%20lock_timeout%3D3s%20-c%20work_mem%3D5MB%20-csearch_path%3Dpublic",
    ],
)
def test_the_session_is_set_as_with_psycopg(postgres_url: str, more: str) -> None:
    reader = open_reader(f"{postgres_url}{more}")
    assert reader is not None
    with closing(reader), closing(open_database(f"{postgres_url}{more}")) as database:
        assert database.fetch(SETTINGS, {}) == reader.fetch(SETTINGS, {})
        assert not uses_psycopg(reader)


def test_what_the_server_warns_of_is_not_shown(postgres_url: str, capfd: pytest.CaptureFixture[str]) -> None:
    name = postgres_url.rpartition("/")[2]
    ask(postgres_url, f"update pg_database set datcollversion = 'old' where datname = '{name}'")

    reader = open_reader(postgres_url)

    assert reader is not None
    reader.close()
    assert ("", "") == capfd.readouterr()


# More than reading


def test_what_writes_is_left_to_psycopg_and_so_is_all_that_follows(
    postgres_url: str, reader: PostgresReader
) -> None:
    first = backend(reader)

    reader.fetch(WRITE, {"name": "blue"})

    assert ["blue"] == names(reader)
    assert uses_psycopg(reader) and first != backend(reader)
    assert [(1,)] == ask(postgres_url, SESSIONS)


SESSIONS = """
select count(*) from pg_stat_activity where datname = current_database() and application_name = 'taskrun'
"""


def test_a_transaction_is_one_of_psycopg(postgres_url: str, reader: PostgresReader) -> None:
    names(reader)

    with pytest.raises(RuntimeError), reader.transaction():
        reader.fetch(WRITE, {"name": "blue"})
        assert ["blue"] == names(reader)
        raise RuntimeError

    assert [] == names(reader)


def test_a_closed_database_opens_again_when_a_statement_needs_it(reader: PostgresReader) -> None:
    reader.close()
    reader.close()

    assert [] == names(reader)


def test_it_leaves_nothing_behind_when_it_is_closed(postgres_url: str, reader: PostgresReader) -> None:
    reader.close()

    deadline = time.monotonic() + DEADLINE
    while ask(postgres_url, SESSIONS) != [(0,)]:
        assert time.monotonic() < deadline, "its session is still there"


def test_a_forked_child_leaves_the_session_to_its_parent(reader: PostgresReader) -> None:
    ours = backend(reader)

    def compare() -> None:
        assert ours != backend(reader)
        reader.close()

    assert 0 == in_child(compare)
    assert ours == backend(reader)


# Poolers


@pytest.mark.parametrize("told", [True, False], ids=["told", "noticed"])
def test_through_a_pooler_in_transaction_mode_psycopg_reads(
    postgres_url: str, postgres_databases: PostgresDatabases, told: bool
) -> None:
    with running_pooler(postgres_databases.server) as pooler:
        url = pooler.url(postgres_url.rpartition("/")[2])
        with closing(open_database(url, through_pooler=told, older=REFUSE, for_reading=True)) as database:
            assert not isinstance(database, PostgresReader)
            assert [] == database.fetch("select 1 from task_runner", {})


# Sessions that end, answers that do not come


def test_a_session_that_was_ended_between_two_statements_is_not_missed(
    postgres_url: str, reader: PostgresReader
) -> None:
    end_session(postgres_url, backend(reader))

    assert [] == names(reader)


@contextmanager
def once_it_sleeps(url: str, do: Callable[[], object]) -> Iterator[None]:
    """Do something as soon as the block has the server sleep."""

    def wait() -> None:
        until = time.monotonic() + DEADLINE
        while ask_anew(url, SLEEPING) == [(0,)] and time.monotonic() < until:
            pass
        do()

    thread = threading.Thread(target=wait)
    thread.start()
    yield
    thread.join()


SLEEP = "select pg_sleep(600)"
SLEEPERS = """
pg_stat_activity where datname = current_database() and state = 'active' and query like 'select pg_sleep%'
"""
SLEEPING = f"select count(*) from {SLEEPERS}"


def in_both_ways(url: str) -> Iterator[Any]:
    """Give the database of a URL as a reading command opens it, then as all others do."""
    for for_reading in (True, False):
        with closing(open_database(url, older=REFUSE, for_reading=for_reading)) as database:
            assert isinstance(database, PostgresReader) == for_reading
            yield database


def test_a_session_that_is_ended_meanwhile_is_told_and_the_next_question_opens_another(
    postgres_url: str,
) -> None:
    said = []
    for database in in_both_ways(postgres_url):
        end = partial(ask_anew, postgres_url, f"select pg_terminate_backend(pid) from {SLEEPERS}")
        with once_it_sleeps(postgres_url, end):
            said.append(refused(database, SLEEP))
        assert [] == names(database)

    assert said[0] == said[1]
    assert "terminating connection due to administrator command" in said[0][1]


def test_a_server_that_goes_meanwhile_is_told_in_the_same_words(own_server: PostgresServer) -> None:
    url = own_server.create_database("going")
    open_database(url).close()
    said = []
    for database in in_both_ways(url):
        with once_it_sleeps(url, own_server.stop):
            said.append(refused(database, SLEEP))
        said.append(refused(database, SLEEP))
        own_server.start()
        assert [] == names(database)

    assert said[:2] == said[2:]
    assert "refused" in said[1][1]


def test_a_statement_that_takes_too_long_is_ended_by_the_server(postgres_url: str) -> None:
    url = f"{postgres_url}?options=-c%20statement_timeout%3D50ms"

    said = [refused(database, SLEEP) for database in in_both_ways(url)]

    assert said[0] == said[1]
    assert (StoreBusyError, 75) == (said[0][0], said[0][3])


def test_an_answer_that_does_not_come_is_not_waited_for(postgres_url: str) -> None:
    said = []
    for database in in_both_ways(postgres_url):
        waits = database._asked if isinstance(database, PostgresReader) else database._open()
        waits.patience = 0.2
        said.append(refused(database, SLEEP))
        assert [] == names(database)

    assert said[0] == said[1]
    assert (StoreBusyError, 75) == (said[0][0], said[0][3])


@pytest.mark.parametrize(
    "sql",
    [
        "select nonsense",
        "select 1 from nowhere",
        "select 1 / 0",
        "selec",
        "select lo_get(1)",
        "select lo_get(:it)",
    ],
)
def test_a_statement_that_is_wrong_is_told_in_the_same_words(postgres_url: str, sql: str) -> None:
    first, second = (refused(database, sql, it=1.5) for database in in_both_ways(postgres_url))

    assert first == second


# Databases that cannot be opened


def opening(url: str) -> list[Told]:
    """Return what is told of a database that cannot be opened, in both ways."""
    said = []
    for for_reading in (True, False):
        with pytest.raises(TaskrunnerError) as error:
            open_database(url, older=REFUSE, for_reading=for_reading)
        said.append(told(error.value))
    return said


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://anna@127.0.0.1:1/tasks",
        "postgresql://anna@nowhere.invalid/tasks",
        "postgresql://anna:geheim@host:no-port/x",
        "postgresql://anna:geheim@h/x?nonsense=1",
    ],
)
def test_a_server_that_is_not_there_is_told_in_the_same_words(url: str) -> None:
    first, second = opening(url)

    assert first == second


@pytest.mark.parametrize(
    "more", ["nowhere", "?sslmode=require", "?sslmode=requre", "?target_session_attrs=standby"]
)
def test_a_database_that_cannot_be_had_is_told_in_the_same_words(postgres_url: str, more: str) -> None:
    first, second = opening(f"{postgres_url}{more}")

    assert first == second


@pytest.mark.parametrize(
    "change",
    [
        "insert into schema_version values (999, 0)",
        "delete from schema_version where version > 3",
        "delete from schema_version",
        "delete from task_setting",
        "drop table task_setting",
        "alter table schema_version rename version to number",
    ],
)
def test_tables_that_are_not_those_of_this_version_are_told_in_the_same_words(
    postgres_url: str, change: str
) -> None:
    ask(postgres_url, change)

    first, second = opening(postgres_url)

    assert first == second


def test_a_server_that_only_reads_can_be_read(postgres_url: str) -> None:
    reader = open_reader(f"{postgres_url}?options=-c%20default_transaction_read_only%3Don")
    assert reader is not None

    with closing(reader):
        assert [] == names(reader)
        assert not uses_psycopg(reader)
        assert "read-only transaction" in refused(reader, WRITE, name="blue")[1]


def test_a_server_that_does_not_answer_is_left_to_psycopg_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("taskrunner.db.reader.QUICK", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert open_reader(f"postgresql://anna@127.0.0.1:{silent.getsockname()[1]}/tasks") is None


def test_without_libpq_psycopg_reads(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("taskrunner.db.libpq.SYSTEM", "libpq-of-nobody.so")
    monkeypatch.setattr("taskrunner.db.libpq.BUNDLED", "nothing-of-psycopg")

    with closing(open_database(postgres_url, older=REFUSE, for_reading=True)) as database:
        assert [{"one": 1}] == database.fetch("select 1 as one", {})
        assert not isinstance(database, PostgresReader)
