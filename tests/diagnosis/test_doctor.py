"""doctor: each thing that is wrong is found, with what to type next."""

import os
import time
from contextlib import closing

import pytest

from taskrunner.config import load_config
from taskrunner.db import open_database
from taskrunner.db.postgres.tables import postgres_health
from taskrunner.db.sqlite.connect import open_connection
from taskrunner.db.sqlite.health import sqlite_health
from taskrunner.diagnosis.doctor import diagnose, uncompiled
from tests.databases import ON_POSTGRES, ON_SQLITE, ask
from tests.diagnosis.test_why_scheduled import asked
from tests.runner.runner_site import scheduled


def found(site, **environ):
    config = load_config(site.root / "taskrunner.toml", environ=environ, cwd=site.root)
    return {(one.area, one.message): one.hint for one in diagnose(config, clock=site.clock)}


def messages_in(site, area, **environ):
    return [message for (of_area, message) in found(site, **environ) if of_area == area]


@pytest.fixture
def site(make_site):
    """A site that is well: a cron has started."""
    site = make_site(plugins={"forum": scheduled("Digest")})
    site.configure()
    (site.root / "taskrunner.toml").chmod(0o600)
    asked(site, after=0)
    return site


@ON_SQLITE
def test_nothing_is_found_where_nothing_is_wrong(site):
    site.configure(core_disabled=False)

    assert {} == {what: hint for what, hint in found(site).items() if what[0] != "program"}


@ON_SQLITE
def test_a_password_that_everybody_can_read_is_found(site):
    site.configure('[task_database]\nurl = "postgresql://me:s3cret@127.0.0.1:1/x"')
    (site.root / "taskrunner.toml").chmod(0o644)

    assert [f"{site.root}/taskrunner.toml holds a password and can be read by everybody"] == messages_in(
        site, "config"
    )


def test_a_plugin_error_has_file_and_line(site):
    path = site.root / "plugins" / "broken.py"
    path.write_text("x = 1\nimport nowhere\n")
    path.chmod(0o644)

    findings = found(site)

    assert f"$EDITOR +2 {path}" in findings.values()


def test_a_plugin_directory_that_is_not_there_is_found(site):
    environ = {"TASKRUN_PLUGIN_DIRS": f"{site.root}/plugins:{site.root}/more"}

    assert f"mkdir {site.root}/more" in found(site, **environ).values()


def test_a_schedule_that_never_matches_is_found(site):
    site.elsewhere(
        "update task_scheduled set own_schedule = '0 0 31 2 *', customised = 1 where name = 'forum.Digest'"
    )
    site.configure("[schedule]\nsalt = 'another'")
    (site.root / "taskrunner.toml").chmod(0o600)

    findings = found(site)

    assert "taskrun schedule forum.Digest --reset" in findings.values()


def test_a_schedule_of_the_config_that_never_matches_is_found(site):
    site.configure('[tasks."forum.Digest"]\nschedule = "0 0 31 2 *"')
    (site.root / "taskrunner.toml").chmod(0o600)

    (message,) = messages_in(site, "config")

    assert "taskrunner.toml line" in message


def test_a_section_that_matches_no_task_is_found(site):
    site.configure('[tasks."forum.Digset"]\ndisabled = true')
    (site.root / "taskrunner.toml").chmod(0o600)

    (message,) = messages_in(site, "config")

    assert "matches no task; did you mean" in message


def test_a_command_that_is_not_there_is_found(site):
    site.configure('[notify]\ncommand = ["/nowhere/tell"]')
    (site.root / "taskrunner.toml").chmod(0o600)

    assert ["[notify] command: /nowhere/tell is not a program that can be run"] == messages_in(site, "config")


def test_a_crontab_without_the_line_is_found(make_site):
    site = make_site(plugins={"forum": scheduled("Digest")})

    (message,) = messages_in(site, "cron")

    assert message.startswith("no cron has ever started")


@ON_SQLITE
def test_a_database_that_is_a_folder_is_found(site):
    environ = {"TASKRUN_DATABASE": f"sqlite:{site.root}"}

    assert [f"database {site.root} is a directory"] == messages_in(site, "database", **environ)


def test_a_server_that_does_not_answer_is_found(site):
    (message,) = messages_in(site, "database", TASKRUN_DATABASE="postgresql://me@127.0.0.1:1/x")

    assert "127.0.0.1:1" in message


@ON_POSTGRES
def test_the_time_that_an_application_takes_to_be_imported_is_no_difference_of_clocks(site):
    began_at = time.time()
    config = load_config(site.root / "taskrunner.toml", environ={}, cwd=site.root)
    told = iter([began_at - 60])

    findings = diagnose(config, clock=lambda: next(told, time.time()))

    assert [] == [one.message for one in findings if "the clock of this host" in one.message]


@ON_POSTGRES
def test_a_clock_that_differs_from_that_of_the_database_is_found(site):
    assert any(
        message.startswith("the clock of this host is ")
        and message.endswith(" s ahead of that of the database")
        for message in messages_in(site, "database")
    )


@ON_SQLITE
def test_a_log_folder_that_is_a_file_is_found(site):
    (site.root / "log").write_text("")

    assert [f"log_dir: {site.root}/log is not a folder"] == messages_in(site, "files")


@ON_SQLITE
def test_a_database_file_that_others_may_write_is_found(site):
    path = site.root / "state" / "taskrunner.db"
    path.chmod(0o666)

    assert [f"chmod go-w {path}"] == [finding.hint for finding in sqlite_health(str(path))]


@ON_SQLITE
def test_a_journal_that_can_lose_commits_is_found(site, monkeypatch):
    path = site.root / "state" / "taskrunner.db"
    monkeypatch.setattr("taskrunner.db.sqlite.health.wal_is_safe", lambda version: False)
    with closing(open_connection(path)) as connection:  # else the program would end it
        connection.execute("pragma journal_mode = wal")
        connection.execute("select * from task_setting").fetchall()

        assert [f"sqlite3 {path} 'pragma journal_mode = delete'"] == [
            finding.hint for finding in sqlite_health(str(path))
        ]


def test_a_young_snapshot_is_no_finding(postgres_url):
    assert [] == postgres_health(postgres_url)


def test_modules_without_bytecode_are_found(tmp_path):
    files = []
    for number in range(5):
        files.append(str(tmp_path / f"module_{number}.py"))
        (tmp_path / f"module_{number}.py").write_text("")

    (finding,) = uncompiled(files, tmp_path)

    assert finding.message.startswith("5 of 5 modules in use have no .pyc")
    assert finding.hint.endswith(f"-m compileall -q {tmp_path}")
    assert [] == uncompiled([os.__file__] * 5, tmp_path)


def test_a_database_that_can_be_read_and_not_written_is_found(site, database_kind):
    refuse = (
        "create trigger full before insert on task_setting begin select raise(abort, 'no room'); end"
        if database_kind == "sqlite"
        else "alter table task_setting add constraint no_room check (name <> 'checked_at')"
    )
    before = [message for message in messages_in(site, "database") if "written" in message]
    site.elsewhere("delete from task_setting where name = 'checked_at'")
    site.elsewhere(refuse)

    found = [message for message in messages_in(site, "database") if "written" in message]

    assert [] == before
    assert found[0].startswith("it cannot be written: database ")


# The locks


@ON_POSTGRES
def test_a_lock_database_that_does_not_answer_is_found(site):
    site.configure('lock_database = "postgresql://postgres@127.0.0.1:1/locks"')

    assert "postgresql://postgres@127.0.0.1:1/locks: Connection refused" in messages_in(site, "locks")[0]


@ON_POSTGRES
def test_a_lock_database_that_is_another_one_is_found(site, postgres_databases):
    other = postgres_databases.server.create_database("without_tables")
    site.configure(f'lock_database = "{other}"')
    of_an_empty_one = messages_in(site, "locks")
    tables = ask(other, "select tablename from pg_tables where tablename like 'task%'")
    open_database(other).close()
    of_another = messages_in(site, "locks")
    site.configure(f'lock_database = "{site.url}"')

    assert of_another == of_an_empty_one
    assert "lock_database is another database than `database`" in of_another[0]
    assert [] == messages_in(site, "locks")
    assert [] == tables
    postgres_databases.server.drop_database("without_tables")
