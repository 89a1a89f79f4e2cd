"""check, doctor, why, stats, log export: the real program, its exit codes, what it prints."""

import csv
import io
import sqlite3
from contextlib import closing

from prometheus_client import parser


def test_check_says_ok_and_ends_with_0(site):
    site.prints("cron")
    site.configure("[check]\nfail_delay_warning = 9999")

    first, *rest = site.prints("check").splitlines()

    assert "OK: 17 checks" == first
    assert 17 == len(rest)


def test_check_ends_with_1_for_a_warning(site):
    site.prints("cron")
    site.prints("pause", "--reason", "new disk")

    done = site.run("check")

    assert 1 == done.returncode
    assert done.stdout.startswith("WARNING: pause: cron has been paused for ")


def test_check_ends_with_2_where_no_cron_ever_started(site):
    done = site.run("check")

    assert 2 == done.returncode
    assert done.stdout.startswith("CRITICAL: cron: no cron has ever started")


def test_check_ends_with_3_where_it_cannot_look(site):
    site.configure("nonsense = 1")

    done = site.run("check")

    assert (3, "") == (done.returncode, done.stderr)
    assert done.stdout.startswith("UNKNOWN: configuration: taskrunner.toml")


def test_check_prints_json(site):
    done = site.run("check", "--json")

    assert 2 == done.returncode
    assert '"level": "critical"' in done.stdout


def test_check_prints_metrics_that_prometheus_reads(site):
    site.prints("cron")

    families = list(parser.text_string_to_metric_families(site.run("check", "--prometheus").stdout))

    assert "taskrun_check_status" in {family.name for family in families}


def test_check_writes_metrics_into_a_file(site):
    site.prints("cron")

    assert "" == site.run("check", "--prometheus", "taskrun.prom").stdout
    assert "# TYPE taskrun_database_up gauge" in (site.root / "taskrun.prom").read_text()


def test_doctor_shows_each_finding_with_what_mends_it(site):
    path = site.write("broken", "import nowhere\n", preamble="")

    done = site.run("doctor")

    assert 1 == done.returncode
    assert f"plugins: {path}:1: ModuleNotFoundError: No module named 'nowhere'\n" in done.stdout
    assert f"  hint: $EDITOR +1 {path}\n" in done.stdout


def test_why_says_what_keeps_a_task(site):
    shown = site.prints("why", "Quiet")

    assert shown.startswith("forum.Quiet does not run now:\n  disabled: it is disabled, by its plugin\n")
    assert "taskrun enable forum.Quiet" in shown


def test_why_prints_json(site):
    gates = {row["gate"]: row for row in site.reads("why", "Quiet")}

    assert (False, "forum.Quiet") == (gates["disabled"]["open"], gates["disabled"]["task"])
    assert "taskrun enable forum.Quiet" == gates["disabled"]["hint"]


def test_why_of_a_queued_task(site):
    task_id = site.prints("adhoc", "queue", "Mail", "--in", "2h").strip()

    assert site.prints("why", task_id).startswith(
        f"forum.Mail {task_id} does not run now:\n  due: not before "
    )


def test_what_a_plugin_prints_when_it_is_asked_does_not_spoil_the_answer(site):
    site.write(
        "loud",
        "print('hello')\nclass Task(ScheduledTask):\n    schedule = '@daily'\n    def execute(self): pass\n",
    )
    site.prints("list")

    rows = site.reads("why", "loud.Task")

    assert "is_runnable" in {row["gate"] for row in rows}


def test_stats_of_one_task(site):
    for _ in range(6):
        site.run("run-task", "Broken")

    (row,) = site.reads("stats", "Broken")
    shown = site.prints("stats", "Broken")

    assert (6, 6, 1.0, "systematic") == (row["runs"], row["failed"], row["rate"], row["verdict"])
    assert shown.startswith(
        "forum.Broken: systematic, the last 6 runs failed, 6 of 6 with “ValueError: disk is full”\n"
    )
    assert "6, 100 % (95 % interval 61 % to 100 %)" in shown


def test_stats_of_all_tasks(site):
    site.prints("cron")

    rows = site.reads("stats")

    assert ["forum.Broken", "forum.SendDigest"] == [row["name"] for row in rows if row["name"] != "core"][:2]


def test_the_log_can_be_exported_as_a_database(site):
    site.prints("cron")
    site.prints("log", "export", "--sqlite", "log.db")

    with closing(sqlite3.connect(site.root / "log.db")) as connection:
        rows = connection.execute("select name, outcome, output from v_task_log order by name").fetchall()

    assert ("forum.SendDigest", "ok", "to Ada\n") in rows
    assert (69, True) == (
        (done := site.run("log", "export", "--sqlite", "log.db")).returncode,
        "File exists" in done.stderr,
    )


def test_the_log_can_be_exported_as_csv(site):
    site.prints("cron")

    rows = list(csv.DictReader(io.StringIO(site.prints("log", "export", "SendDigest", "--csv"))))

    assert [("forum.SendDigest", "to Ada\n")] == [(row["name"], row["output"]) for row in rows]


def test_failures_are_listed_by_name_and_outcome(site):
    site.prints("cron")

    assert ["forum.Broken"] == [row["name"] for row in site.reads("log", "--failed")]
    assert [] == site.reads("log", "SendDigest", "--failed")
    assert ["forum.Broken"] == [
        row["name"] for row in site.reads("log", "--outcome", "failed", "--grep", "DISK")
    ]
    assert [] == site.reads("log", "--outcome", "timeout")
