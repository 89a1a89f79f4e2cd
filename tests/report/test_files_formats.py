"""What stands around the lines of a log is taken off, and a file in which nothing is understood is named."""

import os
from collections import Counter
from datetime import UTC

import pytest

from taskrunner.report.ingest import Importer
from taskrunner.store import Store
from tests.report.dresses import DRESSES
from tests.report.log_lines import START, Log, parse

NAME = r"Tâches (régulières), à l’heure (mod_forum\task\cron_task)"


def log_of_a_day() -> Log:
    """Two processes: one that ends well after a failure of several lines, one that dies in a task."""
    log = Log().head().ok(NAME, 2.5).failed("Sauvegarde (backup.Course)", "disk <full> & 'broken'\nline two")
    log.say("Backtrace:", "* line 12 of /lib/x.php: call to f()").ok("backup.Course", 1.0, adhoc_id=7).end()
    log.at += 60
    return log.head().ok(NAME, 1.5).start("Kaputt (a.Dies)").say("half way", "PHP Fatal error:  Uncaught x")


def told_by(dress: str):
    text = log_of_a_day().data().decode()
    if dress == "Latin-1":
        text = text.replace("’", "'")
    return parse_text(DRESSES[dress](text))


def parse_text(data: bytes):
    from taskrunner.report.files import text_lines

    return parse(b"".join(text_lines(data)), changed_at=START + 3600)


@pytest.mark.parametrize("dress", [dress for dress in DRESSES if dress != "Latin-1"])
def test_a_log_tells_the_same_in_every_dress(dress):
    plain, told = told_by("plain"), told_by(dress)

    assert told.outcomes() == plain.outcomes()
    assert told.states() == plain.states() == ["completed", "truncated"]
    assert [task.message for task in told.tasks] == [task.message for task in plain.tasks]
    assert [task.title for task in told.tasks] == [task.title for task in plain.tasks]
    closed = [task for task in told.tasks if task.outcome != "crashed"]
    assert [round(task.duration, 2) for task in closed] == [2.5, 1.0, 1.0, 1.5]
    pairs = zip(told.tasks, plain.tasks, strict=True)
    assert all(abs(task.started_at - other.started_at) < 5 for task, other in pairs)
    [crash] = [task for task in told.tasks if task.outcome == "crashed"]
    assert crash.fatal == "fatal error"
    assert crash.last_lines.splitlines() == ["half way", "PHP Fatal error:  Uncaught x"]


def test_latin_1_is_read_as_what_it_is():
    told = told_by("Latin-1")

    assert told.tasks[0].title == "Tâches (régulières), à l'heure"


@pytest.mark.parametrize("dress", ["journald", "HOST:PID", "journald, short-iso", "HOST:PID and a time"])
def test_host_and_process_are_those_of_the_prefix(dress):
    assert {(task.hostname, task.pid) for task in told_by(dress).tasks} == {("web1", 4711)}


def test_a_prefix_of_another_host_is_learned_at_its_header():
    log = Log().head().ok(NAME).end()
    first = "".join(f"Nov 20 13:57:01 web php[1]: {line}\n" for line in log.lines)
    second = "".join(f"Nov 20 13:58:01 db php[2]: {line}\n" for line in log.lines)

    told = parse((first + "Nov 20 13:57:59 web sshd[99]: Accepted publickey\n" + second).encode())

    assert told.states() == ["completed"] * 2
    assert {task.hostname for task in told.tasks} == {"web", "db"}


def test_lines_of_other_programs_between_are_nobodys():
    log = Log().head().start(NAME)
    lines = [f"cron-1  | {line}" for line in log.lines]
    lines += ["db-1  | Scheduled task complete: " + NAME, "cron-1  | at work"]

    [task] = parse("".join(f"{line}\n" for line in lines).encode()).tasks

    assert (task.outcome, task.last_lines.splitlines()[-1]) == ("crashed", "at work")


def test_what_a_task_prints_teaches_no_prefix():
    log = Log().head().start(NAME).say(f"mail: Execute scheduled task: {NAME}", "mail: x").used(1.0)
    log.say(f"Scheduled task complete: {NAME}").end()

    assert parse(log).outcomes() == [(r"mod_forum\task\cron_task", "ok")]


def test_a_failure_is_one_whether_or_not_only_its_line_is_coloured():
    log = (
        Log()
        .head()
        .start(NAME)
        .used(1.0)
        .say(f"\x1b[31mScheduled task failed: {NAME},disk is full\x1b[0m")
        .end()
    )

    [task] = parse(log).tasks

    assert (task.outcome, task.message) == ("failed", "disk is full")


def test_a_line_break_of_html_ends_a_closing_line():
    log = Log().head().start(NAME).used(1.0).say(f"Scheduled task complete: {NAME}<br />").end()

    assert parse(log).outcomes() == [(r"mod_forum\task\cron_task", "ok")]


def test_progress_that_is_written_over_hides_no_closing_line():
    log = Log().head().start(NAME).used(1.0).say(f"10 %\r50 %\rScheduled task complete: {NAME}").end()

    assert parse(log).outcomes() == [(r"mod_forum\task\cron_task", "ok")]


def test_the_header_of_a_log_without_offsets_is_that_of_the_second_pass_where_the_file_says_so():
    from zoneinfo import ZoneInfo

    paris, first = ZoneInfo("Europe/Paris"), 1792888200.0  # 25 October 2026, 02:30, for the first time

    for passed in (0.0, 3600.0):
        text = b"Server Time: Sun, 25 Oct 2026 02:30:00 -0000\nCron run completed correctly\n"
        [run] = parse(text, zone=paris, changed_at=first + passed + 5).runs
        assert run.started_at == first + passed


NO_LOGS = {
    "passwd": b"root:x:0:0:root:/root:/bin/bash\nwww-data:x:33:33::/var/www:/usr/sbin/nologin\n" * 20,
    "access.log": b'::1 - - [20/Nov/2026:13:57:01 +0000] "GET / HTTP/1.1" 200 5\n' * 50,
    "picture.log": bytes(range(256)) * 100,
    "prose.txt": "Der Cron läuft jede Minute; Server Time: keine.\n".encode() * 10,
    "values.json": b'{"a": 1}\n{"log": 3}\n',
}


@pytest.mark.parametrize("name", NO_LOGS)
def test_a_file_that_is_no_cron_log_is_named_and_makes_no_process(store: Store, tmp_path, name):
    file = tmp_path / name
    file.write_bytes(NO_LOGS[name])

    importer = Importer(store, zone=UTC, now=START, is_at_work=lambda pid, _at: False)
    tally = importer.read_all([file], progress=lambda: None)

    assert (tally.unrecognised, tally.files, tally.states) == ([file], Counter(), Counter())
    assert list(store.reports.runs(since=0, until=1e15)) == []


def test_a_cron_log_with_nothing_but_a_fatal_error_is_a_process_that_died(store: Store, tmp_path):
    file = tmp_path / "cron_1357.log"
    file.write_bytes(b"PHP Fatal error:  Uncaught dml_connection_exception\n")
    os.utime(file, (START + 5, START + 5))

    importer = Importer(store, zone=UTC, now=START + 900, is_at_work=lambda pid, _at: False)
    importer.read_all([file], progress=lambda: None)

    [run] = store.reports.runs(since=0, until=1e15)
    assert (run.state, run.last_line) == ("truncated", "PHP Fatal error:  Uncaught dml_connection_exception")
