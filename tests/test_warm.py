"""A command forked from the warm process does what it does when it is started anew."""

import os
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

from taskrunner import __version__
from tests.cli.program import FORUM, Program
from tests.patience import DEADLINE, until
from tests.warm import WARM, anew

ECHO = """\
import locale

class Echo(AdhocTask):
    def execute(self):
        print(sys.argv[1:], os.getcwd(), sys.path[0], sorted(os.environ.items()))
        print(sys.stdin.read(), sys.stdin.encoding, sys.stdout.encoding, locale.setlocale(locale.LC_CTYPE))
        print(sorted(os.listdir("/proc/self/fd")))
        print([type(signal.getsignal(number)).__name__ for number in range(1, 32)])
        sys.stderr.write("told\\n")
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Program:
    program = Program(tmp_path_factory.mktemp("warm"), {"TZ": "Asia/Tokyo"})
    program.configure()
    program.write("forum", FORUM)
    program.write("echo", ECHO)
    program.prints("plugins")
    return program


def cold(site: Program, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return anew(arguments, cwd=site.root, environ=site.environment(), timeout=DEADLINE)


@pytest.mark.parametrize(
    "command",
    [
        ["--version"],
        ["--help"],
        ["config"],
        ["plugins", "--json"],
        ["help", "tasks"],
        ["help", "exit-codes"],
        ["nonsense"],
        ["show", "SendDigset"],
        ["schedule", "SendDigest", "0 99 * * *"],
    ],
    ids=" ".join,
)
def test_a_command_says_the_same(site: Program, command: list[str]) -> None:
    warm, started = site.run(*command), cold(site, *command)

    assert (warm.returncode, warm.stdout, warm.stderr) == (started.returncode, started.stdout, started.stderr)


def test_one_look_leaves_nothing_to_the_next(site: Program, tmp_path: Path) -> None:
    other = Program(tmp_path, {"TZ": "America/Lima"})
    other.configure("[log]\nretain_runs = 7")
    for looked_at in (site, other, site):
        warm, started = looked_at.run("config"), cold(looked_at, "config")

        assert (warm.returncode, warm.stdout, warm.stderr) == (0, started.stdout, started.stderr)


def test_what_a_look_was_killed_in_is_looked_at_by_another(site: Program) -> None:
    with tempfile.TemporaryFile() as file:
        pid = WARM.start(["--version"], [file.fileno()] * 3, cwd=site.root, environ=site.environment())
        WARM.wait(pid, ["--version"], DEADLINE)
    os.kill(pid, signal.SIGKILL)
    until(lambda: " Z " in Path(f"/proc/{pid}/stat").read_text(), "the end of the child")

    assert [site.prints("--version") for _ in range(2)] == [f"taskrun {__version__}\n"] * 2


def test_a_task_finds_the_same_around_it(site: Program) -> None:
    def found(done: "subprocess.CompletedProcess[str]") -> list[str]:
        return [line for line in done.stdout.splitlines() if line and not line.startswith("...")][2:]

    warm = site.run("run-task", "Echo")

    assert found(warm) == found(cold(site, "run-task", "Echo"))
    assert any("Asia/Tokyo" in line for line in found(warm))


def test_what_hangs_is_ended_and_harms_no_other(site: Program) -> None:
    site.write("hanging", "class Hangs(AdhocTask):\n    def execute(self):\n        signal.pause()\n")

    with pytest.raises(subprocess.TimeoutExpired):
        WARM.run(["run-task", "Hangs"], cwd=site.root, environ=site.environment(), timeout=2.0)
    assert site.prints("--version").startswith("taskrun ")
