"""The tables of PostgreSQL: made once, as a whole or not at all, by however many processes start at once."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from taskrunner.db.postgres import open_postgres
from taskrunner.db.postgres import tables as upgrading
from taskrunner.db.sql import LOADED, load_migrations
from taskrunner.errors import SchemaMismatchError, StoreError
from tests.databases import PostgresDatabases, ask
from tests.db.conftest import OpenPostgres
from tests.patience import DEADLINE

NEWEST = load_migrations("postgres")[-1][0]
NEXT = (
    NEWEST + 1,
    "create table course (id integer primary key);\nalter table task_log add column colour text;\n",
)
BROKEN = (
    NEWEST + 2,
    "create table exam (id integer primary key);\nalter table nonsense add column a text;\n",
)
STATEMENTS = {number: re.findall(r"(?s).*?;\n", script) for number, script in load_migrations("postgres")}
"""Version -> what brings the tables there, one by one."""

VALUES = {"text": "'x'", "bigint": "7", "integer": "1", "double precision": "1.5"}
"""Type of a column -> what is put there."""

OUR_TABLES = "table_schema = 'public' and table_type = 'BASE TABLE' and table_name <> 'schema_version'"


@pytest.fixture
def empty_url(postgres_databases: PostgresDatabases) -> Iterator[str]:
    """A database without any tables."""
    server = postgres_databases.server
    yield server.create_database("empty")
    server.drop_database("empty")


SCHEMA = """
select 'column', table_name, column_name, concat_ws(' ', data_type, is_nullable, column_default)
from information_schema.columns where table_schema = 'public'
union all select 'index', tablename, indexname, indexdef from pg_indexes where schemaname = 'public'
union all select 'view', viewname, '', definition from pg_views where schemaname = 'public'
union all select 'function', proname, '', prosrc from pg_proc where pronamespace = 'public'::regnamespace
union all select 'trigger', tgrelid::regclass::text, tgname, '' from pg_trigger where not tgisinternal
order by 1, 2, 3
"""


def schema(url: str) -> list[tuple[str, ...]]:
    """Return what there is of tables, columns, indexes, views, functions, triggers."""
    return ask(url, SCHEMA)


@dataclass
class Onlooker:
    """A session that looks at a database again and again while others come and are killed."""

    session: psycopg.Connection[tuple[Any, ...]]

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        return self.session.execute(statement).fetchall()

    def fill(self) -> None:
        """Put a row into every table, with a value in every column."""
        columns: dict[str, dict[str, str]] = {}
        for table, column, kind in self.ask(
            "select table_name, column_name, data_type from information_schema.columns"
            f" join information_schema.tables using (table_schema, table_name) where {OUR_TABLES}"
            " and is_identity = 'NO'",
        ):
            columns.setdefault(table, {})[f'"{column}"'] = VALUES[kind]
        for table, row in columns.items():
            self.session.execute(f"insert into {table} ({', '.join(row)}) values ({', '.join(row.values())})")

    def rows(self) -> dict[str, list[dict[str, object]]]:
        """Return what is in every table."""
        tables = self.ask(f"select table_name from information_schema.tables where {OUR_TABLES}")
        every = " union all ".join(f"select '{table}', to_jsonb(t) from {table} t" for (table,) in tables)
        found: dict[str, list[dict[str, object]]] = {table: [] for (table,) in tables}
        for table, row in self.session.execute(every):
            found[table].append(row)
        return found


@pytest.fixture
def onlooker(empty_url: str) -> Iterator[Onlooker]:
    with closing(psycopg.connect(empty_url, autocommit=True)) as session:
        yield Onlooker(session)


def with_migrations(monkeypatch: pytest.MonkeyPatch, *more: tuple[int, str]) -> None:
    """Give the driver more migrations than there are."""
    monkeypatch.setitem(LOADED, "postgres", [*load_migrations("postgres"), *more])


def test_an_empty_database_gets_its_tables_and_an_id(empty_url: str, open_server: OpenPostgres) -> None:
    open_server(empty_url)

    assert [(NEWEST,)] == ask(empty_url, "select max(version) from schema_version")
    [(instance_id,)] = ask(empty_url, "select value from task_setting where name = 'instance_id'")
    assert 32 == len(instance_id)


def test_opening_an_up_to_date_database_writes_nothing(postgres_url: str, open_server: OpenPostgres) -> None:
    next_writer = "select pg_snapshot_xmax(pg_current_snapshot())"
    before = ask(postgres_url, next_writer)

    open_server().close()

    assert before == ask(postgres_url, next_writer)


def test_an_older_database_is_upgraded_and_keeps_its_rows_and_its_id(
    postgres_url: str, open_server: OpenPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(postgres_url, "insert into task_setting values ('colour', 'blue')")
    settings = ask(postgres_url, "select * from task_setting order by name")
    with_migrations(monkeypatch, NEXT)

    new = open_server()

    versions = [{"version": number} for number in range(1, NEWEST + 2)]
    assert versions == new.fetch("select version from schema_version order by version", {})
    assert [] == new.fetch("select colour from task_log", {})
    assert settings == ask(postgres_url, "select * from task_setting order by name")


def test_a_database_of_each_older_version_becomes_one_of_the_newest(
    empty_url: str, postgres_url: str, open_server: OpenPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as older:
        older.setitem(LOADED, "postgres", load_migrations("postgres")[:1])
        open_server(empty_url).close()
    ask(empty_url, "insert into task_setting values ('colour', 'blue')")

    open_server(empty_url)

    assert schema(postgres_url) == schema(empty_url)
    assert [("blue",)] == ask(empty_url, "select value from task_setting where name = 'colour'")


def test_kept_runs_of_before_have_no_moment_at_which_a_death_was_noticed(
    empty_url: str, open_server: OpenPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as older:
        older.setitem(LOADED, "postgres", load_migrations("postgres")[:7])
        open_server(empty_url).close()
    ask(
        empty_url,
        "insert into task_log"
        " (run_id, type, name, plugin, started_at, ended_at, outcome, output, hostname, pid)"
        " values ('RUN1', 'scheduled', 'forum.Digest', 'forum', 1, 3, 'crashed', '', 'cron1', 4711)",
    )

    open_server(empty_url)

    assert [("RUN1", 2, None)] == ask(empty_url, "select run_id, duration, noticed from v_task_log")
    assert [(None,)] == ask(empty_url, "select noticed_at from task_log")


def test_an_upgrade_that_fails_half_way_leaves_the_tables_as_they_were(
    postgres_url: str, open_server: OpenPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = schema(postgres_url)
    with_migrations(monkeypatch, NEXT, BROKEN)

    with pytest.raises(StoreError, match="nonsense"):
        open_server()

    assert before == schema(postgres_url)
    assert [(NEWEST,)] == ask(postgres_url, "select max(version) from schema_version")


def test_a_first_start_that_fails_half_way_leaves_no_tables_and_the_next_one_works(
    empty_url: str, open_server: OpenPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        with_migrations(broken, (NEWEST + 1, BROKEN[1]))
        with pytest.raises(StoreError, match="nonsense"):
            open_server(empty_url)
    left = schema(empty_url)

    open_server(empty_url)

    assert [] == left


def upgrade_and_be_killed(url: str, migrations: list[tuple[int, str]], who: str) -> int:
    """Upgrade in a process that is killed, or whose session is, when the last script is done."""
    *done, (number, script) = migrations
    if (pid := os.fork()) == 0:
        try:
            if who == "server":
                script += "select pg_terminate_backend(pg_backend_pid());"
            else:  # the clock is asked when the script is done, and the transaction is open
                upgrading.time.time = lambda: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[assignment,return-value]
            LOADED["postgres"] = [*done, (number, script)]
            open_postgres(url)
        except StoreError:
            os._exit(1)
        finally:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


KILLED = {"client": -signal.SIGKILL, "server": 1}


@pytest.mark.parametrize("who", KILLED)
def test_a_first_start_killed_at_a_statement_leaves_no_tables_and_the_next_one_works(
    empty_url: str, postgres_url: str, open_server: OpenPostgres, onlooker: Onlooker, who: str
) -> None:
    """The process is killed, or the session that works for it, after each statement."""
    statements = [text for texts in STATEMENTS.values() for text in texts]
    for number in range(1, len(statements) + 1):
        script = "".join(statements[:number])

        assert KILLED[who] == upgrade_and_be_killed(empty_url, [(1, script)], who), script
        assert [] == onlooker.ask(SCHEMA), script

    open_server(empty_url)
    assert schema(postgres_url) == schema(empty_url)


@pytest.mark.parametrize("who", KILLED)
@pytest.mark.parametrize("version", range(1, NEWEST))
def test_an_upgrade_killed_at_a_statement_leaves_the_old_tables_with_their_rows_and_the_next_one_works(
    empty_url: str,
    postgres_url: str,
    open_server: OpenPostgres,
    onlooker: Onlooker,
    monkeypatch: pytest.MonkeyPatch,
    version: int,
    who: str,
) -> None:
    done = load_migrations("postgres")[:version]
    with monkeypatch.context() as older:
        older.setitem(LOADED, "postgres", done)
        open_server(empty_url).close()
    onlooker.fill()
    before, kept = onlooker.ask(SCHEMA), onlooker.rows()
    # From the first version at each statement that follows, from the others at those that follow first.
    newest = NEWEST if version == 1 else version + 1
    statements = [
        text for number, texts in STATEMENTS.items() if version < number <= newest for text in texts
    ]
    for number in range(1, len(statements) + 1):
        script = "".join(statements[:number])

        assert KILLED[who] == upgrade_and_be_killed(empty_url, [*done, (version + 1, script)], who), script
        assert (before, kept) == (onlooker.ask(SCHEMA), onlooker.rows()), script

    open_server(empty_url)
    assert schema(postgres_url) == schema(empty_url)
    assert [(NEWEST,)] == ask(empty_url, "select max(version) from schema_version")
    for table, after in onlooker.rows().items():
        both = zip(kept.get(table, []), after, strict=True)
        assert [] == [(old, new) for old, new in both if not old.items() <= new.items()], table


@pytest.mark.parametrize("start_with", ["nothing", "the first version"])
def test_processes_that_start_at_once_upgrade_one_after_the_other(
    empty_url: str,
    postgres_url: str,
    open_server: OpenPostgres,
    monkeypatch: pytest.MonkeyPatch,
    start_with: str,
) -> None:
    if start_with == "the first version":
        with monkeypatch.context() as older:
            older.setitem(LOADED, "postgres", load_migrations("postgres")[:1])
            open_server(empty_url).close()
    script = (
        "import sys; from taskrunner.db.postgres import open_postgres\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "database = open_postgres(sys.argv[1])\n"
        "print(database.fetch('select value from task_setting', {})[0]['value'])\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, empty_url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    ends = [process.communicate(timeout=DEADLINE) for process in processes]
    told = [printed for printed, _ in ends]

    assert [""] * 4 == [said for _, said in ends]
    assert [0] * 4 == [process.returncode for process in processes]
    assert [(told[0].strip(),)] == ask(empty_url, "select value from task_setting")
    assert {told[0]} == set(told)
    assert schema(postgres_url) == schema(empty_url)
    assert [(NEWEST,)] == ask(empty_url, "select count(*) from schema_version")


def test_a_database_of_a_newer_program_is_refused(postgres_url: str, open_server: OpenPostgres) -> None:
    ask(postgres_url, f"insert into schema_version values ({NEWEST + 1}, 0)")

    with pytest.raises(SchemaMismatchError, match=f"schema version {NEWEST + 1}.*knows {NEWEST}") as refusal:
        open_server()

    assert (78, f"upgrade taskrun on this host, {os.uname().nodename}") == (
        refusal.value.exit_code,
        refusal.value.hint,
    )


@pytest.mark.parametrize(
    "theirs",
    [
        "create table schema_version (version integer)",
        "create table schema_version (colour text)",
        "create table schema_version (version integer); insert into schema_version values (1)",
    ],
)
def test_a_table_of_another_program_with_the_name_of_ours_is_refused_and_kept(
    empty_url: str, open_server: OpenPostgres, theirs: str
) -> None:
    ask(empty_url, theirs)
    before = schema(empty_url)

    with pytest.raises(SchemaMismatchError, match="belongs to another program") as refusal:
        open_server(empty_url)

    assert "schema, of its own" in (refusal.value.hint or "")
    assert before == schema(empty_url)


def test_a_table_that_is_in_the_way_is_named_and_kept(empty_url: str, open_server: OpenPostgres) -> None:
    ask(empty_url, "create table task_log (mine text)")
    before = schema(empty_url)

    with pytest.raises(SchemaMismatchError, match='"task_log" already exists, and it is not taskrunner'):
        open_server(empty_url)

    assert before == schema(empty_url)


def test_other_tables_in_the_database_are_no_matter(empty_url: str, open_server: OpenPostgres) -> None:
    ask(empty_url, "create table course (name text); insert into course values ('SQL')")

    open_server(empty_url)

    assert [("SQL",)] == ask(empty_url, "select name from course")


def test_a_schema_of_its_own_keeps_the_tables_apart(empty_url: str, open_server: OpenPostgres) -> None:
    ask(empty_url, "create schema taskrunner; create table task_log (mine text)")
    url = f"{empty_url}?options=-csearch_path%3Dtaskrunner"

    open_server(url).close()
    open_server(url)

    assert [(NEWEST,)] == ask(empty_url, "select max(version) from taskrunner.schema_version")
    assert [("mine",)] == ask(
        empty_url,
        "select column_name from information_schema.columns"
        " where table_name = 'task_log' and table_schema = 'public'",
    )


def test_tables_that_lost_their_version_are_refused(postgres_url: str, open_server: OpenPostgres) -> None:
    ask(postgres_url, "delete from schema_version")

    with pytest.raises(SchemaMismatchError, match="has lost its version or its id"):
        open_server()


@pytest.fixture
def user(postgres_databases: PostgresDatabases) -> Iterator[str]:
    """A role that may use tables, not make them."""
    server = postgres_databases.server
    ask(server.url(), "create role user_only login")
    yield "user_only"
    ask(server.url(), "drop owned by user_only; drop role user_only")


def test_a_role_that_may_not_make_the_tables_is_told_who_can(
    empty_url: str, open_server: OpenPostgres, user: str
) -> None:
    with pytest.raises(SchemaMismatchError, match="permission denied for schema public") as refusal:
        open_server(empty_url.replace("postgres@", f"{user}@"))

    assert 78 == refusal.value.exit_code
    assert "`taskrun db upgrade` as the owner of the tables" in (refusal.value.hint or "")


def test_a_role_that_may_not_change_the_tables_is_told_who_can(
    postgres_url: str, open_server: OpenPostgres, monkeypatch: pytest.MonkeyPatch, user: str
) -> None:
    ask(postgres_url, f"grant select, insert, update, delete on all tables in schema public to {user}")
    with_migrations(monkeypatch, (NEXT[0], "alter table task_log add column colour text;"))

    with pytest.raises(SchemaMismatchError, match="must be owner of table task_log") as refusal:
        open_server(postgres_url.replace("postgres@", f"{user}@"))

    assert "`taskrun db upgrade` as the owner of the tables" in (refusal.value.hint or "")
    ask(postgres_url, f"revoke all on all tables in schema public from {user}")


def test_a_role_that_may_only_use_the_tables_can_work_with_them(
    postgres_url: str, open_server: OpenPostgres, user: str
) -> None:
    ask(postgres_url, f"grant select, insert, update, delete on all tables in schema public to {user}")

    rows = open_server(postgres_url.replace("postgres@", f"{user}@")).fetch(
        "select 1 as a from task_setting", {}
    )

    assert [{"a": 1}] == rows
    ask(postgres_url, f"revoke all on all tables in schema public from {user}")


def test_a_role_that_may_not_even_read_is_told_what_it_needs(
    postgres_url: str, open_server: OpenPostgres, user: str
) -> None:
    with pytest.raises(StoreError, match="permission denied for table") as refusal:
        open_server(postgres_url.replace("postgres@", f"{user}@"))

    assert "`taskrun db grants` prints what each role needs" == refusal.value.hint
