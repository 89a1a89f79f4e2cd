"""The directory a program was started in may be deleted: a configuration named absolutely is enough."""

import subprocess
import sys

import pytest

from tests.cli.program import PROGRAM, Program
from tests.patience import DEADLINE

APPLICATION = """
import importlib.util, os, sys
from taskrunner import queue_adhoc_task
from taskrunner.web import TickMiddleware, tick_tag

path = os.path.join(os.path.dirname(os.environ["TASKRUN_CONFIG"]), "plugins", "forum.py")
spec = importlib.util.spec_from_file_location("forum", path)
forum = sys.modules["forum"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(forum)
print(queue_adhoc_task(forum.Mail()), tick_tag()[:4], TickMiddleware(forum).tick_tag()[:4])
"""


def run_in_deleted_directory(site: Program, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a program whose working directory is deleted before it begins."""
    folder = site.root / "deleted"
    folder.mkdir()
    script = 'rmdir "$PWD" && exec "$@"'
    return subprocess.run(
        ["/bin/sh", "-c", script, "sh", *words],
        cwd=folder,
        env=site.environment() | environ,
        capture_output=True,
        encoding="utf-8",
        timeout=DEADLINE,
        check=False,
    )


@pytest.mark.parametrize(
    "command",
    [
        "list",
        "cron",
        "cron --quiet",
        "run-task SendDigest",
        "show SendDigest",
        "why SendDigest",
        "config",
        "plugins",
        "adhoc queue Mail",
        "check",
    ],
)
def test_no_command_needs_the_working_directory(site: Program, command: str) -> None:
    config = str(site.root / "taskrunner.toml")
    site.prints("cron")

    done = run_in_deleted_directory(site, *PROGRAM, "--config", config, *command.split())

    assert (0, "") == (done.returncode, done.stderr)


def test_a_relative_name_is_missed_in_one_line(site: Program) -> None:
    done = run_in_deleted_directory(site, *PROGRAM, "--config", "taskrunner.toml", "list")

    assert (
        78,
        "taskrun: taskrunner.toml cannot be found: the working directory has been deleted\n"
        "  hint: cd to another one, or write the whole path\n",
    ) == (done.returncode, done.stderr)


def test_programs_queue_and_tick_without_their_working_directory(site: Program) -> None:
    site.prints("list")
    program = site.root / "application.py"
    program.write_text(APPLICATION, "utf-8")

    config = str(site.root / "taskrunner.toml")
    done = run_in_deleted_directory(site, sys.executable, str(program), TASKRUN_CONFIG=config)

    assert ("1 <img <img\n", "") == (done.stdout, done.stderr)
