"""The tables: made once, as a whole or not at all, by however many processes start at once."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from taskrunner.db import Row
from taskrunner.db import sqlite as driver
from taskrunner.db.sql import LOADED, load_migrations
from taskrunner.db.sqlite import SqliteDatabase, open_sqlite
from taskrunner.db.sqlite.tables import instance_id_file, split_statements
from taskrunner.errors import StoreError
from tests.db.conftest import Open
from tests.patience import DEADLINE

NEWEST = load_migrations("sqlite")[-1][0]
NEXT = (
    NEWEST + 1,
    "create table course (id integer primary key);\nalter table task_log add column colour text;\n",
)
BROKEN = (
    NEWEST + 2,
    "create table exam (id integer primary key);\nalter table nonsense add column a text;\n",
)

INTERFACE = {
    "task_scheduled": "name plugin schedule default_schedule own_schedule disabled default_disabled"
    " own_disabled customised last_run_at last_success_at last_outcome next_run_at fail_delay failing_since"
    " failures"
    " runner_id run_id started_at hostname pid",
    "task_adhoc": "id name plugin custom_data user identity created_at next_run_at fail_delay attempts_left"
    " first_started_at runner_id run_id started_at hostname pid",
    "task_log": "id run_id type name plugin adhoc_id user due_at started_at ended_at outcome message output"
    " log_file db_reads db_writes cpu_seconds max_rss attempt hostname pid",
    "task_runner": "id hostname pid started_at log_file",
    "task_setting": "name value",
    "schema_version": "version",
}
"""The tables of interface.md, with the columns it names."""


def schema(path: Path) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("select name, sql from sqlite_master order by name").fetchall()


def with_migrations(monkeypatch: pytest.MonkeyPatch, *more: tuple[int, str]) -> None:
    """Give the driver more migrations than there are."""
    monkeypatch.setitem(LOADED, "sqlite", [*load_migrations("sqlite"), *more])


@pytest.mark.parametrize("table", INTERFACE)
def test_the_tables_have_the_columns_of_the_interface(open_file: Open, table: str) -> None:
    columns = {row["name"] for row in open_file().fetch(f"pragma table_info({table})", {})}

    assert set() == set(INTERFACE[table].split()) - columns


@pytest.mark.parametrize("view", ["v_task_log", "v_task_running", "v_task_scheduled", "v_task_adhoc"])
def test_there_are_views_for_people(open_file: Open, view: str) -> None:
    assert [] == open_file().fetch(f"select * from {view}", {})


def test_the_views_show_moments_as_times(open_file: Open) -> None:
    database = open_file()
    database.fetch(
        "insert into task_adhoc (name, plugin, custom_data, identity, created_at, next_run_at, attempts_left,"
        " run_id, started_at) values ('a.B', 'a', 'null', 'x', 0, 86400.5, 1, 'R', 1800000000)",
        {},
    )

    (queued,) = database.fetch("select created, next_run, started from v_task_adhoc", {})
    (running,) = database.fetch("select started from v_task_running", {})

    expected = {"created": "1970-01-01 00:00:00", "next_run": "1970-01-02 00:00:00"}
    assert expected | {"started": "2027-01-15 08:00:00"} == queued
    assert {"started": "2027-01-15 08:00:00"} == running


def test_migrations_are_numbered_without_a_gap() -> None:
    versions = [version for version, _ in load_migrations("sqlite")]

    assert list(range(1, len(versions) + 1)) == versions


def test_the_version_of_the_tables_is_noted(open_file: Open) -> None:
    noted = open_file().fetch("select version from schema_version", {})

    assert [{"version": version} for version, _ in load_migrations("sqlite")] == noted


def test_opening_an_up_to_date_database_writes_nothing(path: Path, open_file: Open) -> None:
    open_file().close()
    before = (path.read_bytes(), path.stat().st_mtime_ns, sorted(os.listdir(path.parent)))

    open_file().close()

    assert before == (path.read_bytes(), path.stat().st_mtime_ns, sorted(os.listdir(path.parent)))


def test_an_older_database_is_upgraded_and_keeps_its_rows_and_its_id(
    path: Path, open_file: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = open_file()
    settings = old.fetch("select * from task_setting", {})
    old.close()
    with_migrations(monkeypatch, NEXT)

    new = open_file()

    versions = [{"version": number} for number in range(1, NEWEST + 2)]
    assert versions == new.fetch("select version from schema_version", {})
    assert [] == new.fetch("select colour from task_log", {})
    assert settings == new.fetch("select * from task_setting", {})


def test_kept_runs_of_before_have_no_moment_at_which_a_death_was_noticed(
    path: Path, open_file: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as older:
        older.setitem(LOADED, "sqlite", load_migrations("sqlite")[:7])
        old = open_file()
    old.fetch(
        "insert into task_log"
        " (run_id, type, name, plugin, started_at, ended_at, outcome, output, hostname, pid)"
        " values ('RUN1', 'scheduled', 'forum.Digest', 'forum', 1, 3, 'crashed', '', 'cron1', 4711)",
        {},
    )
    old.close()

    new = open_file()

    [run] = new.fetch("select * from v_task_log", {})
    assert ("RUN1", 2, None) == (run["run_id"], run["duration"], run["noticed"])
    assert [{"noticed_at": None}] == new.fetch("select noticed_at from task_log", {})


def test_an_older_database_that_is_not_the_known_one_is_refused_before_it_is_upgraded(
    tmp_path: Path, path: Path, open_file: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_file().close()
    open_file(tmp_path / "other.db").close()
    (tmp_path / "other.db").replace(path)
    before = schema(path)
    with_migrations(monkeypatch, NEXT)

    with pytest.raises(StoreError, match="is not the one that was used before"):
        open_file()

    assert before == schema(path)


def test_an_upgrade_that_fails_half_way_leaves_the_tables_as_they_were(
    path: Path, open_file: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_file().close()
    before = schema(path)
    with_migrations(monkeypatch, NEXT, BROKEN)

    with pytest.raises(StoreError, match="nonsense"):
        open_file()

    assert before == schema(path)


def test_a_first_start_that_fails_half_way_leaves_no_tables_and_the_next_one_works(
    path: Path, open_file: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        with_migrations(broken, (NEWEST + 1, BROKEN[1]))
        with pytest.raises(StoreError, match="nonsense"):
            open_file()
    left = (schema(path), Path(instance_id_file(path)).exists())

    open_file()

    assert ([], False) == left
    assert Path(instance_id_file(path)).exists()


STATEMENTS = sum(len(split_statements(script)) for _, script in load_migrations("sqlite"))


@pytest.mark.parametrize("number", [1, 2, STATEMENTS // 2, STATEMENTS])
def test_a_first_start_killed_at_a_statement_leaves_no_tables_and_the_next_one_works(
    tmp_path: Path, path: Path, open_file: Open, number: int
) -> None:
    """The migration ends with SIGKILL after its statement of that number."""
    script = (
        "import itertools, os, sys; from taskrunner.db.sqlite import open_sqlite, tables\n"
        "split, numbers = tables.split_statements, itertools.count(1)\n"
        "def killing(script):\n"
        "    for statement in split(script):\n"
        "        yield statement\n"
        f"        if next(numbers) == {number}: os.kill(os.getpid(), 9)\n"
        "tables.split_statements = killing\n"
        "open_sqlite(sys.argv[1])\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(path)], check=False, timeout=DEADLINE)

    left = schema(path)
    open_file()
    open_file(tmp_path / "unharmed.db")

    assert -signal.SIGKILL == killed.returncode
    assert [] == left
    assert schema(tmp_path / "unharmed.db") == schema(path)


def test_processes_that_start_at_once_make_one_database(path: Path, open_file: Open) -> None:
    script = (
        "import sys; from taskrunner.db.sqlite import open_sqlite\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "database = open_sqlite(sys.argv[1])\n"
        "print(database.fetch('select value from task_setting', {})[0]['value'])\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(6)
    ]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    told = [process.communicate(timeout=DEADLINE)[0] for process in processes]

    assert [0] * 6 == [process.returncode for process in processes]
    assert {Path(instance_id_file(path)).read_text()} == set(told)


@pytest.mark.parametrize("after", range(4))
def test_a_start_that_another_overtakes_between_two_statements_finds_its_tables(
    path: Path, open_file: Open, after: int
) -> None:
    """What in `test_processes_that_start_at_once_make_one_database` happens now and then."""

    class Overtaken(SqliteDatabase):
        fetched = 0

        def fetch(self, sql: str, parameters: Mapping[str, object]) -> list[Row]:
            if self.fetched == after:
                open_file()
            self.fetched += 1
            return super().fetch(sql, parameters)

    database = Overtaken(path)
    database.prepare()
    instance_id = database.fetch("select value from task_setting", {})
    database.close()

    assert [{"value": Path(instance_id_file(path)).read_text().strip()}] == instance_id


def test_a_start_that_another_overtakes_before_it_looks_at_the_id_finds_its_tables(
    path: Path, open_file: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = driver.check_instance_id
    overtaking: list[Callable[[], object]] = [open_file]

    def overtaken(path: Path, instance_id: str | None) -> None:
        while overtaking:
            overtaking.pop()()
        check(path, instance_id)

    monkeypatch.setattr(driver, "check_instance_id", overtaken)

    open_sqlite(str(path)).close()

    assert [] == overtaking


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("", []),
        ("create table a (b);", ["create table a (b);"]),
        (
            "create table a (\n  b\n);\n\n-- next\ncreate table c (d);\n",
            ["create table a (\n  b\n);", "-- next\ncreate table c (d);"],
        ),
        (
            "create trigger t after insert on a begin\n  delete from a;\n  delete from c;\nend;\nselect 1;",
            [
                "create trigger t after insert on a begin\n  delete from a;\n  delete from c;\nend;",
                "select 1;",
            ],
        ),
        ("insert into a values (';');\nselect 1;", ["insert into a values (';');", "select 1;"]),
    ],
)
def test_a_script_is_split_into_its_statements(script: str, expected: list[str]) -> None:
    assert expected == split_statements(script)


def test_a_last_statement_without_its_semicolon_is_not_lost() -> None:
    try:
        statements = split_statements("create table a (b);\ncreate table c (d)\n")
    except ValueError:
        return

    assert ["create table a (b);", "create table c (d)"] == statements
