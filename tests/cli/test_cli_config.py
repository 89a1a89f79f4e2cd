"""Where the configuration comes from, and what is said when it cannot be used."""

import sqlite3
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.databases import ON_SQLITE, ask


def test_without_a_configuration_the_way_to_one_is_shown(site):
    (site.root / "taskrunner.toml").unlink()

    code, told = site.refuses("list")

    assert code == 78
    assert told.startswith("taskrun: no configuration found; looked at: ")
    assert told.endswith("\n  hint: taskrun init\n")


def test_a_wrong_key_is_named_with_the_right_one(site):
    site.configure('log_dri = "log"')

    code, told = site.refuses("cron")

    assert code == 78
    assert f"taskrunner.toml line {site.line(2)}: unknown key 'log_dri'; did you mean 'log_dir'?" in told


def test_a_configuration_that_is_no_toml_is_named_with_its_line(site):
    site.configure("timezone = ")

    code, told = site.refuses("cron")

    assert code == 78
    assert "taskrunner.toml is not valid TOML" in told and f"line {site.line(2)}" in told


def test_a_wrong_schedule_in_the_config_names_its_line(site):
    site.configure('[tasks."forum.SendDigest"]\nschedule = "*/0 * * * *"')

    code, told = site.refuses("cron")

    assert code == 78
    assert f'taskrunner.toml line {site.line(2)} ([tasks."forum.SendDigest"])' in told and "*/0" in told


@pytest.mark.parametrize("place", ["before", "after"])
def test_the_configuration_is_named_before_or_after_the_command(site, tmp_path, place):
    named = ["--config", str(tmp_path / "taskrunner.toml")]
    arguments = [*named, "list", "--json"] if place == "before" else ["list", "--json", *named]

    done = site.run(*arguments, cwd=tmp_path.parent)

    assert (done.returncode, "forum.SendDigest" in done.stdout) == (0, True)


@pytest.mark.parametrize(
    "command", ["cron", "list", "running", "stop", "resume", "plugins", "config", "log"], ids=str
)
def test_every_command_takes_the_configuration_after_its_name(site, tmp_path, command):
    done = site.run(command, "--config", str(tmp_path / "taskrunner.toml"), cwd=tmp_path.parent)

    assert (done.returncode, "Traceback" in done.stderr) == (0, False)


def test_a_named_configuration_that_is_not_there_is_refused(site):
    code, told = site.refuses("--config", "other.toml", "list")

    assert (code, told) == (78, "taskrun: other.toml does not exist\n")


def test_the_environment_names_the_configuration(site, tmp_path):
    site.environ["TASKRUN_CONFIG"] = str(tmp_path / "taskrunner.toml")

    assert site.run("list", cwd=tmp_path.parent).returncode == 0


def test_the_environment_sets_a_key(site):
    site.environ["TASKRUN_CRON__KEEP_ALIVE"] = "7"

    assert site.reads("config")[0]["cron"]["keep_alive"] == 7


def test_the_configuration_in_force_is_shown_as_toml_that_can_be_read_again(site):
    site.configure('[tasks."forum.*"]\nschedule = "11 * * * *"\n[cron]\nkeep_alive = 5')

    shown = tomllib.loads(site.prints("config"))

    assert shown["cron"]["keep_alive"] == 5
    assert shown["tasks"] == {"forum.*": {"schedule": "11 * * * *"}}


def test_secrets_are_not_shown(site):
    site.configure('[task_database]\nurl = "postgresql://me:s3cret@db/site"')

    shown = site.prints("config") + site.prints("config", "--json")

    assert "s3cret" not in shown and "me:***@db" in shown


def test_a_database_that_is_a_directory_is_named(site):
    site.configure('database = "sqlite:plugins"')

    code, told = site.refuses("cron")

    assert code == 69
    assert told.startswith(f"taskrun: database {site.root}/plugins is a directory\n  hint: ")


def test_a_database_of_another_program_is_not_touched(site):
    path = site.root / "books.db"
    with sqlite3.connect(path) as connection:
        connection.execute("create table book (title text)")
    connection.close()
    before = path.read_bytes()
    site.configure('database = "sqlite:books.db"')

    code, told = site.refuses("cron")

    assert code == 78
    assert f"database {path} belongs to another program" in told
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_not_touched(site):
    path = site.root / "notes.txt"
    path.write_text("remember the milk\n" * 100)
    site.configure('database = "sqlite:notes.txt"')

    code, told = site.refuses("cron")

    assert (code, told.count("\n")) == (69, 2)
    assert path.read_text().startswith("remember the milk\n")


def test_a_database_newer_than_the_program_is_refused(site, database_url):
    site.prints("cron")
    ask(database_url, "insert into schema_version values (99, 0)")

    code, told = site.refuses("cron")

    assert code == 78
    assert "has schema version 99" in told


@ON_SQLITE
def test_a_database_that_vanished_is_not_silently_started_anew(site):
    site.prints("cron")
    (site.root / "state" / "taskrunner.db").unlink()

    code, told = site.refuses("cron")

    assert code == 69
    assert "is gone or empty, but was there before" in told


@pytest.mark.parametrize("command", ["cron", "list"])
def test_a_state_directory_that_is_a_file_is_named(site, command):
    site.configure('state_dir = "plugins/forum.py"\ndatabase = "sqlite:taskrunner.db"')

    code, told = site.refuses(command)

    assert code == 78
    assert "state_dir" in told and "plugins/forum.py" in told


def test_a_state_directory_apart_from_the_database_is_made(site):
    site.configure('state_dir = "deep/state"\ndatabase = "sqlite:db/taskrunner.db"')

    site.prints("cron")

    assert (site.root / "deep" / "state").is_dir()


def test_where_the_log_directory_cannot_be_written_the_tasks_run_and_that_is_told_once(site):
    site.configure('log_dir = "plugins/forum.py/log"')

    done = site.run("cron")

    assert done.returncode == 78
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"taskrun: log_dir: cannot write {site.root}/plugins/forum.py/log/")
    assert {row["name"] for row in site.reads("log")} == {"forum.SendDigest", "forum.Broken"}


def test_the_current_directory_is_not_searched_for_modules(site):
    for name in ("json", "taskrunner", "click"):
        (site.root / f"{name}.py").write_text("raise SystemExit('taken')")

    done = subprocess.run(
        [Path(sys.executable).with_name("taskrun"), "list", "--json"],
        cwd=site.root,
        env=site.environment(),
        capture_output=True,
    )

    assert (done.returncode, done.stderr) == (0, b"")
