"""kill: a run is ended from outside, and recorded as such."""

import os
import signal

import pytest

from tests.databases import ask, sqlite_url
from tests.patience import DEADLINE, until

TASKS = """
class Slow(ScheduledTask):
    schedule = Every(hours=1)

    def execute(self):
        witness("started")
        wait_at_gate()


class Deaf(ScheduledTask):
    schedule = Every(hours=1)
    disabled = True

    def execute(self):
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        witness("deaf")
        wait_at_gate()


class Forked(ScheduledTask):
    schedule = Every(hours=1)
    disabled = True
    isolation = "fork"

    def execute(self):
        witness("forked", os.getpid())
        wait_at_gate()
"""


def run_of(live, name, word):
    """Start a task by itself, and return its process and the id of its run."""
    live.write("forum", TASKS)
    process = live.start("run-task", name, "--force")
    until(lambda: any(line.startswith(word) for line in live.witnessed()), word)
    (row,) = live.reads("running")
    return process, row["run_id"]


def test_a_run_that_listens_is_recorded_as_interrupted_by_whom(live):
    process, run_id = run_of(live, "Slow", "started")

    done = live.run("kill", run_id)

    process.communicate(timeout=DEADLINE)
    (row,) = live.reads("log")
    assert (0, "interrupted") == (done.returncode, row["outcome"])
    assert row["message"].startswith("killed by ")
    assert "it ended when it was asked to; recorded as interrupted" in done.stdout
    assert [] == live.reads("running")


def test_a_run_that_does_not_listen_is_killed_and_recorded_at_once(live):
    process, run_id = run_of(live, "Deaf", "deaf")

    done = live.run("kill", run_id[:20], "--grace", "0.2")

    process.communicate(timeout=DEADLINE)
    (row,) = live.reads("log")
    assert (-signal.SIGKILL, "crashed") == (process.returncode, row["outcome"])
    assert row["message"].endswith("it had to be killed")
    assert "recorded as crashed" in done.stdout
    assert [] == live.reads("running")


def test_a_forked_run_ends_with_its_child(live):
    process, run_id = run_of(live, "Forked", "forked")

    live.run("kill", run_id)

    process.communicate(timeout=DEADLINE)
    (row,) = live.reads("log")
    (pid,) = [int(line.split()[1]) for line in live.witnessed()]
    assert "interrupted" == row["outcome"]
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_run_of_another_host_is_said_to_be_there_and_left_alone(live):
    process, run_id = run_of(live, "Slow", "started")
    url = live.config.read_text().partition('database = "')[2].partition('"')[0] or sqlite_url(live.root)
    ask(url, "update task_scheduled set hostname = 'cron2' where run_id is not null")

    done = live.run("kill", run_id)

    live.open_gate(process)
    process.communicate(timeout=DEADLINE)
    assert 1 == done.returncode
    assert "forum.Slow runs on cron2, pid " in done.stderr
    assert f"hint: ssh cron2 taskrun kill {run_id}" in done.stderr
    assert 0 == process.returncode


def test_an_id_that_does_not_run_is_refused(live):
    live.write("forum", TASKS)

    done = live.run("kill", "01NOTHING")

    assert (1, "") == (done.returncode, done.stdout)
    assert "nothing is running that has the name or the id 01NOTHING" in done.stderr
