"""What a task leaves keeps neither its process nor whoever reads its output; a file as stdout is live."""

import os
import signal
import time
from contextlib import ExitStack
from itertools import product
from pathlib import Path

from tests.acceptance.processes import RealSite
from tests.conftest import line_of
from tests.databases import KINDS, PostgresDatabases
from tests.patience import DEADLINE, until

TASK = """\
import atexit
import multiprocessing
import threading

class Leaves(AdhocTask):
{extra}
    def execute(self):
{body}


class Canary(AdhocTask):
    def execute(self):
        witness("canary")
"""
BOUND = 40.0
"""Seconds in which a process surely ends that is ended after 15, also on a loaded machine."""


def write(site: RealSite, body: str, *, extra: str = "") -> None:
    lines = "".join(f"        {line}\n" for line in body.splitlines())
    site.write("forum", TASK.format(body=lines, extra=f"    {extra}\n" if extra else ""))
    assert 0 == site.run("adhoc", "queue", "Leaves").returncode


def test_a_file_has_what_a_task_printed_before_it_killed_the_process(site):
    write(site, "for number in range(100):\n    print('line', number)\nos.kill(os.getpid(), 9)")
    with (site.root / "cron.log").open("wb") as file:
        process = site.start("cron", stdout=file, stderr=file)
        assert -signal.SIGKILL == process.wait(DEADLINE)

    until(lambda: "line 99" in (site.root / "cron.log").read_text(), "the last line")


def test_a_file_has_what_a_task_printed_while_it_runs(site):
    write(site, "print('so far')\nwait_at_gate()\nprint('the rest')")
    path = site.root / "cron.log"
    with path.open("wb") as file:
        process = site.start("cron", stdout=file, stderr=file)
    until(lambda: "so far" in path.read_text(), "so far")

    site.open_gate(process)

    assert 0 == process.wait(DEADLINE)
    assert site.log() == path.read_text()


LEFT = {
    "atexit.register(time.sleep, 900)": "an exit handler has not ended",
    "multiprocessing.Process(target=time.sleep, args=(900,), name='Mail').start()": "Mail (pid ",
    "threading.Thread(target=time.sleep, args=(900,), name='Mail').start()": "thread still runs: Mail",
}
"""What a task leaves behind, and how it is named."""


def test_the_process_ends_whatever_a_task_left_and_names_it(
    tmp_path: Path, postgres_databases: PostgresDatabases
) -> None:
    with ExitStack() as stack:
        crons = []
        for number, (kind, body) in enumerate(product(KINDS, LEFT)):
            url = stack.enter_context(postgres_databases.new()) if kind == "postgres" else ""
            site = RealSite.made_in(tmp_path / str(number), line_of(kind, url))
            stack.callback(site.end)
            write(site, body)
            crons.append((site, site.start("cron"), LEFT[body]))  # all wait at once
        began_at = time.monotonic()
        for site, process, named in crons:
            _, told = process.communicate(timeout=DEADLINE)
            assert 0 == process.returncode
            assert named in told
            assert [("forum.Leaves", "ok")] == site.outcomes()
        assert time.monotonic() - began_at < BOUND


def test_a_daemon_that_a_task_made_properly_does_not_keep_the_output_of_cron(site):
    daemon = """\
if os.fork() == 0:
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(null, number)
    with open({pid!r}, "w") as file:
        print(os.getpid(), file=file)
    os.execvp("sleep", ["sleep", "900"]) if {becomes} else time.sleep(900)
while not os.path.exists({pid!r}):
    time.sleep(0.01)"""
    for becomes in (True, False):
        path = site.root / f"pid-{becomes}"
        write(site, daemon.format(pid=str(path), becomes=becomes))
        began_at = time.monotonic()

        done = site.run("cron")  # reads to the end of its output

        until(lambda path=path: path.read_text().strip() != "", "its pid")
        os.kill(int(path.read_text()), signal.SIGKILL)
        assert 0 == done.returncode
        assert time.monotonic() - began_at < 600
        assert "Cron run completed correctly" in done.stdout


def test_a_forked_task_that_signals_its_parent_has_crashed_and_is_charged(site):
    write(site, "os.kill(os.getppid(), signal.SIGTERM)\ntime.sleep(900)", extra='isolation = "fork"')
    assert 0 == site.run("adhoc", "queue", "Canary").returncode

    site.run("cron")

    assert [("forum.Leaves", "crashed"), ("forum.Canary", "ok")] == site.outcomes()
    [row] = site.reads("adhoc", "list")
    assert (1, 11, 60) == (row["failures"], row["attempts_left"], row["fail_delay"])


def test_a_forked_task_whose_process_group_is_asked_to_stop_is_interrupted(site):
    write(site, "witness('runs')\ntime.sleep(900)", extra='isolation = "fork"')
    process = site.start("cron")
    site.wait_for("runs")

    site.interrupt(process, signal.SIGTERM, times=2)

    assert 128 + signal.SIGTERM == process.wait(DEADLINE)
    assert [("forum.Leaves", "interrupted")] == site.outcomes()
