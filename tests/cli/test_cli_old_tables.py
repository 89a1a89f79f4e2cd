"""Tables of the version before: what a person types to look leaves them alone, a cron upgrades them."""

import json
from contextlib import closing
from pathlib import Path

import pytest

from taskrunner import AdhocTask, queue_adhoc_task
from taskrunner.config import load_config
from taskrunner.db.sql import NOTE_INSTANCE, NOTE_VERSION, load_migrations
from taskrunner.db.sqlite.tables import split_statements
from tests.cli.program import Program
from tests.databases import ask, connect_to

NEWEST = load_migrations("sqlite")[-1][0]
READING = ("list", "show SendDigest", "why SendDigest", "log", "running", "adhoc list", "plugins", "stats")
CHANGING = ("enable Quiet", "pause", "run-task SendDigest", "adhoc queue Mail", "cron --dry-run")


def make_tables(url: str, version: int) -> None:
    """Make the tables as a program made them that knew fewer migrations."""
    dialect = "sqlite" if url.startswith("sqlite:") else "postgres"
    if dialect == "sqlite":
        Path(url.removeprefix("sqlite:")).parent.mkdir(exist_ok=True)
    with closing(connect_to(url)) as connection:
        if dialect == "postgres":
            connection.execute("drop schema public cascade")
            connection.execute("create schema public")
        scripts = [
            f"{script}\n{NOTE_VERSION[dialect].format(version=number)}"
            for number, script in load_migrations(dialect)
            if number <= version
        ]
        for script in (*scripts, NOTE_INSTANCE[dialect]):
            for statement in split_statements(script) if dialect == "sqlite" else (script,):
                connection.execute(statement)
        connection.commit()


def version_of(url: str) -> int:
    [(version,)] = ask(url, "select max(version) from schema_version")
    return int(version)


@pytest.fixture
def old(site: Program, database_url: str) -> str:
    """The URL of the site's database, whose tables are those of the version before."""
    make_tables(database_url, NEWEST - 1)
    return database_url


@pytest.mark.parametrize("command", [*READING, *CHANGING])
def test_no_command_but_cron_upgrades(site: Program, old: str, command: str) -> None:
    code, said = site.refuses(*command.split())

    assert 78 == code
    assert f"has schema version {NEWEST - 1}, this taskrun needs {NEWEST}" in said
    assert "taskrun db upgrade" in said
    assert NEWEST - 1 == version_of(old)


def test_check_and_doctor_and_db_status_say_it_and_leave_them_alone(site: Program, old: str) -> None:
    assert "this taskrun needs" in site.run("check").stdout
    assert "this taskrun needs" in json.dumps(json.loads(site.run("doctor", "--json").stdout))
    assert "older" in site.run("db", "status").stdout
    assert NEWEST - 1 == version_of(old)


@pytest.mark.parametrize("command", ["cron", "db upgrade"])
def test_cron_and_db_upgrade_upgrade(site: Program, old: str, command: str) -> None:
    site.prints(*command.split())

    assert NEWEST == version_of(old)
    site.prints("list")


class Mail(AdhocTask):
    def execute(self) -> None:
        """Do nothing."""


def test_a_program_of_the_new_version_queues_before_the_first_cron_of_it(
    site: Program, old: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = load_config(site.root / "taskrunner.toml", environ={}, cwd=site.root)
    monkeypatch.setattr("taskrunner.queueing.name_of", lambda *_: "forum.Mail")

    queue_adhoc_task(Mail(), config=config)

    assert [("forum.Mail",)] == ask(old, "select name from task_adhoc")
    assert NEWEST - 1 == version_of(old)


def test_a_new_site_is_made_by_whatever_command_comes_first(site: Program) -> None:
    site.prints("list")
