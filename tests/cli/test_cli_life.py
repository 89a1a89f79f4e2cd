"""A site over its years: nothing is lost, nothing is done twice, and doctor is content after each step."""

import json
import shutil
import time
from contextlib import closing
from pathlib import Path

from tests.cli.program import Program
from tests.cli.test_cli_old_tables import make_tables
from tests.databases import PostgresDatabases, ask, connect_to, sqlite_url

BEFORE = 6
"""The tables that the version before had."""

FORUM = """\
class SendDigest(ScheduledTask):
    schedule = "0 3 1 1 *"

    def execute(self):
        mtrace("to Ada")


class Mail(AdhocTask):
    def execute(self):
        mtrace(self.custom_data)
"""
WIKI = """\
class Prune(ScheduledTask):
    schedule = "0 4 1 1 *"

    def execute(self):
        mtrace("pruned")
"""


def fill(url: str, *, year_ahead: float) -> None:
    """Put in what the version before left: tasks with a past, one disabled by hand, a queue for tomorrow."""
    with closing(connect_to(url)) as connection:
        for name, disabled in (("forum.SendDigest", 0), ("wiki.Prune", 1)):
            connection.execute(
                "insert into task_scheduled (name, plugin, title, schedule, timezone, default_schedule,"
                " disabled, own_disabled, customised, last_run_at, last_success_at, last_outcome,"
                " next_run_at)"
                f" values ('{name}', '{name.partition('.')[0]}', 'x', '0 3 1 1 *', 'UTC', '0 3 1 1 *',"
                f" {disabled}, {disabled or 'null'}, {disabled}, 5, 5, 'ok', {year_ahead})"
            )
            for number in range(3):
                connection.execute(
                    "insert into task_log (run_id, type, name, plugin, started_at, ended_at, outcome,"
                    f" output, hostname, pid) values ('{name}{number}', 'scheduled', '{name}', 'forum',"
                    f" {number}, {number}.5, 'ok', 'kept', 'web1', 7)"
                )
        for number in range(5):
            connection.execute(
                "insert into task_adhoc (name, plugin, custom_data, identity, created_at, next_run_at,"
                f" attempts_left) values ('forum.Mail', 'forum', '{number}', 'i{number}', 1, {year_ahead},"
                " 12)"
            )
        connection.commit()


def check_all_is_there(site: Program, name: str, *, logs: int) -> None:
    """A cron does nothing that was done, all is there, and doctor is content."""
    assert "" == site.prints("cron", "--quiet")
    runs = [run for run in site.reads("log", "--limit", "1000") if not run["name"].startswith("core.")]
    assert logs == len(runs)
    queued = [row["name"] for row in site.reads("adhoc", "list")]
    assert ["forum.Mail"] * 5 == queued
    [task] = [row for row in site.reads("list") if row["name"] == name]
    assert ("ok", "1970-01-01T00:00:05+00:00") == (task["state"], task["last_run_at"])
    done = site.run("doctor")
    assert (0, "Nothing is wrong.\n") == (done.returncode, done.stdout)


def point_to(site: Program, url: str) -> None:
    file = site.root / "taskrunner.toml"
    rest = [line for line in file.read_text().splitlines() if not line.startswith("database =")]
    file.write_text("\n".join((f'database = "{url}"', *rest, "")))


def test_a_site_loses_nothing_over_its_years(tmp_path: Path, postgres_databases: PostgresDatabases) -> None:
    first = tmp_path / "first"
    first.mkdir()
    site = Program(first)
    site.configure()
    (first / "taskrunner.toml").chmod(0o600)
    site.write("forum", FORUM)
    site.write("wiki", WIKI)
    make_tables(sqlite_url(first), BEFORE)
    fill(sqlite_url(first), year_ahead=time.time() + 300 * 86_400)
    (first / "state" / "taskrunner.db").chmod(0o600)

    # upgraded
    check_all_is_there(site, "forum.SendDigest", logs=6)
    assert [True] == [row["disabled"] for row in site.reads("list") if row["name"] == "wiki.Prune"]

    # a class renamed
    site.write("forum", FORUM.replace("SendDigest", "MailDigest"))
    site.prints("rename", "SendDigest", "MailDigest")
    check_all_is_there(site, "forum.MailDigest", logs=6)

    # a plugin removed, its task forgotten
    (first / "plugins" / "wiki.py").unlink()
    site.prints("cron", "--quiet")
    assert "taskrun forget wiki.Prune" in site.run("doctor").stdout
    site.prints("forget", "wiki.Prune")
    check_all_is_there(site, "forum.MailDigest", logs=6)

    # moved to another folder
    second = tmp_path / "second"
    shutil.move(first, second)
    site = Program(second)
    check_all_is_there(site, "forum.MailDigest", logs=6)

    # to PostgreSQL
    server = postgres_databases.server
    url = server.create_database("life_of_a_site")
    said = site.prints("db", "copy", "--to", url)
    assert f'database = "{url}"' in said
    assert "paused" in site.run("check").stdout
    point_to(site, url)
    check_all_is_there(site, "forum.MailDigest", logs=6)

    # and back
    site.prints("db", "copy", "--to", "sqlite:state/back.db")
    point_to(site, "sqlite:state/back.db")
    check_all_is_there(site, "forum.MailDigest", logs=6)

    # restored from a backup that was taken meanwhile
    backup = second / "state" / "back.db"
    shutil.copy(backup, tmp_path / "backup.db")
    site.prints("adhoc", "queue", "Mail", "--data", "5", "--in", "300d")
    site.prints("cron", "--quiet")
    shutil.copy(tmp_path / "backup.db", backup)
    site.run("cron", "--quiet")  # tells that the database went back in time
    check_all_is_there(site, "forum.MailDigest", logs=6)
    server.drop_database("life_of_a_site")


def test_ids_and_moments_are_those_of_before(tmp_path: Path, postgres_databases: PostgresDatabases) -> None:
    site = Program(tmp_path)
    site.configure()
    site.write("forum", FORUM)
    make_tables(sqlite_url(tmp_path), BEFORE)
    fill(sqlite_url(tmp_path), year_ahead=time.time() + 300 * 86_400)
    site.prints("cron", "--quiet")
    before = json.dumps([site.reads("list"), site.reads("adhoc", "list")])

    with postgres_databases.new() as url:
        tables = "drop schema public cascade; create schema public"
        ask(url, tables)
        site.prints("db", "copy", "--to", url)
        point_to(site, url)
        site.prints("cron", "--quiet")

        assert before == json.dumps([site.reads("list"), site.reads("adhoc", "list")])
