"""Our own log files tell the same as the log table, also of a process that was killed."""

import os
import signal
import time

import pytest

from tests.patience import DEADLINE

FORUM = """\
class Digest(ScheduledTask):
    '''Send digests (all, of them).'''

    schedule = Every(hours=1)

    def execute(self):
        print("half a line", end="")
        queue_adhoc_task(Mail({"to": "Ada"}))
        queue_adhoc_task(Mail({"to": "Bob"}))


class Broken(ScheduledTask):
    schedule = Every(hours=1)

    def execute(self):
        raise ValueError("disk is full,\\nreally")


class Mail(AdhocTask):
    def execute(self):
        if self.custom_data["to"] == "Bob":
            raise ValueError("no such mailbox")
"""
KILLED = """\
class Killed(ScheduledTask):
    schedule = Every(hours=1)

    def execute(self):
        print("last words")
        witness("killed started")
        wait_at_gate()
"""


def told(site, source: str) -> list[tuple[object, ...]]:
    """Return what a source tells of every task: counts and the verdict."""
    rows = site.reads("report", "failures", "--from", source)
    return sorted((row["name"], row["runs"], row["ok"], row["failed"], row["crashed"]) for row in rows)


def make_older(folder) -> None:
    """Make log files look as if nobody wrote into them any more."""
    for path in folder.rglob("*.log"):
        os.utime(path, (time.time() - 300, time.time() - 300))


@pytest.mark.parametrize("stamps", ["false", "true"])
def test_log_files_give_the_same_runs_as_the_log_table(site, stamps):
    site.config.write_text(f"{site.config.read_text()}[log]\ntimestamps = {stamps}\n")
    site.write("forum", FORUM)
    site.run("cron")
    site.run("run-task", "Digest")
    site.write("killed", KILLED)
    cron = site.start("cron")
    site.wait_for("killed started")
    cron.send_signal(signal.SIGKILL)
    cron.communicate(timeout=DEADLINE)
    site.run("cron")
    make_older(site.root / "log")

    imported = site.run("report", "import", "log")

    assert imported.returncode == 0, imported.stderr
    assert told(site, "files") == told(site, "log")
    assert ("killed.Killed", 1, 0, 0, 1) in told(site, "files")
    [crash] = site.reads("report", "crashes", "--from", "files")
    [logged] = site.reads("report", "crashes")
    assert (crash["name"], crash["run_id"], crash["in_database"]) == ("killed.Killed", logged["run_id"], True)
    assert crash["last_lines"] == ["last words"]
    assert [line.endswith("last words") for line in logged["last_lines"]] == [True]


def test_the_runs_themselves_are_the_same(site):
    site.write("forum", FORUM)
    site.run("cron")
    site.run("report", "import", "log", "--csv", "out")

    lines = (site.root / "out" / "tasks.csv").read_text().splitlines()
    logged = {row["run_id"]: row for row in site.reads("log")}

    assert len(logged) == 4
    for run_id, row in logged.items():
        [line] = [line for line in lines if run_id in line]
        assert f",{row['name']}," in line and f",{row['outcome']}," in line


def test_a_file_that_is_being_written_tells_of_a_running_task(site):
    site.write("killed", KILLED)
    cron = site.start("cron")
    site.wait_for("killed started")

    done = site.run("report", "import", "log", "--json")
    site.open_gate(cron)
    cron.communicate(timeout=DEADLINE)
    later = site.run("report", "import", "log", "--json")

    assert '"running": 1' in done.stdout
    assert '"ok": 1' in later.stdout and '"grown": 1' in later.stdout
