"""taskrunner report, as people and programs use it."""

import csv
import io
import json
import os

import pytest

from tests.cli.program import Program
from tests.report.log_lines import START, Log

DIGEST = r"Send digests (mod_forum\task\cron_task)"
BACKUP = r"Backup (core\task\backup_task)"
REPORTS = ["failures", "threshold", "crashes", "durations", "gaps", "overlaps", "heatmap"]
ANOTHER = """\
class A(ScheduledTask):
    schedule = "0 3 * * *"

    def execute(self):
        pass


class B(ScheduledTask):
    schedule = "0 3 * * *"

    def execute(self):
        pass


class C(ScheduledTask):
    schedule = "0 3 * * *"

    def execute(self):
        pass
"""


@pytest.fixture
def site(tmp_path) -> Program:
    program = Program(tmp_path)
    program.configure('[tasks."core.*"]\ndisabled = true\n')
    program.write("pile", ANOTHER)
    return program


@pytest.fixture(scope="module")
def known(tmp_path_factory) -> Program:
    """A folder with logs of a day, read into a file of its own; its tests only read."""
    program = Program(tmp_path_factory.mktemp("known"))
    logs = program.root / "logs"
    logs.mkdir()
    for number in range(40):
        log = Log(at=START + number * 60 + (7200 if number >= 20 else 0)).head().ok(DIGEST, 0.25)
        log = log.failed(BACKUP, seconds=9.5) if number % 9 == 4 else log.ok(BACKUP, 2.0)
        if number == 39:
            log.start("a.Crash (b.<script>\x1b[2J)").say("\x1b[31mlast words")
        else:
            log.end()
        file = logs / f"cron_{13 + number // 60:02}{number % 60:02}.log"
        file.write_bytes(log.data())
        os.utime(file, (log.at + 5, log.at + 5))
    program.prints("report", "import", "logs", "--sqlite", "logs.db", "--tz", "UTC")
    return program


def test_import_says_what_it_found_and_importing_again_says_the_same(known):
    found = json.loads(known.prints("report", "import", "logs", "--sqlite", "logs.db", "--json"))

    assert (found["files"], found["runs"]) == (40, 40)
    assert found["tasks"] == {"ok": 76, "failed": 4, "crashed": 1, "cancelled": 0, "delayed": 0, "running": 0}
    assert found["files_by_news"] == {"new": 0, "grown": 0, "unchanged": 40}


def test_import_in_words(known, tmp_path):
    told = known.prints("report", "import", "logs", "--sqlite", str(tmp_path / "other.db"))

    assert told.splitlines() == [
        "40 files: 40 new",
        "40 cron processes: 39 completed, 1 truncated",
        "81 runs of tasks: 76 ok, 4 failed, 1 crashed",
    ]


def test_import_shows_its_progress_on_a_terminal(known, tmp_path):
    shown = known.shows("report", "import", "logs", "--sqlite", str(tmp_path / "other.db"))

    assert "Reading" in shown and "100%" in shown


def test_import_writes_csv_files(known, tmp_path):
    known.prints("report", "import", "logs", "--sqlite", "logs.db", "--csv", str(tmp_path / "out"))

    with (tmp_path / "out" / "tasks.csv").open(newline="") as file:
        tasks = list(csv.DictReader(file))
    with (tmp_path / "out" / "runs.csv").open(newline="") as file:
        runs = list(csv.DictReader(file))
    assert (len(tasks), len(runs)) == (81, 40)
    assert (tasks[0]["name"], tasks[0]["outcome"]) == (r"mod_forum\task\cron_task", "ok")


def test_into_the_database_of_the_site(site, known):
    site.prints("report", "import", str(known.root / "logs"))

    assert [row["name"] for row in site.reads("report", "crashes", "--from", "files")] == ["b.<script>"]
    assert site.reads("report", "crashes") == []


def test_files_not_named_like_logs_are_told_of(site, tmp_path):
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "notes.txt").touch()

    done = site.run("report", "import", "logs")

    assert "1 more file in these folders, not named like logs" in done.stderr


@pytest.mark.parametrize("report", REPORTS)
def test_every_report_is_given_as_json_csv_and_text(known, report):
    rows = known.reads("report", report, "--from", "logs.db")
    table = list(csv.DictReader(io.StringIO(known.prints("report", report, "--from", "logs.db", "--csv"))))
    done = known.run("report", report, "--from", "logs.db", "--tz", "UTC")

    assert len(table) == len(rows)
    assert not rows or list(table[0]) == [*dict.fromkeys(table[0])]
    assert done.returncode == 0 and "\x1b" not in done.stdout + done.stderr


@pytest.mark.parametrize("report", REPORTS)
def test_in_full_a_report_says_what_it_says_without(known, report):
    asked = ("report", report, "--from", "logs.db", "--tz", "UTC")

    assert known.prints(*asked, "--full") == known.prints(*asked)


@pytest.mark.parametrize("report", REPORTS)
def test_every_report_of_nothing_is_empty_and_no_error(site, report):
    assert site.reads("report", report) == []
    assert site.run("report", report).returncode == 0
    assert site.run("report", report, "--from", "files").returncode == 0


@pytest.mark.parametrize("report", REPORTS)
def test_on_a_terminal_nothing_of_a_task_is_obeyed_and_nothing_is_cut(known, report):
    shown = known.shows("report", report, "--from", "logs.db")

    assert "\x1b[2J" not in shown and "\x1b[31mlast" not in shown


def test_failures_say_how_many_and_why(known):
    [row] = [row for row in known.reads("report", "failures", "--from", "logs.db") if "backup" in row["name"]]

    assert (row["runs"], row["failed"], row["verdict"]) == (40, 4, "intermittent")
    shown = known.prints("report", "failures", "backup_task", "--from", "logs.db")
    assert shown.splitlines() == [
        r"intermittent  core\task\backup_task",
        "█▎            10 % (95 %: 4.0 % – 23 %): 4 of 40 failed; last 7 d 10 %, 28 d before –",
        "              4 times in 40 runs, never twice in a row",
        "",
    ]


def test_the_silence_is_found(known):
    [gap] = known.reads("report", "gaps", "--from", "logs.db")

    assert gap["duration"] == pytest.approx(7260 - 2.25, abs=1)
    assert gap["last_line"].startswith("Cron completed at ")


def test_crashes_show_the_last_words_and_where(known):
    shown = known.prints("report", "crashes", "--from", "logs.db", "--tz", "UTC")

    assert "b.<script>: no message\n" in shown
    assert "  | last words\n" in shown
    assert "lived at least 5 s" in shown and "14.8 MB at its start" in shown


@pytest.mark.parametrize(
    ("options", "runs"),
    [
        (("--since", "2026-11-20T15:00:00Z"), 20),
        (("--until", "2026-11-20T15:00:00Z"), 20),
        (("--since", "2026-11-20T15:00", "--tz", "Europe/Paris"), 37),
        (("--since", "2026-11-21"), 0),
    ],
)
def test_a_time_can_be_chosen(known, options, runs):
    rows = known.reads("report", "failures", "--from", "logs.db", "--task", "backup_task", *options)

    assert sum(row["runs"] for row in rows) == runs


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        (("--from", "nothing.db"), 69, "taskrun: there is no file nothing.db"),
        (("--from", "logs.db", "--task", "backup_taks"), 65, "did you mean core\\task\\backup_task?"),
        (("--from", "logs.db", "--since", "soon"), 2, "cannot be read as a time"),
        (("--from", "logs.db", "--tz", "Mars"), 65, "timezone: 'Mars' is not known"),
    ],
)
def test_what_cannot_be_meant_is_refused(known, options, code, told):
    found = known.refuses("report", "failures", *options)

    assert (found[0], told in found[1]) == (code, True)


@pytest.mark.parametrize(
    ("path", "file", "code"), [("missing.log", "x.db", 1), ("logs", "logs/cron_1300.log", 69)]
)
def test_what_cannot_be_read_or_written_is_refused(known, path, file, code):
    assert known.refuses("report", "import", path, "--sqlite", file)[0] == code


def test_the_page_is_written(known):
    told = known.prints("report", "html", "page.html", "--from", "logs.db", "--tz", "UTC")

    text = (known.root / "page.html").read_text("utf-8")
    assert told == "wrote page.html\n"
    assert text.startswith("<!DOCTYPE html>\n") and "&lt;script&gt;" in text


def test_the_page_cannot_be_written_everywhere(known):
    assert known.refuses("report", "html", "no/page.html", "--from", "logs.db")[0] == 1


def test_stagger_prints_lines_that_schedule_accepts_and_lowers_the_peak(site):
    moves = site.reads("report", "stagger")
    shown = site.prints("report", "stagger")

    lines = [line for line in shown.splitlines() if line.startswith("taskrun ")]
    assert len(lines) == len(moves) > 0
    assert moves[0]["peak_after"] < moves[0]["peak_before"]
    for line, move in zip(lines, moves, strict=True):
        command, _, _ = line.partition("  #")
        assert command == move["command"] == f'taskrun schedule {move["name"]} "{move["new_schedule"]}"'
        site.prints("schedule", move["name"], move["new_schedule"])
    assert site.reads("report", "stagger") == []


def test_stagger_asks_before_it_applies(site):
    site.run("report", "stagger", "--apply", input="n\n")
    before = [row["customised"] for row in site.reads("list", "--plugin", "pile")]

    site.run("report", "stagger", "--apply", input="y\n")
    after = [row["customised"] for row in site.reads("list", "--plugin", "pile")]

    assert (any(before), any(after)) == (False, True)
    assert {row["schedule"].partition(" ")[2] for row in site.reads("list", "--plugin", "pile")} == {
        "3 * * *"
    }


def test_stagger_leaves_alone_what_the_configuration_decides(site):
    site.configure('[tasks."pile.*"]\nschedule = "0 3 * * *"\n[tasks."core.*"]\ndisabled = true\n')

    assert site.reads("report", "stagger") == []


def test_stagger_may_change_the_hour_within_a_window(site):
    assert site.refuses("report", "stagger", "--window", "25")[0] == 2

    assert site.prints("report", "stagger", "--window", "22-4")
