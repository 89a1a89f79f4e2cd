"""What `taskrun cron` and those who change what is due say to visits; the real program."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from taskrunner.heartbeat import last_beat
from taskrunner.web import TickMiddleware
from taskrunner.web.ticker import GIF
from taskrunner.web_tick import NAME, WebTickFile
from tests.cli.program import Program
from tests.patience import DEADLINE, until
from tests.web.web_site import WebSite, page

PLUGIN = """\
class Night(ScheduledTask):
    schedule = "0 3 1 1 *"

    def execute(self):
        mtrace("night")


class Visited(ScheduledTask):
    schedule = Every(hours=1)

    def execute(self):
        mtrace("visited")


class Mail(AdhocTask):
    def execute(self):
        mtrace("mail")
"""
WEB = "web"
CLOSE = 30.0
"""Seconds that a loaded machine may take from one step of a test to the next."""


@pytest.fixture
def program(tmp_path: Path) -> Program:
    program = Program(tmp_path)
    program.configure('[tasks."core.*"]\ndisabled = true')
    program.write("night", PLUGIN)
    return program


@pytest.fixture
def visited(program: Program) -> Program:
    """A site that had a visit, whose cron has run: nothing is due any more."""
    assert stamp(program).claim(time.time(), throttle=60, longest=300)
    program.prints("cron", "--trigger", WEB)
    return program


def stamp(program: Program) -> WebTickFile:
    return WebSite(program.root).stamp


def quiet_for(program: Program) -> float:
    return WebSite(program.root).quiet_until - time.time()


def about(seconds: float) -> object:
    return pytest.approx(seconds, abs=CLOSE)


def test_a_visit_runs_what_is_due(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(program.root))
    app = TickMiddleware(page, config=program.root / "taskrunner.toml")
    before = app.tick_tag()
    body = WebSite(program.root).visit(app, "/_taskrun/tick.gif")
    until(lambda: len(program.reads("log")) == 1, "the task has run")

    assert before.startswith("<img")
    assert (GIF, "") == (body, app.tick_tag())
    assert ["night.Visited"] == [run["name"] for run in program.reads("log")]


def test_a_cron_says_at_its_end_until_when_nothing_is_due(visited: Program) -> None:
    assert about(300) == quiet_for(visited)  # Night is due later: [web] look_again


def test_a_cron_says_when_the_next_task_is_due(program: Program) -> None:
    stamp(program).claim(time.time(), throttle=60, longest=300)
    program.prints("adhoc", "queue", "Mail", "--in", "150s")
    program.prints("cron", "--trigger", WEB)

    assert pytest.approx(150, abs=CLOSE) == quiet_for(program)


def test_a_cron_that_leaves_work_to_do_is_followed_by_another_after_the_throttle(program: Program) -> None:
    stamp(program).claim(time.time(), throttle=60, longest=300)
    program.configure('[tasks."core.*"]\ndisabled = true\n[cron]\nadhoc_concurrency_limit = 1\n')
    program.write("slow", "class Slow(AdhocTask):\n    concurrency_limit = 1\n    def execute(self): 1 / 0\n")
    program.prints("adhoc", "queue", "Slow")
    program.prints("cron", "--trigger", WEB)

    assert about(60) == quiet_for(program)  # the fail delay


def test_the_last_trigger_is_known(visited: Program) -> None:
    by_visit = last_beat(visited.root / "state")
    visited.prints("cron")
    by_crontab = last_beat(visited.root / "state")

    assert by_visit is not None
    assert by_crontab is not None
    assert ("web", "cron") == (by_visit.trigger, by_crontab.trigger)


def test_a_heartbeat_of_a_version_without_triggers_is_of_cron(tmp_path: Path) -> None:
    (tmp_path / "last_cron").write_text("1800000000.0\n60.0\n")
    beat = last_beat(tmp_path)

    assert beat is not None
    assert (1_800_000_000.0, 60.0, "cron") == (beat.started_at, beat.interval, beat.trigger)


def test_a_real_cron_keeps_visits_off_for_three_minutes_whatever_is_due(visited: Program) -> None:
    visited.prints("cron")
    visited.prints("adhoc", "queue", "Mail")

    assert about(180) == quiet_for(visited)
    assert "" == TickMiddleware(page, config=visited.root / "taskrunner.toml").tick_tag()


def test_a_cron_of_another_hosts_visit_lets_this_one_leave(visited: Program) -> None:
    beat = (visited.root / "state" / "last_cron").read_text()
    visited.prints("retry", "Visited")
    printed = visited.prints("cron", "--trigger", WEB, "--verbose")

    assert ("", beat) == (printed, (visited.root / "state" / "last_cron").read_text())
    assert 1 == len(visited.reads("log"))


@pytest.mark.parametrize(
    "change",
    [
        ("adhoc", "queue", "Mail"),
        ("adhoc", "queue", "Mail", "--in", "10s"),
        ("retry", "Night"),
        ("schedule", "Night", "* * * * *"),
        ("resume",),
    ],
)
def test_what_makes_something_due_brings_the_next_visit_forward(
    visited: Program, change: tuple[str, ...]
) -> None:
    visited.prints(*change)

    assert about(60) == quiet_for(visited)  # never before the throttle


def test_a_program_that_queues_brings_the_next_visit_forward(visited: Program) -> None:
    queueing = (
        f"import sys; sys.path.insert(0, {str(visited.root / 'plugins')!r})\nimport night, taskrunner\n"
    )
    code = f"{queueing}taskrunner.queue_adhoc_task(night.Mail())"
    visited.environ |= {"TASKRUN_CONFIG": str(visited.root / "taskrunner.toml")}
    subprocess.run([sys.executable, "-c", code], env=visited.environment(), check=True, timeout=DEADLINE)

    assert about(60) == quiet_for(visited)
    assert 1 == len(visited.reads("adhoc", "list"))


def test_a_site_without_visits_has_no_stamp(program: Program) -> None:
    program.prints("cron")
    program.prints("retry", "Night")
    program.prints("cron")

    assert NAME not in os.listdir(program.root / "state")


def test_runs_of_processes_that_died_are_looked_for_within_a_minute(program: Program) -> None:
    program.write("dying", "class Dying(AdhocTask):\n    def execute(self): os.kill(os.getpid(), 9)\n")
    program.prints("adhoc", "queue", "Dying")
    stamp(program).claim(time.time(), throttle=60, longest=300)
    done = program.run("cron", "--trigger", WEB)

    assert -9 == done.returncode
    assert about(60) == quiet_for(program)


def test_a_stamp_that_cannot_be_written_is_a_problem_of_the_configuration(visited: Program) -> None:
    path = visited.root / "state" / NAME
    path.unlink()
    path.symlink_to("/dev/null")
    code, message = visited.refuses("cron")

    assert 78 == code
    assert "state_dir: cannot write what web visits look at: " in message
