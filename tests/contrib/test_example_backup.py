"""The example site's backups, made by real runs and read again."""

import json
import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.contrib.example_site import ExampleSite, ask

PAGE = 4096
OLD_BACKUPS = [f"2026-01-0{day}T03-00-00Z.db.gz" for day in range(1, 10)]


def make_old_backups(site: ExampleSite, database: str) -> None:
    folder = site.path / "backups" / database
    folder.mkdir(parents=True)
    for name in OLD_BACKUPS:
        (folder / name).touch()


def damage_a_page(database: Path) -> None:
    with database.open("r+b") as file:
        file.seek(2 * PAGE)
        file.write(b"\xff" * PAGE)


def test_every_database_of_the_site_gets_a_backup_that_is_sound(site: ExampleSite) -> None:
    site.make_database("forum.db")
    site.make_database("shop.db")
    site.run_task("activity.MeasureLoad")
    site.taskrun("cron")

    expected = ["data/activity", "data/forum", "data/shop", "state/taskrunner"]
    assert expected == site.backed_up()
    assert [["ok"]] * 4 == [ask(site.unpack(name), "pragma integrity_check") for name in expected]


def test_a_backup_holds_what_the_database_held(site: ExampleSite) -> None:
    posts = [f"post {number}" for number in range(5000)]
    site.make_database("forum.db", posts)
    site.back_up("data/forum.db")

    assert posts == ask(site.unpack("data/forum"), "select text from post order by rowid")


def test_the_backup_of_taskrunners_own_database_knows_its_tasks(site: ExampleSite) -> None:
    site.taskrun("cron")

    names = ask(site.unpack("state/taskrunner"), "select name from task_scheduled")
    assert {task["name"] for task in site.read("list")} == set(names)


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_a_database_that_is_written_to_is_backed_up_without_what_is_not_committed(
    site: ExampleSite, journal_mode: str
) -> None:
    database = site.make_database("forum.db", ["committed"])
    with closing(sqlite3.connect(database)) as connection:
        connection.execute(f"pragma journal_mode = {journal_mode}")
        connection.execute("insert into post values ('not committed')")
        run = site.back_up("data/forum.db")

    assert 0 == run.returncode
    assert ["committed"] == ask(site.unpack("data/forum"), "select text from post")


def test_a_run_says_how_large_the_database_and_its_backup_are(site: ExampleSite) -> None:
    site.make_database("forum.db")
    run = site.back_up("data/forum.db")

    (backup,) = site.backups("data/forum")
    assert "\ndata/forum.db: 8,192 bytes, integrity ok\n" in run.stdout
    assert f"\nbackups/data/forum/{backup.name}: {backup.stat().st_size} bytes\n" in run.stdout


def test_a_backup_is_as_secret_as_its_database(site: ExampleSite) -> None:
    site.make_database("forum.db").chmod(0o600)
    site.back_up("data/forum.db")

    assert [0o600] == [backup.stat().st_mode & 0o777 for backup in site.backups("data/forum")]


def test_the_newest_seven_backups_are_kept(site: ExampleSite) -> None:
    site.make_database("forum.db")
    make_old_backups(site, "data/forum")
    site.back_up("data/forum.db")

    *old, new = (backup.name for backup in site.backups("data/forum"))
    assert OLD_BACKUPS[-6:] == old
    assert new not in OLD_BACKUPS


def test_the_backups_of_another_database_are_not_counted(site: ExampleSite) -> None:
    site.make_database("forum.db")
    make_old_backups(site, "data/forum-archive")
    site.back_up("data/forum.db")

    assert OLD_BACKUPS == [backup.name for backup in site.backups("data/forum-archive")]


def test_how_many_backups_are_kept_is_a_setting(site: ExampleSite) -> None:
    site.replace_in_config("\nkeep = 7", "\nkeep = 2")
    site.make_database("forum.db")
    make_old_backups(site, "data/forum")
    site.back_up("data/forum.db")

    assert OLD_BACKUPS[-1:] == [backup.name for backup in site.backups("data/forum")][:-1]


@pytest.mark.parametrize("keep", ["0", "-1", '"7"', "1.5", "true"])
def test_a_setting_that_cannot_be_meant_deletes_no_backup(site: ExampleSite, keep: str) -> None:
    site.replace_in_config("\nkeep = 7", f"\nkeep = {keep}")
    site.make_database("forum.db")
    make_old_backups(site, "data/forum")
    run = site.back_up("data/forum.db")

    assert 1 == run.returncode
    assert "must be a whole number from 1 on" in run.stdout
    assert OLD_BACKUPS == [backup.name for backup in site.backups("data/forum")]


def test_a_damaged_database_fails_alone_and_is_tried_again(site: ExampleSite) -> None:
    site.make_database("forum.db")
    (site.path / "data" / "broken.db").write_bytes(b"this is no database, whatever its name says" * 100)
    site.run_task("activity.MeasureLoad")
    cron = site.taskrun("cron")

    failed = [(run["name"], run["message"]) for run in site.read("log", "--failed")]
    queued = ask(
        site.path / "state/taskrunner.db", "select custom_data from task_adhoc where attempts_left = 4"
    )
    message = f"BackupError: {site.path}/data/broken.db cannot be backed up: file is not a database"
    assert 0 == cron.returncode
    assert [("backup.BackupDatabase", message)] == failed
    assert [{"database": "data/broken.db"}] == [json.loads(custom_data) for custom_data in queued]
    assert ["data/activity", "data/forum", "state/taskrunner"] == site.backed_up()


def test_a_database_with_a_damaged_page_is_found_out(site: ExampleSite) -> None:
    damage_a_page(site.make_database("forum.db", [f"post {number}" for number in range(5000)]))
    run = site.back_up("data/forum.db")

    assert 1 == run.returncode
    assert f"Adhoc task failed: backup.BackupDatabase,{site.path}/data/forum.db is damaged: " in run.stdout


def test_a_failed_backup_deletes_no_older_one_and_leaves_nothing_behind(site: ExampleSite) -> None:
    damage_a_page(site.make_database("forum.db", [f"post {number}" for number in range(5000)]))
    make_old_backups(site, "data/forum")
    site.back_up("data/forum.db")

    assert OLD_BACKUPS == [backup.name for backup in site.backups("data/forum")]
    assert ["data"] == [entry.name for entry in (site.path / "backups").iterdir()]


def test_what_a_killed_run_left_half_made_is_deleted_a_day_later(site: ExampleSite) -> None:
    fresh, abandoned = (site.path / "backups" / name for name in (".making-fresh", ".making-abandoned"))
    for folder in (fresh, abandoned):
        folder.mkdir(parents=True)
        (folder / "copy.db").touch()
    os.utime(abandoned, (time.time() - 2 * 86_400,) * 2)
    site.run_task("DailyBackup")

    assert [True, False] == [fresh.exists(), abandoned.exists()]


def test_a_database_that_is_gone_fails_and_is_not_made_anew(site: ExampleSite) -> None:
    (site.path / "data").mkdir()
    run = site.back_up("data/gone.db")

    assert 1 == run.returncode
    assert "data/gone.db cannot be backed up: unable to open database file" in run.stdout
    assert [] == list((site.path / "data").iterdir())


def test_a_site_without_any_database_is_a_failure_not_a_silent_success(site: ExampleSite) -> None:
    run = site.taskrun("run-task", "DailyBackup", TASKRUN_DATABASE="sqlite:elsewhere/taskrunner.db")

    assert 1 == run.returncode
    assert f"nothing to back up: no data/*.db and no state/*.db in {site.path}\n" in run.stdout
