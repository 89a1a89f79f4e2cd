"""Processes that die in a task, and what the next cron makes of it."""

import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.databases import ON_SQLITE
from tests.patience import DEADLINE, until

TWO = """\
class Bad(ScheduledTask):
    schedule = Every(hours=1)

    def execute(self):
        print("print")
        mtrace("mtrace")
        subprocess.run(["echo", "subprocess"])
        os.write(2, b"write")
        witness("bad started")
        {fault}


class Canary(ScheduledTask):
    schedule = Every(hours=1)

    def execute(self):
        witness("canary alive")
"""
PRINTED = "print\nmtrace\nsubprocess\nwrite"


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", ""),
        ("os._exit(0)", ""),
        ("os.kill(os.getpid(), signal.SIGSEGV)", ": Segmentation fault"),
        ("os.abort()", ": Aborted"),
    ],
)
def test_the_next_cron_records_the_crash_with_all_that_was_printed(site, fault, cause):
    site.write("forum", TWO.format(fault=fault))
    site.run("cron")

    after = site.run("cron")

    assert after.returncode == 0
    assert site.outcomes() == [("forum.Bad", "crashed"), ("forum.Canary", "ok")]
    assert site.output("Bad")[: len(PRINTED)] == PRINTED
    assert site.reads("log", "Bad")[0]["message"].partition(")")[2] == cause
    assert site.witnessed() == ["bad started", "canary alive"]
    assert site.left_behind() == []


def test_a_killed_process_charges_its_task_one_failure(site):
    site.write("forum", TWO.format(fault="wait_at_gate()"))
    cron = site.start("cron")
    site.wait_for("bad started")
    cron.send_signal(signal.SIGKILL)
    cron.communicate(timeout=DEADLINE)

    site.run("cron")
    site.run("cron")

    [record] = site.reads("show", "Bad")
    assert (record["failures"], record["state"][:7]) == (1, "failing")
    assert [row["outcome"] for row in site.reads("log", "Bad")] == ["crashed"]


def test_a_child_that_outlives_the_process_does_not_hold_its_lock(site):
    site.write(
        "forum",
        TWO.format(fault="child = subprocess.Popen(['sleep', '60']); witness(child.pid); os._exit(1)"),
    )
    site.run("cron")

    site.run("cron")

    assert site.outcomes() == [("forum.Bad", "crashed"), ("forum.Canary", "ok")]
    end(site.witnessed()[1])


def test_a_forked_child_that_outlives_the_process_does_not_hold_its_lock(site):
    fault = "child = os.fork() or time.sleep(60) or os._exit(0); witness(child); os._exit(1)"
    site.write("forum", TWO.format(fault=fault))
    process = site.start("cron", "--quiet")
    site.wait_for("bad started")
    process.wait(DEADLINE)

    site.run("cron")

    assert site.outcomes() == [("forum.Bad", "crashed"), ("forum.Canary", "ok")]
    end(site.witnessed()[1])


@ON_SQLITE  # which can be held, so that the end is known and not yet written
def test_a_run_that_had_ended_when_its_process_was_killed_is_not_run_again(site):
    site.write("forum", TWO.format(fault="wait_at_gate()"))
    cron = site.start("cron")
    site.wait_for("bad started")
    with closing(sqlite3.connect(site.root / "state" / "taskrunner.db", isolation_level=None)) as held:
        held.execute("begin immediate")
        site.open_gate(cron)
        until(lambda: "Scheduled task complete: Bad" in site.log(), "the end of the task")
        cron.kill()
        cron.communicate(timeout=DEADLINE)
        held.execute("rollback")

    site.run("cron")

    assert site.witnessed() == ["bad started", "canary alive"]
    assert site.outcomes() == [("forum.Bad", "ok"), ("forum.Canary", "ok")]
    assert site.output("Bad") == f"{PRINTED}"
    assert site.left_behind() == []


def test_nothing_of_a_forked_task_outlives_its_killed_runner(site):
    forked = 'isolation = "fork"\n    def execute'
    fault = "child = subprocess.Popen(['sleep', '600'], start_new_session=True)\n"
    fault += "        witness(os.getpid()); witness(child.pid); witness('up'); time.sleep(600)"
    site.write("forum", TWO.format(fault=fault).replace("def execute", forked, 1))
    process = site.start("cron", "--quiet")
    site.wait_for("up")

    process.kill()

    _, *pids, _ = site.witnessed()
    until(lambda: not any(map(is_alive, pids)), f"the end of {pids}")


def test_a_task_that_closes_every_file_does_not_harm_the_next_one(site):
    site.write("forum", TWO.format(fault="os.closerange(0, 64)"))

    site.run("cron")
    site.run("cron")

    assert "canary alive" in site.witnessed()
    assert dict(site.outcomes())["forum.Canary"] == "ok"


def test_a_task_that_changes_its_process_does_not_harm_the_next_one(site):
    changes = (
        "os.chdir('/'); os.umask(0o777); os.environ.clear(); os.environ['TZ'] = 'Asia/Tokyo'; time.tzset(); "
        "signal.signal(signal.SIGTERM, signal.SIG_IGN); sys.stdout.close(); sys.path.clear()"
    )
    site.write("forum", TWO.format(fault=changes))

    done = site.run("cron")

    assert (done.returncode, done.stderr) == (0, "")
    assert site.outcomes() == [("forum.Bad", "ok"), ("forum.Canary", "ok")]


def test_a_signal_is_answered_after_a_task_that_took_the_handlers_away(site):
    handlers = "signal.signal(signal.SIGTERM, signal.SIG_DFL)"
    waiting = "\n\nclass Waiting(ScheduledTask):\n    schedule = Every(hours=1)\n    def execute(self):\n"
    waiting += "        witness('waiting')\n        wait_at_gate()\n"
    site.write("forum", TWO.format(fault=handlers) + waiting)
    cron = site.start("cron")
    site.wait_for("waiting")

    cron.send_signal(signal.SIGTERM)
    site.open_gate(cron)
    cron.communicate(timeout=DEADLINE)

    assert cron.returncode == 0


def is_alive(pid: str) -> bool:
    """Say whether a process runs; one that only waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def end(pid: str) -> None:
    os.kill(int(pid), signal.SIGKILL)
