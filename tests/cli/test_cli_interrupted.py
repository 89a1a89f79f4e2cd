"""Ctrl-C ends a command wherever it is, silently, with the code that shells expect."""

import signal
import subprocess
import sys
import time

import pytest

from tests.cli.program import Program
from tests.databases import ON_POSTGRES, ask, connect_to
from tests.patience import DEADLINE

AT_IMPORT = """
class Interrupting:
    def find_spec(self, name, *rest):
        if name == {module!r}:
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupting())
"""
IN_COMMAND = """
import taskrunner.store.tasks

def interrupted(self):
    raise KeyboardInterrupt

taskrunner.store.tasks.ScheduledTasks.list = interrupted
"""
WHEN_DONE = """
import atexit, os, signal
atexit.register(os.kill, os.getpid(), signal.SIGINT)
"""
RUN = "from taskrunner.__main__ import main; main()"


def taskrun(site: Program, harm: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a command in a Python to which something is done before."""
    return subprocess.run(
        [sys.executable, "-c", f"import sys\n{harm}\n{RUN}", *arguments],
        cwd=site.root,
        env=site.environment(),
        capture_output=True,
        encoding="utf-8",
        timeout=DEADLINE,
    )


@pytest.mark.parametrize("module", ["taskrunner.cli", "click", "taskrunner.cli.tasks", "taskrunner.store"])
def test_while_it_starts(site: Program, module: str) -> None:
    done = taskrun(site, AT_IMPORT.format(module=module), "list")

    assert (130, "", "") == (done.returncode, done.stdout, done.stderr)


def test_while_it_works(site: Program) -> None:
    done = taskrun(site, IN_COMMAND, "list")

    assert (130, "", "") == (done.returncode, done.stdout, done.stderr)


def test_when_all_is_said_and_done(site: Program) -> None:
    done = taskrun(site, WHEN_DONE, "list", "--json")

    assert (-signal.SIGINT, "") == (done.returncode, done.stderr)
    assert done.stdout.endswith("]\n")


def test_a_shell_that_has_it_ignored_is_obeyed(site: Program) -> None:
    ignoring = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"

    done = taskrun(site, f"{ignoring}\n{WHEN_DONE}", "list", "--json")

    assert (0, "") == (done.returncode, done.stderr)


@ON_POSTGRES
def test_while_the_server_works_on_an_answer(site: Program, database_url: str) -> None:
    site.prints("list")
    waiting = "select count(*) from pg_locks where not granted and relation = 'task_scheduled'::regclass"
    with connect_to(database_url) as other:
        other.execute("lock table task_scheduled")
        command = site.start("list", stderr=subprocess.PIPE)
        until = time.monotonic() + DEADLINE
        while ask(database_url, waiting) == [(0,)] and command.poll() is None:
            assert time.monotonic() < until
        command.send_signal(signal.SIGINT)
        _, told = command.communicate(timeout=DEADLINE)

    assert (130, b"") == (command.returncode, told)
