"""What signals do to a process at work."""

import signal
import time

import pytest

from taskrunner.runner.claim import BELIEVED_FOR
from tests.patience import DEADLINE, until

WAITING = """\
class A(ScheduledTask):
    schedule = Every(hours=1)

    def execute(self):
        mtrace("before")
        witness("A started")
        wait_at_gate()
        mtrace("after")
        witness("A ended")


class B(ScheduledTask):
    schedule = Every(hours=1)

    def execute(self):
        witness("B started")
"""
MAIL = """\
class Mail(AdhocTask):
    def execute(self):
        witness("mail started")
        wait_at_gate()


class Queue(ScheduledTask):
    schedule = Every(hours=1)

    def execute(self):
        queue_adhoc_task(Mail())
"""


@pytest.fixture
def cron(site):
    """A cron that is in the midst of its first task, and will ask anew whether it is to stop."""
    site.write("forum", WAITING)
    process = site.start("cron")
    site.wait_for("A started")
    asked_before = time.monotonic()
    until(lambda: time.monotonic() > asked_before + BELIEVED_FOR, "what it was told holds no longer")
    return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_lets_the_process_leave_after_its_task(site, cron, number):
    site.interrupt(cron, number, times=1)
    site.open_gate()
    printed, told = cron.communicate(timeout=DEADLINE)

    assert (cron.returncode, told) == (0, "")
    assert site.witnessed() == ["A started", "A ended"]
    assert "== Exiting gracefully, please wait ... ==\n" in printed
    assert site.outcomes() == [("forum.A", "ok")]
    assert site.left_behind() == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_the_second_signal_ends_the_task_at_once_and_it_is_not_charged(site, cron, number, code):
    site.interrupt(cron, number, times=2)
    _, told = cron.communicate(timeout=DEADLINE)

    [record] = site.reads("show", "A")
    assert (cron.returncode, told) == (code, "")
    assert site.outcomes() == [("forum.A", "interrupted")]
    assert (record["failures"], record["failing_since"]) == (0, None)
    assert "forum.A" in [row["name"] for row in site.reads("list", "--due")]
    assert site.witnessed() == ["A started"]
    assert site.left_behind() == []


def test_an_interrupted_task_is_run_by_the_next_cron(site, cron):
    site.interrupt(cron, signal.SIGTERM, times=2)
    cron.communicate(timeout=DEADLINE)

    after = site.start("cron")
    site.open_gate()
    after.communicate(timeout=DEADLINE)

    assert site.outcomes() == [("forum.A", "interrupted"), ("forum.A", "ok"), ("forum.B", "ok")]


def test_an_interrupted_adhoc_task_gets_its_attempt_back(site):
    site.write("forum", MAIL)
    cron = site.start("cron")
    site.wait_for("mail started")
    site.interrupt(cron, signal.SIGTERM, times=2)
    cron.communicate(timeout=DEADLINE)

    again = site.start("cron")
    site.open_gate()
    again.communicate(timeout=DEADLINE)

    assert site.outcomes()[1:] == [("forum.Mail", "interrupted"), ("forum.Mail", "ok")]
    assert [row["attempt"] for row in site.reads("log", "Mail")] == [1, 1]


def test_a_third_signal_ends_a_process_whose_task_does_not_let_go(site):
    stubborn = WAITING.replace("wait_at_gate()\n", "hold_on()\n", 1) + (
        "\n\ndef hold_on():\n    while True:\n        try:\n            wait_at_gate()\n"
        "        except BaseException:\n            witness('held on')\n"
    )
    site.write("forum", stubborn)
    cron = site.start("cron")
    site.wait_for("A started")
    site.interrupt(cron, signal.SIGTERM, times=2)
    site.wait_for("held on")
    cron.send_signal(signal.SIGTERM)
    cron.communicate(timeout=DEADLINE)

    site.run("cron")

    assert cron.returncode == 143
    assert site.outcomes() == [("forum.A", "crashed"), ("forum.B", "ok")]


def test_a_signal_while_a_process_waits_for_work_ends_it(site):
    site.write("forum", WAITING.replace("wait_at_gate()", "pass"))
    cron = site.start("cron", "--keep-alive", "900")
    site.wait_for("A ended", "B started")

    cron.send_signal(signal.SIGTERM)
    cron.communicate(timeout=DEADLINE)

    assert cron.returncode == 0
    assert site.left_behind() == []


def test_a_signal_to_run_task_is_graceful_too(site):
    site.write("forum", WAITING)
    process = site.start("run-task", "A")
    site.wait_for("A started")

    site.interrupt(process, signal.SIGTERM, times=1)
    site.open_gate()
    process.communicate(timeout=DEADLINE)

    assert process.returncode == 0
    assert site.outcomes() == [("forum.A", "ok")]


def test_stop_lets_a_process_leave_after_its_task(site, cron):
    site.run("stop")
    site.open_gate()
    cron.communicate(timeout=DEADLINE)

    assert cron.returncode == 0
    assert site.witnessed() == ["A started", "A ended"]


def test_pause_with_a_wait_that_is_too_short_ends_with_1_and_names_what_runs(site, cron):
    done = site.run("pause", "--wait=0")
    site.open_gate()
    cron.communicate(timeout=DEADLINE)

    assert (done.returncode, done.stderr) == (1, "1 still running: forum.A.\n")
    assert site.witnessed() == ["A started", "A ended"]


def test_a_stopped_and_continued_process_goes_on(site, cron):
    cron.send_signal(signal.SIGSTOP)
    meanwhile = site.run("cron")
    cron.send_signal(signal.SIGCONT)
    site.open_gate()
    cron.communicate(timeout=DEADLINE)

    assert meanwhile.returncode == 0
    assert sorted(site.outcomes()) == [("forum.A", "ok"), ("forum.B", "ok")]
