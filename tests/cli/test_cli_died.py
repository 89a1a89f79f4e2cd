"""A run whose process has died: what every command says of it, and who records it while cron is paused."""

import os
import signal
import time

import pytest

from taskrunner.liveness import DIED
from tests.cli.program import Program
from tests.databases import ask, sqlite_url

KILLED = """\
class Killed({base}):
    {schedule}

    def execute(self):
        mtrace("the last line")
        os.kill(os.getpid(), signal.SIGKILL)
"""
CORE_OFF = '[tasks."core.*"]\ndisabled = true'


def died(site: Program, *, kind: str = "scheduled") -> str:
    """Let a run die; return its id."""
    base, schedule = ("ScheduledTask", "schedule = '0 0 1 1 *'") if kind == "scheduled" else ("AdhocTask", "")
    site.configure(CORE_OFF)
    site.write("forum", KILLED.format(base=base, schedule=schedule))
    site.prints("list")
    if kind == "scheduled":
        assert site.start("run-task", "Killed").wait() == -signal.SIGKILL
    else:
        site.prints("adhoc", "queue", "Killed")
        assert site.start("adhoc", "run", "--class", "Killed").wait() == -signal.SIGKILL
    [row] = site.reads("running")
    return str(row["run_id"])


def test_running_and_list_and_why_say_that_it_died(site: Program) -> None:
    died(site)

    assert [False] == [row["alive"] for row in site.reads("running")]
    assert DIED in site.prints("running")
    assert [DIED] == [row["state"] for row in site.reads("list") if row["name"] == "forum.Killed"]
    assert DIED in site.run("why", "Killed").stdout
    assert DIED in site.prints("cron", "--dry-run")


def test_the_queue_says_that_it_died(site: Program) -> None:
    died(site, kind="adhoc")

    assert [DIED] == [row["state"] for row in site.reads("adhoc", "list")]


def test_who_follows_it_is_told_and_does_not_wait(site: Program) -> None:
    run_id = died(site)

    done = site.run("log", "follow", run_id)

    assert "the last line" in done.stdout
    assert DIED in done.stderr


def test_a_paused_cron_records_it_and_prints_nothing_but_that(site: Program) -> None:
    died(site)
    site.prints("pause")

    first, second = site.prints("cron"), site.prints("cron")

    assert [] == site.reads("running")
    assert ["crashed"] == [row["outcome"] for row in site.reads("log")]
    assert first.startswith("Recovered scheduled task: forum.Killed")
    assert "" == second


def test_pausing_and_waiting_ends_although_no_cron_is_at_work(site: Program) -> None:
    died(site)

    assert "Nothing is running any more." in site.prints("pause", "--wait=600")
    assert ["crashed"] == [row["outcome"] for row in site.reads("log")]


def test_to_kill_it_records_that_it_died_and_nothing_else(site: Program) -> None:
    run_id = died(site)

    printed = site.prints("kill", run_id)

    [row] = site.reads("log")
    assert "crashed" == row["outcome"]
    assert row["message"].startswith("the process died (pid ")
    assert "its process had died before; recorded as crashed" in printed


def test_its_length_is_what_is_known_of_it_wherever_it_is_shown(site: Program) -> None:
    run_id = died(site)
    url = site.database_line.partition('"')[2].rpartition('"')[0] or sqlite_url(site.root)
    ask(url, f"update task_scheduled set started_at = started_at - 7200 where run_id = '{run_id}'")
    [log] = (path for path in (site.root / "log").rglob("*.log"))
    os.utime(log, (time.time() - 7199, time.time() - 7199))

    site.prints("pause", "--wait=600")

    [row] = site.reads("log")
    assert 0 < row["duration"] < 60
    assert row["noticed_at"] > row["ended_at"]
    assert "≥ 1" in site.prints("log")
    assert "took ≥ 1" in site.prints("log", "show", run_id)
    assert "crashed in ≥ 1" in site.prints("show", "Killed")
    assert "noticed_at" in site.prints("log", "export", "--csv").splitlines()[0]
    assert [] == site.reads("log", "--min-duration", "1h")


@pytest.mark.parametrize("kind", ["scheduled", "adhoc"])
def test_a_run_that_lives_is_not_called_dead(site: Program, kind: str) -> None:
    site.configure(CORE_OFF)
    asks = "subprocess.run([sys.executable, '-m', 'taskrunner', 'running', '--json'], cwd={!r})"
    text = KILLED.replace("os.kill(os.getpid(), signal.SIGKILL)", asks.format(str(site.root)))
    base, schedule = ("ScheduledTask", "schedule = '0 0 1 1 *'") if kind == "scheduled" else ("AdhocTask", "")
    site.write("forum", "import subprocess\n" + text.format(base=base, schedule=schedule))

    printed = site.prints("run-task", "Killed")

    assert '"alive": true' in printed
