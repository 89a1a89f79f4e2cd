"""The commands of reports: where their runs come from, and what they say of what they cannot know."""

import json
import os

import pytest

from taskrunner.db import open_database
from taskrunner.db.sql import LOADED, load_migrations
from tests.cli.program import Program
from tests.databases import ask
from tests.report.log_lines import START, Log
from tests.report.test_cli import ANOTHER, BACKUP, DIGEST

BEFORE = next(at for at, (_, script) in enumerate(load_migrations("sqlite")) if "task_cron_gap" in script)
"""How many migrations there were before the one that these tests are about."""


@pytest.fixture
def folder(tmp_path) -> Program:
    """A folder that is no site, with logs in it."""
    (tmp_path / "logs").mkdir()
    return Program(tmp_path)


def write(program: Program, name: str, text: bytes) -> None:
    file = program.root / "logs" / name
    file.write_bytes(text)
    os.utime(file, (START + 3600, START + 3600))  # long ago: nobody writes it any more


def test_files_that_are_no_cron_logs_are_named_and_counted(folder):
    write(folder, "cron_1357.log", Log().head().ok(DIGEST).end().data())
    write(folder, "passwd", b"root:x:0:0:root:/root:/bin/bash\n" * 9)

    done = folder.run("report", "import", "logs/cron_1357.log", "logs/passwd", "--sqlite", "s.db", "--json")

    found = json.loads(done.stdout)
    assert (done.returncode, found["files"], found["runs"], found["unrecognised"]) == (0, 2, 1, 1)
    assert found["unrecognised_files"] == ["logs/passwd"]
    assert "logs/passwd: this does not look like a cron log" in done.stderr


def test_where_no_file_is_a_cron_log_the_command_says_so_and_ends_with_65(folder):
    write(folder, "passwd", b"root:x:0:0:root:/root:/bin/bash\n" * 9)

    code, said = folder.refuses("report", "import", "logs/passwd", "--sqlite", "s.db")

    assert (code, "none of the files is a cron log" in said) == (65, True)


def test_a_file_made_by_an_import_may_be_deleted_and_made_again(folder):
    write(folder, "cron_1357.log", Log().head().ok(DIGEST).end().data())
    folder.prints("report", "import", "logs", "--sqlite", "s.db")
    (folder.root / "s.db").unlink()

    assert "1 new" in folder.prints("report", "import", "logs", "--sqlite", "s.db")


def test_a_process_that_died_between_tasks_is_among_the_crashes(folder):
    log = Log().head().ok(DIGEST)
    log.at += 60
    write(folder, "cron.log", log.head().ok(DIGEST).start(BACKUP).data())
    folder.prints("report", "import", "logs/cron.log", "--sqlite", "s.db")

    between, in_task = folder.reads("report", "crashes", "--from", "s.db")

    assert (between["type"], between["kind"], between["line"]) == ("cron", "died between tasks", 1)
    assert between["last_lines"] == [f"Scheduled task complete: {DIGEST}"]
    assert in_task["name"] == r"core\task\backup_task"
    assert "the cron process: died between tasks\n" in folder.prints("report", "crashes", "--from", "s.db")


def test_of_a_crash_its_bounds_are_shown(folder):
    log = Log()
    for _ in range(2):
        log.head().start(BACKUP)
        log.at += 59
    write(folder, "cron.log", log.head().end().data())
    folder.prints("report", "import", "logs/cron.log", "--sqlite", "s.db")

    first, _ = folder.reads("report", "crashes", "--from", "s.db")

    assert (first["lived"], first["lived_at_most"], first["lived_exactly"]) == (0, 59, False)
    assert "lived at least 0 s, at most 59 s" in folder.prints("report", "crashes", "--from", "s.db")


def test_stagger_needs_no_site(folder):
    for day in range(8):
        log = Log(at=START + day * 86_400 - 57 * 60 - 1).head()
        for number in range(4):
            log.at = START + day * 86_400 - 57 * 60 - 1
            log.ok(f"shop.Task{number}", 50.0)
        write(folder, f"day{day}.log", log.end().data())
    files = [f"logs/day{day}.log" for day in range(8)]
    folder.prints("report", "import", *files, "--sqlite", "s.db")

    moves = folder.reads("report", "stagger", "--from", "s.db", "--tz", "UTC")

    assert {move["schedule"] for move in moves} == {"0 13 * * *"}
    assert moves[0]["peak_after"] < moves[0]["peak_before"]
    assert folder.refuses("report", "stagger", "--from", "s.db", "--apply")[0] == 2


def test_log_files_of_taskrunner_itself_tell_no_silence(folder):
    log = Log().head().start("Send (forum.Send)").say("... run id 01JD7Q0000000000000000000A").used(1.0)
    write(folder, "cron_1357.log", log.say("Scheduled task complete: Send (forum.Send)").end().data())
    folder.prints("report", "import", "logs", "--sqlite", "s.db")

    done = folder.run("report", "gaps", "--from", "s.db")

    assert (done.returncode, done.stdout) == (0, "")
    assert "ask --from log" in done.stderr


def test_a_cron_that_starts_late_keeps_for_how_long_there_was_none(tmp_path):
    site = Program(tmp_path)
    site.configure('[tasks."core.*"]\ndisabled = true\n')
    site.write("pile", ANOTHER)
    site.run("cron")
    heartbeat = site.root / "state" / "last_cron"
    lines = heartbeat.read_text().split("\n")
    lines[0] = repr(float(lines[0]) - 2520)
    heartbeat.write_text("\n".join(lines))

    site.run("cron")
    site.run("cron")

    [gap] = site.reads("report", "gaps")
    assert gap["duration"] == pytest.approx(2520, abs=60)
    assert gap["hostname"]
    assert "cron was never silent" in site.run("report", "gaps", "--until", "2020-01-01").stderr


OLD_ROW = (
    "insert into report_task (file_id, run_number, line, type, name, title, run_id, started_at, ended_at,"
    " outcome,"
    " message, message_key, confidence, time_source, hostname, fatal, last_lines) values"
    " (1, 1, 1, 'scheduled', 'a.B', 'a', '', 100, 160, '{outcome}', '', '', 'high', 'header', '', '', '')"
)


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_ends_that_old_tables_held_for_known_become_bounds(kind, tmp_path, request, monkeypatch):
    """What was kept as the end of a crashed run was the next line of another one."""
    if kind == "sqlite":
        url = f"sqlite:{tmp_path / 'old.db'}"
    else:
        server = request.getfixturevalue("postgres_databases").server
        url = server.create_database("old_reports")
    with monkeypatch.context() as older:
        older.setitem(LOADED, kind, load_migrations(kind)[:BEFORE])
        open_database(url).close()
    for outcome in ("ok", "crashed", "running"):
        ask(url, OLD_ROW.format(outcome=outcome))

    open_database(url).close()

    rows = ask(url, "select outcome, ended_at, end_known, ended_before from report_task order by id")
    assert rows == [("ok", 160, 1, None), ("crashed", 100, 0, 160), ("running", 160, 0, None)]
    assert ask(url, "select count(*) from task_cron_gap") == [(0,)]
