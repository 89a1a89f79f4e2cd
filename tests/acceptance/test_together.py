"""Several processes on one site at once."""

import collections
import os
import re
import time
from pathlib import Path

import pytest

from tests.patience import DEADLINE, until

MANY = """\
class _Base(ScheduledTask):
    schedule = Every(hours=1)

    def execute(self):
        witness(self.name)


"""
MAILS = """\
class Queue(ScheduledTask):
    schedule = Every(hours=1)

    def execute(self):
        for number in range(30):
            queue_adhoc_task(Mail(number))


class Mail(AdhocTask):
    def execute(self):
        witness(self.custom_data)
"""
WAITING = """\
class Waiting(ScheduledTask):
    '''Wait at the gate.'''

    schedule = Every(hours=1)

    def execute(self):
        self.progress(3, 10, "courses")
        witness("waiting")
        wait_at_gate()


class Other(ScheduledTask):
    schedule = Every(hours=1)

    def execute(self):
        witness("other")
"""


@pytest.mark.parametrize("crons", [2, 8])
def test_of_many_crons_at_once_each_task_is_started_exactly_once(site, crons):
    tasks = "\n".join(f"class Task{number}(_Base): pass" for number in range(20))
    site.write("forum", MANY + tasks)

    ends = run_at_once(site, crons)

    assert ends == [("", 0)] * crons
    assert collections.Counter(site.witnessed()) == {f"forum.Task{number}": 1 for number in range(20)}
    assert {outcome for _, outcome in site.outcomes()} == {"ok"}
    assert site.left_behind() == []


def test_of_eight_crons_at_once_on_a_known_site_each_task_is_started_exactly_once(site):
    tasks = "\n".join(f"class Task{number}(_Base): pass" for number in range(20))
    site.write("forum", MANY + tasks)
    site.run("list")

    ends = run_at_once(site, 8)

    assert ends == [("", 0)] * 8
    assert collections.Counter(site.witnessed()) == {f"forum.Task{number}": 1 for number in range(20)}


def test_of_eight_crons_at_once_each_adhoc_task_is_run_exactly_once(site):
    site.write("forum", MAILS.replace("witness(self.custom_data)", "pass"))
    site.run("run-task", "Queue")
    site.write("forum", MAILS)
    site.run("list")

    ends = run_at_once(site, 8)

    assert ends == [("", 0)] * 8
    assert collections.Counter(site.witnessed()) == {str(number): 1 for number in range(30)}


def run_at_once(site, crons):
    """Run several crons; return what each says on stderr and its exit code."""
    processes = [site.start("cron", "--quiet") for _ in range(crons)]
    return [(process.communicate(timeout=DEADLINE)[1], process.returncode) for process in processes]


def test_a_cron_beside_one_at_work_runs_the_other_tasks(site):
    site.write("forum", WAITING)
    first = site.start("cron")
    site.wait_for("waiting")

    second = site.run("cron")
    site.open_gate()
    first.communicate(timeout=DEADLINE)

    assert second.returncode == 0
    assert site.witnessed() == ["waiting", "other"]


def test_a_surplus_cron_leaves_with_a_line(site):
    site.config.write_text('timezone = "UTC"\n[cron]\nscheduled_concurrency_limit = 1\n')
    site.write("forum", WAITING)
    first = site.start("cron")
    site.wait_for("waiting")

    second = site.run("cron")
    site.open_gate()
    first.communicate(timeout=DEADLINE)

    assert second.returncode == 0
    assert "Skipping processing of scheduled tasks. Concurrency limit reached." in second.stdout.splitlines()


@pytest.fixture
def waiting(site):
    """A cron in the midst of its task."""
    site.write("forum", WAITING)
    process = site.start("cron")
    site.wait_for("waiting")
    yield process
    site.open_gate()
    process.communicate(timeout=DEADLINE)


def test_the_process_title_says_what_runs(waiting):
    title = Path(f"/proc/{waiting.pid}/cmdline").read_bytes().split(b"\0")[0].decode()

    assert re.fullmatch(r"taskrun cron \(\w{3} \d\d?, \d\d:\d\d:\d\d Scheduled task: forum\.Waiting\)", title)


def test_what_runs_is_shown_with_its_process_and_its_progress(site, waiting):
    [row] = site.reads("running")

    assert (row["name"], row["pid"], row["hostname"]) == ("forum.Waiting", waiting.pid, os.uname().nodename)
    assert (row["progress_done"], row["progress_total"], row["progress_text"]) == (3, 10, "courses")
    assert (row["type"], row["usual_duration"]) == ("scheduled", None)
    assert 0 <= row["running_for"] < time.time() - site.config.stat().st_mtime


def test_a_task_that_runs_elsewhere_is_not_run_by_hand_and_it_is_said_where(site, waiting):
    done = site.run("run-task", "Waiting")

    assert done.returncode == 75
    where = f"forum.Waiting is running on {os.uname().nodename}, pid {waiting.pid}, since "
    assert done.stderr.startswith(f"taskrun: {where}")


def test_a_refused_run_by_hand_leaves_nothing_behind(site, waiting):
    living = site.left_behind()

    site.run("run-task", "Waiting")

    assert site.left_behind() == living


def test_run_task_waits_for_a_task_that_runs_elsewhere(site):
    site.write("forum", WAITING)
    first = site.start("cron")
    site.wait_for("waiting")
    second = site.start("run-task", "Waiting", "--wait", str(DEADLINE))
    until(lambda: len(list((site.root / "state/locks").glob("runner-*"))) == 2, "the second runner is there")

    site.open_gate()
    first.communicate(timeout=DEADLINE)
    until(lambda: site.witnessed().count("waiting") == 2, "the second run")
    site.open_gate()
    second.communicate(timeout=DEADLINE)

    assert second.returncode == 0
    assert site.outcomes().count(("forum.Waiting", "ok")) == 2


def test_looking_at_a_site_does_not_disturb_the_process_at_work(site, waiting):
    for command in (("list",), ("log",), ("show", "Waiting"), ("plugins",), ("cron", "--dry-run")):
        assert site.run(*command).returncode == 0

    assert [row["pid"] for row in site.reads("running")] == [waiting.pid]
